"""The features of a made symbol-day: by component against pandas, from Parquet, by ticks, and what memory they take."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mr_platform.benchmarks import BenchResult, best_ms, result, seconds_of
from mr_platform.errors import DataError
from mr_platform.features import (
    made_day,
    pandas_twin,
    pandas_twin_c2,
    pandas_twin_c3,
    pandas_twin_c4,
    pandas_twin_inputs,
)
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.context import daily_context
from mr_platform.features.engine import FeatureStream
from mr_platform.features.inputs import SessionInputs, session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import CHAIN_READ, CORE_COLUMNS, Components, all_components
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.sessions import Session

BARS, STRIKES = made_day.BARS, made_day.STRIKES
CORE = "core/option_chain"
DAY_GOAL_MS, TICK_GOALS_MS, TWIN_GOAL = 60, (1, 4), 20
WORKER_GOAL_MB, STATE_GOAL_MB = 400, 32
_SEED = 11
"""Of a session without a tie at a cut: there the order of a sum decides, and pandas adds in another."""
_TICK = 5
_SESSIONS = 3
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12

Twin = Callable[..., pandas_twin.Columns]
TWINS: Mapping[str, Twin] = {
    "c1": pandas_twin.c1,
    "c2": pandas_twin_c2.c2,
    "c3": pandas_twin_c3.c3,
    "c4": pandas_twin_c4.c4,
}


@dataclass(frozen=True, eq=False)
class Market:
    """Two made sessions: the context that the first leaves, and the second as core table, chain and inputs.

    ``outputs`` of all components over the second, ``start`` what is known before its first bar.
    """

    session: Session
    cores: tuple[pa.Table, pa.Table]
    context: DailyContext
    components: Components
    inputs: SessionInputs
    outputs: Mapping[str, ComponentOutput]
    start: SessionStart

    @property
    def partition(self) -> Partition:
        """The second session's."""
        return Partition(self.start.symbol, self.session.trade_date)


def made_market(bars: int, strikes: int) -> Market:
    """The seeded market: five expiries, both legs, a listed future."""
    first, second = made_day.SESSION_DATE, made_day.SESSION_DATE + timedelta(days=1)
    cores = (
        made_day.core_table(made_day.made_chain(bars, strikes, seed=1), first),
        made_day.core_table(made_day.made_chain(bars, strikes, seed=_SEED), second),
    )
    stream = FeatureStream(made_day.made_session(bars, first), roomy=False)
    stream.push(cores[0], until=24 * 60)
    chain, ran = stream.so_far()
    context, session = daily_context(chain, ran=ran), made_day.made_session(bars, second)
    chain = OptionChainDay.from_core(cores[1], session, **CHAIN_READ)
    components = all_components()
    outputs = {key: ComponentOutput.empty(bars, len(one.features)) for key, one in components.items()}
    inputs = session_inputs(chain, bars, outputs=outputs)
    start = SessionStart(second, bars, int(inputs.dte[0]), chain.underlying, previous=context, symbol=chain.symbol)
    for key, one in components.items():
        one.compute(inputs, outputs[key], 0, bars, one.begin(start))
    return Market(session, cores, context, components, inputs, outputs, start)


def run() -> list[BenchResult]:
    """Every row, DataError where a twin gives other numbers than ours."""
    market = made_market(BARS, STRIKES)
    by_component = _components(market)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        days = [market.start.trade_date - timedelta(days=1), market.start.trade_date]
        for day, core in zip(days, market.cores, strict=True):
            lake.publish(CORE, Partition(market.start.symbol, day), core)
        from_parquet = _from_parquet(lake, market, by_component)
        worker = _worker(folder, market.start.symbol, [day.isoformat() for day in days])
    return [*by_component, _together(by_component), *from_parquet, *_ticks(market), worker, _state(market)]


