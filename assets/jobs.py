"""Jobs, schedules and the failure sensor: what runs when, and who hears of it when it does not."""

import json

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from assets.checks import EXPECTATIONS
from assets.core import CORE
from assets.features import FEATURE_TABLES
from assets.intraday import BAR_TAG, INTRADAY_JOB, LANE_TAG, RANGE_END_TAG, RANGE_START_TAG
from assets.partitions import TIMEZONE
from mr_platform import logs
from mr_platform.environments import Environment
from mr_platform.market.sessions import nse_calendar
from resources.clock import Clock
from resources.environment import Folders

BACKFILL_JOB = "backfill"
TRAIN_JOB = "train"
PARAMETERS_JOB = "parameters"
END_OF_DAY_JOB = "end_of_day"
MARTS_JOB = "marts"

_DAY_LAYERS = ("raw", "core", "features", "labels", "regimes")
# a check with a step of its own, and seconds of imports: the end of the day alone has time for it
_SUITE = dg.AssetSelection.checks(dg.AssetCheckKey(CORE, EXPECTATIONS))
_INTRADAY_ASSETS = (
    "raw/option_chain",
    "core/option_chain",
    "core/quarantine",
    "core/quality_report",
    "core/daily_context",
    *FEATURE_TABLES,
    "regimes/component_analysis_results",
    "regimes/master_regime_analysis",
    "regimes/adaptive_learning_weights",
    "regimes/component_performance",
)


def backfill_job() -> AssetJob:
    """Every symbol-day layer of a partition, from raw to regimes."""
    return dg.define_asset_job(
        BACKFILL_JOB,
        selection=dg.AssetSelection.groups(*_DAY_LAYERS) - _SUITE,
        description="Source to regimes for any set of symbol-days.",
        tags={LANE_TAG: BACKFILL_JOB},
        executor_def=dg.in_process_executor,
    )


def intraday_job() -> AssetJob:
    """Today's chain to today's regimes, up to the bar in the run's tags; no models, no marts, no reports."""
    return dg.define_asset_job(
        INTRADAY_JOB,
        selection=dg.AssetSelection.assets(*(name.split("/") for name in _INTRADAY_ASSETS)) - _SUITE,
        description="The newest bar of all live symbols, to its regime.",
        tags={LANE_TAG: INTRADAY_JOB, "dagster/priority": "10"},
        # one process a bar: starting one for each step would cost more than the steps
        executor_def=dg.in_process_executor,
    )


def parameters_job() -> AssetJob:
    """The parameter set in force, taken up from the workbook or the lake."""
    return dg.define_asset_job(
        PARAMETERS_JOB,
        selection=dg.AssetSelection.groups("parameters"),
        description="Take up the workbook of the home and tell of the parameters in force.",
        executor_def=dg.in_process_executor,
    )


def train_job() -> AssetJob:
    """All models on all labelled symbol-days."""
    return dg.define_asset_job(
        TRAIN_JOB,
        selection=dg.AssetSelection.groups("models"),
        description="Train and evaluate every task.",
        executor_def=dg.in_process_executor,
    )


def end_of_day_job() -> AssetJob:
    """The whole day of a symbol, with the table-level expectations at its end."""
    return dg.define_asset_job(
        END_OF_DAY_JOB,
        selection=dg.AssetSelection.groups(*_DAY_LAYERS) | _SUITE,
        description="After the close: the whole day again from raw, every check, every picture.",
        tags={LANE_TAG: END_OF_DAY_JOB},
        executor_def=dg.in_process_executor,
    )


def marts_job() -> AssetJob:
    """The reporting warehouse, built aside and swapped in."""
    return dg.define_asset_job(
        MARTS_JOB,
        selection=dg.AssetSelection.groups("staging", "marts"),
        description="Rebuild the marts from the lake and swap the warehouse file.",
        executor_def=dg.in_process_executor,
    )


def end_of_day_schedule(environment: Environment, job: AssetJob) -> dg.ScheduleDefinition:
    """16:15 IST of every session: one run for all live symbols of the day and of the session before."""
    first, last = environment.live_symbols[0], environment.live_symbols[-1]

    @dg.schedule(
        name="after_the_close",
        job=job,
        cron_schedule="15 16 * * *",
        execution_timezone=TIMEZONE,
    )
    def after_the_close(context: dg.ScheduleEvaluationContext, clock: Clock) -> dg.RunRequest | dg.SkipReason:
        today = clock.now().date()
        calendar = nse_calendar()
        if not calendar.is_session(today):
            return dg.SkipReason(f"{today} is no session; the next is {calendar.next(today)}")
        day = today.isoformat()
        return dg.RunRequest(
            run_key=day,
            tags={
                # the session before again: its labels of one session's horizon end today
                RANGE_START_TAG: f"{first}|{calendar.previous(today)}",
                RANGE_END_TAG: f"{last}|{day}",
                LANE_TAG: END_OF_DAY_JOB,
            },
        )

    return after_the_close


def failure_sensor() -> dg.SensorDefinition:
    """Writes every failed run to the log and to ``HOME/alerts.jsonl``, one JSON line a run."""

    @dg.run_failure_sensor(
        name="run_failed",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the operators of every failed run: job, bar or partition, error.",
    )
    def run_failed(context: dg.RunFailureSensorContext, folders: Folders) -> None:
        run = context.dagster_run
        entry = {
            "job": run.job_name,
            "run_id": run.run_id,
            "bar": run.tags.get(BAR_TAG, ""),
            "partition": run.tags.get("dagster/partition", ""),
            "error": context.failure_event.message,
        }
        logs.get("assets.alerts").error("run failed", extra={"fields": entry})
        with (folders.home().root / "alerts.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(entry, sort_keys=True) + "\n")

    return run_failed
