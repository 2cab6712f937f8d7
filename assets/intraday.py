"""The intraday path: every five minutes the sensor looks whether the bar has landed and asks for one run.

What belongs here: which bar is due, whether it has landed, and what to ask Dagster for. The run itself
re-materialises today's partitions up to that bar through the same assets as any backfill. Nothing heavy is
imported on this path.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition as AssetJob,  # what define_asset_job returns; not exported under dagster
)

from assets.materialise import AS_OF_TAG
from assets.partitions import contiguous, partition_symbols
from mr_platform.environments import Environment
from mr_platform.market.sessions import Session, SessionCalendar, nse_calendar
from resources.clock import Clock
from resources.environment import Folders

INTRADAY_JOB = "intraday"
LANE_TAG = "mr/lane"
BAR_TAG = "mr/bar"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

# Asks the landing folder whether all of a symbol's data up to a moment (naive IST) is there; "" or why not.
Probe = Callable[[str, datetime], str]


@dataclass(frozen=True)
class Bar:
    """One intraday bar: its start, and the moment it closes (naive IST)."""

    start: datetime
    close: datetime

    @property
    def key(self) -> str:
        """Date and start of the bar, e.g. ``2025-02-14 10:00``: the sensor's run key and cursor."""
        return self.start.strftime("%Y-%m-%d %H:%M")


@dataclass(frozen=True)
class Decision:
    """What the sensor does: take ``symbols`` of ``bar``, or nothing, and why."""

    bar: Bar | None
    symbols: tuple[str, ...]
    reason: str


def newest_closed_bar(session: Session, now: datetime, minutes: int) -> Bar | None:
    """The last bar of ``minutes`` minutes that had closed by ``now`` (naive IST); None before the first.

    Bars start with each window of the session; the last bar of a window ends with it, however short.
    """
    newest = None
    for opens, closes in session.windows:
        start = datetime.combine(session.trade_date, opens)
        end = datetime.combine(session.trade_date, closes)
        while start < end:
            close = min(start + timedelta(minutes=minutes), end)
            if close > now:
                return newest
            newest = Bar(start, close)
            start = close
    return newest


def decide(
    now: datetime,
    environment: Environment,
    calendar: SessionCalendar,
    probe: Probe,
    last_key: str,
) -> Decision:
    """Which bar to take at ``now`` (naive IST), given the key of the last one taken.

    Only the newest closed bar is ever asked for: the day's partition covers the ones missed before it. While
    symbols are missing the bar waits ``grace_seconds`` after its close, then goes without them.
    """
    today = now.date()
    if not calendar.is_session(today):
        kind = "a weekend" if today.weekday() >= 5 else "an exchange holiday"
        return Decision(None, (), f"{today} is {kind}; next session {calendar.next(today)}")
    session = calendar.session(today)
    bar = newest_closed_bar(session, now, environment.bar_minutes)
    if bar is None:
        first = session.open + timedelta(minutes=environment.bar_minutes)
        return Decision(None, (), f"no bar of {today} has closed; the first closes at {first:%H:%M}")
    if bar.key <= last_key:
        return Decision(None, (), _nothing_newer(bar, session, environment.bar_minutes))
    waiting = {symbol: reason for symbol in environment.live_symbols if (reason := probe(symbol, bar.close))}
    landed = tuple(symbol for symbol in environment.live_symbols if symbol not in waiting)
    missing = "; ".join(f"{symbol}: {reason}" for symbol, reason in waiting.items())
    if not landed:
        return Decision(None, (), f"bar {bar.key} has not landed: {missing}")
    if waiting and now < bar.close + timedelta(seconds=environment.grace_seconds):
        return Decision(None, (), f"bar {bar.key} waits for {', '.join(waiting)}: {missing}")
    reason = f"bar {bar.key} has landed" + (f", without {missing}" if waiting else "")
    return Decision(bar, landed, reason)


def run_requests(decision: Decision, environment: Environment) -> list[dg.RunRequest]:
    """One run for the bar and all its symbols; one more for each gap between symbols that have not landed."""
    bar = decision.bar
    if bar is None:
        return []
    day = bar.start.date().isoformat()
    stretches = contiguous(decision.symbols, partition_symbols(environment))
    return [
        dg.RunRequest(
            run_key=bar.key if len(stretches) == 1 else f"{bar.key} {first}..{last}",
            tags={
                RANGE_START_TAG: f"{first}|{day}",
                RANGE_END_TAG: f"{last}|{day}",
                AS_OF_TAG: bar.close.isoformat(),
                BAR_TAG: bar.key,
                LANE_TAG: INTRADAY_JOB,
            },
        )
        for first, last in stretches
    ]


def intraday_sensor(
    environment: Environment, job: AssetJob, probe: Callable[[Path], Probe] | None = None
) -> dg.SensorDefinition:
    """The sensor. Registered stopped: an operator, the demo or a test turns it on."""

    @dg.sensor(
        name="bars_landed",
        job=job,
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=f"Asks every few seconds whether the newest {environment.bar_minutes}-minute bar has landed.",
    )
    def bars_landed(
        context: dg.SensorEvaluationContext, clock: Clock, folders: Folders
    ) -> dg.SensorResult | dg.SkipReason:
        landing = folders.home().landing
        asked = probe(landing) if probe is not None else landing_probe(landing, environment)
        busy = bars_at_work(context.instance)
        if busy:
            return dg.SkipReason(f"bar {busy[0]} is still at work; the newest bar is taken after it")
        now = clock.now().replace(tzinfo=None)
        decision = decide(now, environment, nse_calendar(), asked, context.cursor or "")
        if decision.bar is None:
            return dg.SkipReason(decision.reason)
        context.log.info(decision.reason)
        return dg.SensorResult(run_requests=run_requests(decision, environment), cursor=decision.bar.key)

    return bars_landed


def bars_at_work(instance: dg.DagsterInstance) -> list[str]:
    """Bars whose run is queued or running: a bar behind them would only wait, and be old when its turn comes."""
    runs = instance.get_runs(
        dg.RunsFilter(
            job_name=INTRADAY_JOB,
            statuses=[
                dg.DagsterRunStatus.QUEUED,
                dg.DagsterRunStatus.NOT_STARTED,
                dg.DagsterRunStatus.STARTING,
                dg.DagsterRunStatus.STARTED,
                dg.DagsterRunStatus.CANCELING,
            ],
        ),
        limit=8,
    )
    return sorted(run.tags.get(BAR_TAG, run.run_id) for run in runs)


def landing_probe(landing: Path, environment: Environment) -> Probe:
    """The probe of the landing folder for the environment's live profile."""

    def ask(symbol: str, close: datetime) -> str:
        from mr_platform.sources.landing import probe

        return probe(landing, environment.live_profile, symbol, close)

    return ask


def _nothing_newer(bar: Bar, session: Session, minutes: int) -> str:
    if bar.close >= session.close:
        return f"bar {bar.key} was taken; the session of {session.trade_date} is over"
    following = min(bar.close + timedelta(minutes=minutes), session.close)
    return f"bar {bar.key} was taken; the next closes by {following:%H:%M}"
