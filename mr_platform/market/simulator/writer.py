"""The embedded market as files, the way a vendor or a live collector would leave them.

    option_chain/NIFTY_2024-07-01.parquet              a symbol's session (profile platform_chain)
    option_chain/NIFTY_2024-07-01/NIFTY_2024-07-01_0915.parquet    with ``minutely``, one minute each
    daily/nifty.parquet, daily/indiavix.parquet        daily bars before the first session (profile daily_index)
    truth/NIFTY_2024-07-01.parquet                     the latent regimes, which no source profile reads

A file appears under its name only when it is whole.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mr_platform.market.simulator.generator import SymbolDay, check_symbols, simulate_session
from mr_platform.market.simulator.layout import PLATFORM_CHAIN
from mr_platform.market.simulator.parameters import EmbeddedMarket
from mr_platform.market.simulator.timeline import VIX_SYMBOL, SessionInputs, build_timeline

_TEXT_COLUMNS = [field.name for field in PLATFORM_CHAIN if pa.types.is_dictionary(field.type)]


@dataclass(frozen=True)
class WrittenDay:
    """The files of one symbol's session: ``chain`` in order of time, its ``truth``, rows and planted flaws."""

    symbol: str
    trade_date: date
    chain: tuple[Path, ...]
    truth: Path
    rows: int
    planted: dict[str, int]


@dataclass(frozen=True)
class WrittenMarket:
    """All files of a generated market: symbol-days in order of date and symbol, and the daily bars."""

    days: tuple[WrittenDay, ...]
    daily: tuple[Path, ...]


def write_files(
    out_dir: Path,
    config: EmbeddedMarket,
    *,
    symbols: Sequence[str],
    sessions: Sequence[date],
    seed: int,
    as_of: datetime | None = None,
    minutely: bool = False,
    workers: int = 1,
) -> WrittenMarket:
    """Generate and write; the files' bytes do not depend on ``workers``.

    ``as_of`` as in ``generator.generate_sessions``. With ``workers`` above 1 whole sessions go to processes.
    """
    chosen = check_symbols(config, symbols)
    timeline = build_timeline(config, sessions, seed)
    first = min(timeline.inputs)
    daily = tuple(
        _write_atomically(
            out_dir / "daily" / f"{name.lower()}.parquet",
            timeline.daily_bars((name,), first)
            .select(["trade_date", "open", "high", "low", "close"])
            .rename_columns(["date", "open", "high", "low", "close"]),
        )
        for name in (*chosen, VIX_SYMBOL)
    )
    write = functools.partial(
        _write_session, out_dir, config, symbols=chosen, seed=seed, as_of=as_of, minutely=minutely
    )
    inputs = [timeline.inputs[day] for day in sorted(timeline.inputs)]
    if workers <= 1:
        written = [write(entry) for entry in inputs]
    else:
        # fresh interpreters: a forked one would inherit locks of Arrow's threads
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            written = list(pool.map(write, inputs, chunksize=4))
    return WrittenMarket(tuple(day for session in written for day in session), daily)


def split_minutes(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each minute, with its start as HHMM, in order of time."""
    times = table.column("trade_time").combine_chunks()
    seconds = times.cast(pa.int32())
    for second in pc.unique(seconds).to_pylist():
        yield f"{second // 3600:02d}{second % 3600 // 60:02d}", table.filter(pc.equal(seconds, second))


def _write_session(
    out_dir: Path,
    config: EmbeddedMarket,
    inputs: SessionInputs,
    *,
    symbols: Sequence[str],
    seed: int,
    as_of: datetime | None,
    minutely: bool,
) -> list[WrittenDay]:
    days = simulate_session(config, inputs, symbols, seed, as_of)
    return [_write_day(out_dir, inputs.trade_date, day, minutely=minutely) for day in days]


def _write_day(out_dir: Path, trade_date: date, day: SymbolDay, *, minutely: bool) -> WrittenDay:
    stem = f"{day.symbol}_{trade_date}"
    folder = out_dir / "option_chain"
    if minutely:
        chain = tuple(
            _write_atomically(folder / stem / f"{stem}_{minute}.parquet", part)
            for minute, part in split_minutes(day.table)
        )
    else:
        chain = (_write_atomically(folder / f"{stem}.parquet", day.table),)
    truth = _write_atomically(out_dir / "truth" / f"{stem}.parquet", day.truth)
    return WrittenDay(day.symbol, trade_date, chain, truth, day.table.num_rows, day.planted)


def _write_atomically(path: Path, table: pa.Table) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        pq.write_table(
            table, aside, compression="zstd", compression_level=1, use_dictionary=_TEXT_COLUMNS, write_statistics=False
        )
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return path
