"""Run the graph in this process: what ``mr run`` and ``mr demo`` do, through the same jobs the daemon launches.

What belongs here: which runs bring the lake's symbol-days through the graph, in which order. A run covers a
rectangle of keys; a lake with gaps needs one run for each unbroken rectangle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from assets.features import FEATURE_TABLES
from assets.intraday import RANGE_END_TAG, RANGE_START_TAG
from assets.metadata import quality_metadata, shown_path
from assets.models import REFUSALS
from assets.partitions import contiguous, partition_symbols
from mr_platform.environments import Environment
from mr_platform.errors import DataError, UsageError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake, Publication
from mr_platform.market.sessions import nse_calendar

# In this process Dagster's own log lines would drown the result; errors are raised.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

CORE_TABLE = "core/option_chain"
INGESTED = ("raw/option_chain", "core/option_chain", "core/quarantine", "core/quality_report")
BEFORE_MODELS = ("core/daily_context", *FEATURE_TABLES)
LABELS = ("labels/regime_h12", "labels/regime_h75", "labels/regime_nowcast")
MODELS = ("models/regime_h12", "models/regime_h75", "models/regime_nowcast")
REGIMES = (
    "regimes/component_analysis_results",
    "regimes/master_regime_analysis",
    "regimes/adaptive_learning_weights",
    "regimes/component_performance",
)


class RunRefused(DataError):
    """A run ended because the platform refused its data; what it published before stays."""


@dataclass(frozen=True)
class Rectangle:
    """Symbols first to last (in partition order) x sessions first to last: what one run covers."""

    symbols: tuple[str, str]
    dates: tuple[date, date]

    @property
    def tags(self) -> dict[str, str]:
        """The run tags that name it."""
        return {
            RANGE_START_TAG: f"{self.symbols[0]}|{self.dates[0]}",
            RANGE_END_TAG: f"{self.symbols[1]}|{self.dates[1]}",
        }


@dataclass(frozen=True)
class Stage:
    """One step of a whole run: its name, its seconds of wall clock, how many runs it took."""

    name: str
    seconds: float
    runs: int


def rectangles(partitions: Iterable[Partition], order: Sequence[str]) -> list[Rectangle]:
    """The fewest date-ordered rectangles that cover exactly ``partitions``, cut where a session is missing."""
    calendar = nse_calendar()
    days: dict[date, set[str]] = {}
    for partition in partitions:
        days.setdefault(partition.trade_date, set()).add(partition.symbol)
    found: list[Rectangle] = []
    open_ones: dict[tuple[str, str], date] = {}
    previous: date | None = None
    for day in sorted(days):
        stretches = set(contiguous(sorted(days[day]), order))
        unbroken = previous is not None and calendar.next(previous) == day
        for stretch in [s for s in open_ones if not unbroken or s not in stretches]:
            found.append(Rectangle(stretch, (open_ones.pop(stretch), previous or day)))
        for stretch in stretches:
            open_ones.setdefault(stretch, day)
        previous = day
    found += [Rectangle(stretch, (first, previous)) for stretch, first in open_ones.items() if previous is not None]
    return sorted(found, key=lambda rectangle: (rectangle.dates, order.index(rectangle.symbols[0])))


class Graph:
    """The definitions of a home, executed in this process against its Dagster instance."""

    def __init__(self, defs: dg.Definitions, instance: dg.DagsterInstance, environment: Environment) -> None:
        self.defs = defs
        self.instance = instance
        self.environment = environment
        self.stages: list[Stage] = []
        self.refused: dict[str, str] = {}
        self.on_stage: Callable[[Stage], None] = lambda stage: None

    def run(
        self, job: str, assets: Sequence[str], tags: Mapping[str, str], config: Mapping[str, Any] | None = None
    ) -> dg.ExecuteInProcessResult:
        """One run of ``assets`` of a job; DataError with the first failure of the run.

        ``config`` by asset: what its own config class takes.
        """
        ops = {name.replace("/", "__"): {"config": dict(given)} for name, given in (config or {}).items()}
        result = self.defs.resolve_job_def(job).execute_in_process(
            run_config=QUIET | {"ops": ops},
            instance=self.instance,
            tags=dict(tags),
            asset_selection=[dg.AssetKey(name.split("/")) for name in assets] or None,
            raise_on_error=False,
        )
        if not result.success:
            kind, reason = _failure(result)
            raise kind(
                rule=f"the {job} run succeeds",
                value=reason,
                place=f"run {result.run_id}, {tags.get(RANGE_START_TAG, '')}..{tags.get(RANGE_END_TAG, '')}",
                remedy="open the run in the UI; what was published before it stays",
            )
        return result

    def stage(self, name: str, job: str, assets: Sequence[str], covers: Sequence[Mapping[str, str]]) -> None:
        """Run ``assets`` once for each set of tags, and note how long it took."""
        self.timed(name, lambda: [self.run(job, assets, tags) for tags in covers])

    def timed(self, name: str, work: Callable[[], Sequence[object]]) -> None:
        """Do ``work`` as a stage."""
        started = time.perf_counter()
        done = work()
        self._close(Stage(name, round(time.perf_counter() - started, 2), len(done)))

    def _train(self, until: date | None) -> list[object]:
        """The models side by side: too few sessions for one leaves its rules standing in, and is told of."""
        done: list[object] = []
        try:
            done.append(self.run("train", MODELS, {}, {"models": {"until": until.isoformat() if until else ""}}))
        except RunRefused as refusal:
            for said in str(refusal.value).removeprefix("models: ").split(REFUSALS):
                task, _, reason = said.partition(": ")
                self.refused[f"models/{task}"] = reason
        return done

    def _close(self, stage: Stage) -> None:
        self.stages.append(stage)
        self.on_stage(stage)

    def run_all(self, lake: Lake, partitions: Sequence[Partition]) -> None:
        """Everything after ingest for ``partitions``: context to features, labels, models, regimes, marts."""
        self.run_to_regimes(lake, partitions)
        self.stage("marts", "marts", (), [{}])

    def run_to_regimes(self, lake: Lake, partitions: Sequence[Partition], *, train_until: date | None = None) -> None:
        """As ``run_all``, up to the regimes.

        ``train_until``: last session whose labels the models may use (default: the newest). The sessions after it
        are answered by models that have not seen them.
        """
        known = partition_symbols(self.environment)
        strangers = sorted({p.symbol for p in partitions} - set(known))
        if strangers:
            raise UsageError(
                rule="the graph has partitions for the symbol",
                value=strangers,
                place="assets/partitions.py",
                remedy=f"it has {', '.join(known)}",
            )
        early = sorted(str(p) for p in partitions if p.trade_date < self.environment.start_date)
        if early:
            raise UsageError(
                rule=f"the partitions of environment {self.environment.name} start on {self.environment.start_date}",
                value=early[0],
                place="configs/environments.yaml",
                remedy="choose another environment by MR_ENV, or move its start_date",
            )
        covers = [rectangle.tags for rectangle in rectangles(partitions, known)]
        self.timed("record what was ingested", lambda: record_ingested(self.instance, lake, partitions))
        self.stage("parameters", "parameters", (), [{}])
        self.stage("context and features", "backfill", BEFORE_MODELS, covers)
        self.stage("labels", "backfill", LABELS, covers)
        self.timed("models", lambda: self._train(train_until))
        self.stage("regimes", "backfill", REGIMES, covers)


def record_ingested(instance: dg.DagsterInstance, lake: Lake, partitions: Iterable[Partition]) -> list[str]:
    """Tell Dagster of raw and core partitions that ``mr ingest`` has published; keys of the ones that were new to it.

    A partition whose last recorded digest is the published one is left alone.
    """
    recorded = []
    for table in INGESTED:
        key = dg.AssetKey(table.split("/"))
        known = instance.get_latest_materialization_events([key]).get(key)
        seen = instance.get_materialized_partitions(key) if known is not None else set()
        for partition in partitions:
            published = _published(lake, table, partition)
            last = _digest_of_last(instance, key, partition) if str(partition) in seen else ""
            if not published or last == _digest(published):
                continue
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    key,
                    partition=str(partition),
                    metadata={
                        "dagster/row_count": sum(item.rows for item in published),
                        "digest": _digest(published),
                        "path": shown_path(lake, published[0]),
                        **(quality_metadata(lake, partition) if table == CORE_TABLE else {}),
                    },
                )
            )
            recorded.append(f"{table} {partition}")
    return recorded


def _published(lake: Lake, table: str, partition: Partition) -> list[Publication]:
    sources = lake.sources(table, partition) if table.startswith("raw/") else [""]
    found = [lake.describe(table, partition, source=source) for source in sources]
    return [item for item in found if item is not None]


def _digest(published: Sequence[Publication]) -> str:
    return "+".join(item.digest for item in published)


def _digest_of_last(instance: dg.DagsterInstance, key: dg.AssetKey, partition: Partition) -> str:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=[str(partition)]), limit=1
    ).records
    if not records or records[0].asset_materialization is None:
        return ""
    digest = records[0].asset_materialization.metadata.get("digest")
    return str(digest.value) if digest is not None else ""


def _failure(result: dg.ExecuteInProcessResult) -> tuple[type[DataError], str]:
    """What stopped the run, and whether the platform refused it or the program broke."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data is not None and data.user_failure_data.description:
                return RunRefused, f"{event.step_key}: {data.user_failure_data.description}"
            error = data.error
            while error is not None and error.cause is not None:
                error = error.cause
            return DataError, f"{event.step_key}: {error.message.strip() if error else event.message}"
    return DataError, "the run failed before its first step"
