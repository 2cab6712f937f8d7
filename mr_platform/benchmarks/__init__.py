"""Speed against peers, as ratios within one run: the machine is shared and noisy, a ratio is stable.

A benchmark is a function that gives rows; it imports what it needs when it runs, so that listing them costs nothing.
Both sides start from the same arrays and must agree on the answer before they are timed. A peer that is not installed
(some are development tools only) is left out with a note in the log.

Beside the peer stands the floor of memory: what it takes to bring what a call is given and what it makes past the
processor once, at the bandwidth of a large copy measured in the same run. What the processor's caches hold from call to
call can be brought faster than that.
"""

from __future__ import annotations

import functools
import importlib.util
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mr_platform import logs
from mr_platform.errors import DataError, UsageError

log = logs.get("benchmarks")

Run = Callable[[], Any]
_SECONDS = 2.0
_LEAST_TURNS, _MOST_TURNS = 5, 50
_COPIED = 64 * 2**20


@dataclass(frozen=True)
class BenchResult:
    """One row: best milliseconds (``seconds_of``), those of a peer, how many times faster ours is, what else to note.

    ``floor_share`` of the time that memory alone would take in ours; None where nothing can be said.
    """

    name: str
    ours_ms: float | None
    peer: str = ""
    peer_ms: float | None = None
    ratio: float | None = None
    floor_share: float | None = None
    note: str = ""


Benchmark = Callable[[], list[BenchResult]]


def known() -> dict[str, Benchmark]:
    """Every benchmark by name, in the order in which all of them run."""
    from mr_platform.benchmarks import features, kernels

    return {**kernels.BENCHMARKS, "features": features.run, "config": _config, "migration": _migration}


def run_benchmarks(names: list[str] | None = None) -> list[BenchResult]:
    """Results of the benchmarks named, or of all, in the order of ``known``; ``kernels`` names all of the kernels.

    UsageError for an unknown name; DataError when a peer gives another answer than ours.
    """
    from mr_platform.benchmarks.kernels import BENCHMARKS

    benchmarks, wanted = known(), set(names or known())
    if "kernels" in wanted:
        wanted = wanted - {"kernels"} | set(BENCHMARKS)
    unknown = sorted(wanted - set(benchmarks))
    if unknown:
        raise UsageError(
            rule="the benchmark is a known one",
            value=", ".join(unknown),
            place="mr bench",
            remedy=f"known: {', '.join(benchmarks)}, and kernels for all before features",
        )
    results = []
    for name, function in benchmarks.items():
        if name in wanted:
            with logs.stage("benchmark", benchmark=name):
                results += function()
    return results


def seconds_of(run: Run) -> float:
    """What one call takes: the smaller of wall clock and processor time.

    Waiting for other people's processes is not counted, nor is it held against a peer that it takes several cores.
    """
    wall, processor = time.perf_counter(), time.process_time()
    run()
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    return min(wall, processor)


def best_ms(*sides: Run) -> list[float]:
    """Best time of one call of each in milliseconds, taken in turns so that all see the same moments of the machine.

    One call of each is not counted. A shorter side gets up to ten calls in each turn.
    """
    calls, best, spent, turns = [1] * len(sides), [float("inf")] * len(sides), 0.0, 0
    for side in sides:
        side()
    while turns < _LEAST_TURNS or (spent < _SECONDS and turns < _MOST_TURNS):
        for i, side in enumerate(sides):
            for _ in range(calls[i]):
                begun = time.perf_counter()
                best[i] = min(best[i], seconds_of(side))
                spent += time.perf_counter() - begun
        turns += 1
        calls = [max(1, min(10, int(max(best) / own))) for own in best]
    return [one * 1_000 for one in best]


@functools.lru_cache(maxsize=1)
def bandwidth() -> float:
    """Bytes a second of one core that copies an array far larger than the caches, read and written both counted."""
    source = np.ones(_COPIED // 8)
    target = np.empty_like(source)
    (took,) = best_ms(lambda: np.copyto(target, source))
    return 2 * source.nbytes / took * 1_000


def share_of_floor(touched: int, ours_ms: float) -> float:
    """The time that memory alone needs for so many bytes, over the time taken."""
    return float(f"{touched / bandwidth() * 1_000 / ours_ms:.2g}")


def result(name: str, ours_ms: float, *, touched: int | None = None, note: str = "", **peer: Any) -> BenchResult:
    """A row; ``peer`` and ``peer_ms`` where there is one, ``touched`` bytes given and made."""
    share = None if touched is None else share_of_floor(touched, ours_ms)
    peer_ms = peer.get("peer_ms")
    return BenchResult(
        name,
        round(ours_ms, 4),
        peer.get("peer", ""),
        None if peer_ms is None else round(peer_ms, 4),
        None if peer_ms is None else round(peer_ms / ours_ms, 2),
        share,
        note,
    )


def compare(
    name: str,
    ours: Run,
    peers: Mapping[str, tuple[str, Run]],
    *,
    tolerance: float | None = 1e-7,
    touched: int | None = None,
) -> list[BenchResult]:
    """Times ours against each peer: label -> (module it needs, call).

    With a tolerance, a peer's answer must equal ours (relative to its largest value, NaN against NaN) before it is
    timed. ``touched`` bytes of what ours is given and makes.
    """
    results = []
    for label, (module, run) in peers.items():
        if importlib.util.find_spec(module) is None:
            log.warning("peer left out: not installed", extra={"fields": {"benchmark": name, "peer": label}})
            continue
        if tolerance is not None:
            agree(name, label, np.asarray(ours()), np.asarray(run()), tolerance)
        ours_ms, peer_ms = best_ms(ours, run)
        results.append(result(name, ours_ms, touched=touched, peer=label, peer_ms=peer_ms))
    return results


def agree(name: str, label: str, ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> None:
    """DataError unless both answers are equal up to ``tolerance`` times ours' largest value."""
    scale = float(np.nanmax(np.abs(ours)))
    if not np.allclose(ours, theirs, rtol=0, atol=tolerance * scale, equal_nan=True):
        raise DataError(
            rule="a peer is compared only where it gives our answer",
            value=f"largest difference {np.nanmax(np.abs(ours - theirs))} of {scale}",
            place=f"benchmark {name} against {label}",
            remedy="find out which of the two is wrong",
        )


def _config() -> list[BenchResult]:
    """A workbook read, loaded with validation, and loaded from the cache, against openpyxl's own read."""
    from mr_platform.parameters import benchmark as parameters

    return [BenchResult(**row._asdict()) for row in parameters.run()]


def _migration() -> list[BenchResult]:
    """A million rows x 48 columns from the HeavyDB stand-in to proven Parquet, beside the client's own ways."""
    from mr_platform.migration import benchmark as migration

    return [BenchResult(**row._asdict()) for row in migration.run()]
