"""Stations that make a market where none is at hand: simulated sessions, or options on a real index path, as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa

from mr_platform.errors import MissingPartition
from mr_platform.lake.store import Lake

INDEX_BARS, DAILY_BARS = "core/index_bars", "core/daily_bars"
VOLATILITY_INDEX = "INDIAVIX"


def simulate(
    out: Path, *, symbols: Sequence[str], first: date | None, sessions: int, seed: int | None, minutely: bool = False
) -> list[Path]:
    """Write sessions of the embedded market below ``out``; the chain files, which the profile platform_chain reads.

    ``first`` and ``seed`` default to configs/embedded_market.yaml. ``minutely``: one file a minute, as a collector
    would drop them.
    """
    from mr_platform.market.simulator.generator import default_sessions
    from mr_platform.market.simulator.parameters import load_embedded_market
    from mr_platform.market.simulator.writer import write_files

    config = load_embedded_market()
    config = replace(config, sessions=sessions, first_session=first or config.first_session)
    written = write_files(
        out,
        config,
        symbols=list(symbols) or list(config.symbols),
        sessions=default_sessions(config),
        seed=config.seed if seed is None else seed,
        minutely=minutely,
    )
    return [path for day in written.days for path in day.chain]


def simulate_on_index(lake: Lake, out: Path, *, symbol: str, first: date, last: date, seed: int | None) -> list[Path]:
    """Write option chains on the real path of an index, from the lake's one-minute bars and India VIX.

    Only the options are synthetic. MissingPartition where the lake has no index bars in the range, or no India VIX.
    """
    import pyarrow.parquet as pq

    from mr_platform.market.simulator.index_driven import simulate_on_path
    from mr_platform.market.simulator.parameters import load_embedded_market

    days = [p for p in lake.partitions(INDEX_BARS, symbol=symbol) if first <= p.trade_date <= last]
    volatility = lake.partitions(DAILY_BARS, symbol=VOLATILITY_INDEX)
    for found, what, how in (
        (days, f"one-minute bars of {symbol} from {first} to {last}", "an index profile"),
        (volatility, f"daily bars of {VOLATILITY_INDEX}", "the profile daily_index"),
    ):
        if not found:
            raise MissingPartition(
                rule="options on a real path need the path and the volatility index",
                value=f"no {what}",
                place=str(lake.root),
                remedy=f"ingest them with {how}",
            )
    bars = pa.concat_tables([lake.read(INDEX_BARS, p).replace_schema_metadata(None) for p in days])
    config = load_embedded_market()
    made = simulate_on_path(
        config,
        symbol=symbol,
        index_bars=bars,
        daily_vix=lake.read(DAILY_BARS, volatility[-1]),
        seed=config.seed if seed is None else seed,
    )
    folder = out / "option_chain"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for day in made:
        path = folder / f"{day.symbol}_{day.trade_date}.parquet"
        scratch = path.with_suffix(".part")
        pq.write_table(day.table, scratch, compression="zstd", compression_level=1)
        paths.append(scratch.replace(path))
    return paths