def _components(market: Market) -> list[BenchResult]:
    """Each component over the session's inputs, those that have a twin beside it."""
    rows = []
    inputs, frames = market.inputs, pandas_twin.frames_of(market.inputs)
    for key, component in market.components.items():
        names = [spec.name for spec in component.features]
        scratch = ComponentOutput.empty(inputs.minutes.size, len(names))

        def ours(one: Any = component, out: ComponentOutput = scratch) -> None:
            one.compute(inputs, out, 0, inputs.minutes.size, one.begin(market.start))

        touched = 8 * inputs.minutes.size * (_floats_read(key, inputs.strikes_listed.size) + len(names) + 3)
        if key not in TWINS:
            rows.append(result(f"features {key}", *best_ms(ours), touched=touched, note=f"{len(names)} features"))
            continue

        def theirs(one: Any = component, twin: Twin = TWINS[key]) -> pandas_twin.Columns:
            return twin(frames, inputs, one.begin(market.start), market.start)

        columns = theirs()
        _agree(key, names, market.outputs[key].values, columns)
        times = best_ms(ours, theirs)
        peer = f"pandas, {len(columns)} of {len(names)}"
        rows.append(result(f"features {key}", times[0], touched=touched, peer=peer, peer_ms=times[1]))
    return rows


def _floats_read(key: str, strikes: int) -> int:
    """Numbers a minute that the definitions of a component read of its inputs."""
    near = 15 * 2
    return {
        "c1": 9 * 5 + 9 * 5 + 5,
        "c2": near * 10 + 12 + 3,
        "c3": near * 3 + strikes * 2 + 11,
        "c4": 3 * strikes * 2 + 12,
        "c5": 3 * 5,
        "c6": 30 + 2 * 5,
        "c7": 2 * strikes * 2 + 2 * 5,
        "c8": 7 * 3,
    }[key]


def _agree(key: str, names: list[str], ours: np.ndarray, columns: pandas_twin.Columns) -> None:
    for name, column in columns.items():
        _same(key, name, ours[:, names.index(f"{key}_{name}")], np.asarray(column, float))


