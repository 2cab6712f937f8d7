"""A session played again: minute files dropped into the landing folder, taken up by the sensor and its job.

What belongs here: moving the clock, the files and the sensor, as a collector and the daemon would. The sensor and
the job are the ones the daemon runs; nothing of them is repeated here.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

from assets.graph import Graph
from assets.intraday import BAR_TAG, INTRADAY_JOB
from mr_platform.environments import Home
from mr_platform.market.sessions import Session
from resources.clock import Clock, write_clock
from resources.environment import Folders

SENSOR = "bars_landed"


@dataclass
class Replay:
    """What happened: the bars taken, the seconds each run took, how often the sensor had nothing to do and why."""

    bars: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    files: int = 0

    def summary(self) -> dict[str, object]:
        """For JSON and the demo's last page."""
        return {
            "files_dropped": self.files,
            "bars_taken": len(self.bars),
            "first_bar": self.bars[0] if self.bars else "",
            "last_bar": self.bars[-1] if self.bars else "",
            "median_seconds": round(statistics.median(self.seconds), 2) if self.seconds else None,
            "worst_seconds": round(max(self.seconds), 2) if self.seconds else None,
            "ticks_skipped": sum(self.skipped.values()),
        }


def replay_session(
    graph: Graph,
    home: Home,
    clock: Path,
    session: Session,
    minutes: Mapping[datetime, Sequence[Path]],
    *,
    within: float,
    on_bar: Callable[[str, float], None] = lambda bar, seconds: None,
) -> Replay:
    """Play a session in about ``within`` seconds of wall clock.

    ``minutes``: the files of each minute by the bar's start (naive IST). The session's clock runs on while a bar is
    worked on, as it does in life, so on a slow machine some bars are overtaken: the sensor takes the newest, which
    covers them. The last bar is always taken.
    """
    played = Replay()
    folder = home.landing / graph.environment.live_profile
    folder.mkdir(parents=True, exist_ok=True)
    waiting = sorted(minutes)
    length = session.close - session.open
    started = time.monotonic()
    cursor: str | None = None
    while True:
        share = min((time.monotonic() - started) / within, 1.0)
        now = session.open + timedelta(seconds=length.total_seconds() * share)
        while waiting and waiting[0] + timedelta(minutes=1) <= now:
            played.files += _drop(minutes[waiting.pop(0)], folder)
        write_clock(clock, now)
        answer = _tick(graph, home, clock, cursor)
        if isinstance(answer, dg.SkipReason):
            reason = str(answer.skip_message)
            played.skipped[reason] = played.skipped.get(reason, 0) + 1
            if share >= 1.0:
                return played
            time.sleep(min(within / 750, 0.2))
            continue
        cursor = answer.cursor
        for request in answer.run_requests or []:
            before = time.perf_counter()
            graph.run(INTRADAY_JOB, (), dict(request.tags))
            took = time.perf_counter() - before
            played.bars.append(request.tags[BAR_TAG])
            played.seconds.append(took)
            on_bar(request.tags[BAR_TAG], took)


def _drop(files: Sequence[Path], folder: Path) -> int:
    """As a collector does: written aside under a name that nobody reads, then renamed."""
    for path in files:
        aside = folder / f".{path.name}.part"
        shutil.copyfile(path, aside)
        aside.replace(folder / path.name)
    return len(files)


def _tick(graph: Graph, home: Home, clock: Path, cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    sensor = graph.defs.resolve_sensor_def(SENSOR)
    context = dg.build_sensor_context(
        instance=graph.instance,
        cursor=cursor,
        resources={
            "clock": Clock(file=str(clock)),
            "folders": Folders(environment_name=graph.environment.name, root=str(home.root)),
        },
    )
    answer = sensor(context)
    assert isinstance(answer, dg.SensorResult | dg.SkipReason)
    return answer