def _same(key: str, name: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    """DataError unless both are equal to nine digits, NaN against NaN."""
    if not np.allclose(ours, theirs, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True):
        raise DataError(
            rule="a peer is compared only where it gives our answer",
            value=name,
            place=f"benchmark features {key}",
            remedy="find out which of the two is wrong",
        )


def _together(rows: list[BenchResult]) -> BenchResult:
    """C1 to C4 beside their twins, all of ours against what the twins have."""
    twins = [row for row in rows if row.peer_ms is not None]
    ours, theirs = (sum(getattr(row, name) for row in twins) for name in ("ours_ms", "peer_ms"))
    counts = np.array([row.peer.removeprefix("pandas, ").split(" of ") for row in twins], int).sum(axis=0)
    peer = f"pandas, {counts[0]} of {counts[1]}"
    return result("features c1 to c4", ours, peer=peer, peer_ms=theirs, note=f"goal {TWIN_GOAL}x")


def _from_parquet(lake: Lake, market: Market, by_component: list[BenchResult]) -> list[BenchResult]:
    """Reading, inputs, and the whole symbol-day from its file."""
    partition, bars = market.partition, market.inputs.minutes.size
    path, columns = lake.path(CORE, partition), list(CORE_COLUMNS)

    def read() -> pa.Table:
        return lake.read(CORE, partition, columns=columns)

    def pandas_read() -> Any:
        import pandas as pd

        return pd.read_parquet(path, columns=columns)

    def inputs() -> Any:
        chain = OptionChainDay.from_core(core, market.session, symbol=market.start.symbol, **CHAIN_READ)
        return session_inputs(chain, bars, outputs=market.outputs)

    def whole() -> Any:
        stream = FeatureStream(market.session, symbol=partition.symbol, previous=market.context, roomy=False)
        return stream.push(read(), until=24 * 60)

    def pandas_inputs() -> Mapping[str, np.ndarray]:
        return pandas_twin_inputs.inputs(rows, made_day.STEP)

    core, rows = read(), pandas_read()
    for name, theirs in pandas_inputs().items():
        _same("inputs", name, getattr(market.inputs, name), theirs)
    read_ms, whole_ms, pandas_read_ms = best_ms(read, whole, pandas_read)
    inputs_ms, pandas_inputs_ms = best_ms(inputs, pandas_inputs)
    twins_ms = pandas_read_ms + pandas_inputs_ms + sum(row.peer_ms for row in by_component if row.peer_ms is not None)
    made = sum(value.nbytes for value in vars(market.inputs).values() if isinstance(value, np.ndarray))
    written = sum(out.values.nbytes for out in market.outputs.values())
    on_disk = path.stat().st_size
    read_bytes, made_bytes = on_disk + core.nbytes, core.nbytes + made
    whole_note = f"goal {DAY_GOAL_MS} ms; the peer without C5 to C8"
    return [
        result("read from Parquet", read_ms, touched=read_bytes, peer="pandas", peer_ms=pandas_read_ms),
        result(
            "inputs from the core table",
            inputs_ms,
            touched=made_bytes,
            peer="pandas and NumPy",
            peer_ms=pandas_inputs_ms,
            note="chain, forwards, volatilities, Greeks",
        ),
        result(
            "symbol-day from Parquet",
            whole_ms,
            touched=read_bytes + made_bytes + made + written,
            peer="pandas and NumPy",
            peer_ms=twins_ms,
            note=whole_note,
        ),
    ]


def _ticks(market: Market) -> list[BenchResult]:
    """Five new minutes at a time through a session; the best of some sessions for each of its ticks."""
    bars, rows = market.inputs.minutes.size, market.cores[1].num_rows // market.inputs.minutes.size
    core = market.cores[1].select(list(CORE_COLUMNS)).combine_chunks()
    pieces = [core.slice(i * rows, _TICK * rows) for i in range(0, bars, _TICK)]
    sessions = []
    for _ in range(_SESSIONS):
        stream = FeatureStream(market.session, symbol=market.start.symbol, previous=market.context)
        taken = []
        for i, piece in enumerate(pieces):
            until = int(market.session.bar_minutes[min((i + 1) * _TICK, bars) - 1])
            taken.append(1_000 * seconds_of(functools.partial(stream.push, piece, until=until)))
        sessions.append(taken)
    best = np.min(sessions, axis=0)
    outputs = _TICK * 8 * sum(out.values.shape[1] for out in market.outputs.values())
    touched = pieces[0].nbytes + outputs
    return [
        result(
            f"tick, {name}",
            float(np.quantile(best, share)),
            touched=touched,
            note=f"goal {goal} ms; {len(best)} ticks, best of {_SESSIONS} runs",
        )
        for name, share, goal in zip(("p50", "p99"), (0.5, 0.99), TICK_GOALS_MS, strict=True)
    ]


def _worker(lake: str, symbol: str, days: list[str]) -> BenchResult:
    """Most memory of a process that publishes two symbol-days."""
    command = [sys.executable, "-m", "mr_platform.benchmarks.worker", lake, symbol, *days]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak = int(done.stdout.splitlines()[-1]) / 1024
    return BenchResult("memory of a worker", None, note=f"{peak:.0f} MB at most; goal {WORKER_GOAL_MB} MB")


def _state(market: Market) -> BenchResult:
    """Bytes that a stream holds of a symbol at its close: chain, inputs, outputs and what components carry."""
    stream = FeatureStream(market.session, symbol=market.start.symbol, previous=market.context)
    stream.push(market.cores[1].select(list(CORE_COLUMNS)), until=24 * 60)
    size = held_bytes(stream) / 2**20
    return BenchResult("state of a symbol", None, note=f"{size:.1f} MB; goal {STATE_GOAL_MB} MB")


def held_bytes(root: object) -> int:
    """Bytes of all arrays and tables that can be reached from an object of ours, each buffer once."""
    seen: set[int] = set()
    buffers: dict[int, int] = {}
    waiting: list[object] = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            whole = one
            while isinstance(whole.base, np.ndarray):
                whole = whole.base
            buffers[whole.ctypes.data] = max(buffers.get(whole.ctypes.data, 0), whole.nbytes)
        elif isinstance(one, pa.Table):
            for column in one.columns:
                for chunk in column.chunks:
                    for buffer in chunk.buffers():
                        if buffer is not None:
                            buffers[buffer.address] = buffer.size
        elif isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one
        elif type(one).__module__.startswith("mr_platform"):
            waiting += vars(one).values() if hasattr(one, "__dict__") else []
    return sum(buffers.values())
