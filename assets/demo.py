"""Entry point of ``mr demo``: the whole graph on the embedded market, ending with a session taken up live.

What belongs here: the order of the show and its last page. Every station, job and sensor in it is the one that real
data goes through.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq

from assets.backfill import chosen, finish, stage_rows, tell
from assets.graph import MODELS
from assets.intraday import RANGE_END_TAG, RANGE_START_TAG
from assets.jobs import END_OF_DAY_JOB
from assets.replay import Replay, replay_session
from assets.session import Opened, opened
from mr_platform import logs
from mr_platform.features.catalogue import catalogue
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from mr_platform.market.simulator.generator import default_sessions
from mr_platform.market.simulator.parameters import EmbeddedMarket, load_embedded_market
from mr_platform.market.simulator.writer import WrittenMarket, write_files
from resources.clock import write_clock

SYMBOLS = ("NIFTY", "BANKNIFTY")
PROFILE = "platform_chain"
REPLAY_SECONDS = 12.0
_MINUTE = re.compile(r"_(\d{2})(\d{2})\.parquet$")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="assets.demo", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--replay-seconds", type=float, default=REPLAY_SECONDS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    logs.configure()
    return finish(lambda: _show(options), options.home, as_json=options.json)


def _show(options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    root: Path = options.home.resolve()
    root.mkdir(parents=True, exist_ok=True)
    clock = root / "clock"
    config = dataclasses.replace(load_embedded_market(), sessions=options.sessions)
    days = default_sessions(config)
    workers = min(os.cpu_count() or 1, 4)
    # everything that asks for the time asks this file from the first run on, long before the live session moves it
    write_clock(clock, nse_calendar().session(days[-1]).open)
    with opened(root, clock=clock) as at:
        at.graph.on_stage = tell
        before: list[WrittenMarket] = []
        last: list[WrittenMarket] = []
        at.graph.timed("embedded market", lambda: _generate(root / "market", config, days, workers, before, last))
        at.graph.timed("ingest", lambda: _ingest(at.lake, before[0], last[0], workers))
        partitions = chosen(at.lake, SYMBOLS, days[0], days[-2])
        # the models see three quarters of the sessions; the rest is answered by models that have not seen it
        at.graph.run_to_regimes(at.lake, partitions, train_until=days[len(days) * 3 // 4])
        played: list[Replay] = []
        at.graph.timed("live session", lambda: _replay(at, clock, days[-1], last[0], options.replay_seconds, played))
        at.graph.timed("end of the day", lambda: [_end_of_day(at, days[-2:])])
        at.graph.stage("marts", "marts", (), [{}])
        document = _document(at, config, days, played[0])
    return page(document), document


def _generate(
    folder: Path,
    config: EmbeddedMarket,
    days: Sequence[date],
    workers: int,
    before: list[WrittenMarket],
    last: list[WrittenMarket],
) -> Sequence[object]:
    write: Callable[..., WrittenMarket] = write_files
    before.append(write(folder, config, symbols=SYMBOLS, sessions=days[:-1], seed=config.seed, workers=workers))
    last.append(write(folder / "live", config, symbols=SYMBOLS, sessions=days[-1:], seed=config.seed, minutely=True))
    return [*before[0].days, *last[0].days]


def _ingest(lake: Lake, before: WrittenMarket, last: WrittenMarket, workers: int) -> Sequence[object]:
    from mr_platform import stations

    stations.ingest_files(lake, "daily_index", list(before.daily))
    rows = stations.ingest_files(lake, PROFILE, [path for day in before.days for path in day.chain], workers=workers)
    for day in (*before.days, *last.days):
        # the planted regimes: no source profile reads them, only the evaluation of models may
        lake.publish("simulator/truth", Partition(day.symbol, day.trade_date), pq.read_table(day.truth))
    return rows


def _replay(
    at: Opened, clock: Path, day: date, market: WrittenMarket, within: float, played: list[Replay]
) -> Sequence[object]:
    minutes: dict[datetime, list[Path]] = {}
    for written in market.days:
        for path in written.chain:
            found = _MINUTE.search(path.name)
            if found is not None:
                start = datetime(day.year, day.month, day.day, int(found.group(1)), int(found.group(2)))
                minutes.setdefault(start, []).append(path)
    played.append(
        replay_session(at.graph, at.home, clock, nse_calendar().session(day), minutes, within=within, on_bar=_tell_bar)
    )
    return played[0].bars


def _tell_bar(bar: str, seconds: float) -> None:
    sys.stderr.write(f"    bar {bar}  {seconds:5.2f} s\n")


def _end_of_day(at: Opened, days: Sequence[date]) -> object:
    symbols = at.environment.live_symbols
    tags = {RANGE_START_TAG: f"{symbols[0]}|{days[0]}", RANGE_END_TAG: f"{symbols[-1]}|{days[-1]}"}
    return at.graph.run(END_OF_DAY_JOB, (), tags)


def _document(at: Opened, config: EmbeddedMarket, days: Sequence[date], played: Replay) -> dict[str, Any]:
    partitions = chosen(at.lake, SYMBOLS, days[0], days[-1])
    quality = [at.lake.read("core/quality_report", p).to_pylist() for p in partitions]
    first = [rows[0] for rows in quality if rows]
    features = at.lake.read("features/c1_triple_straddle", partitions[-1])
    return {
        "home": str(at.home.root),
        "partitions": {"symbol_days": len(partitions), "sessions": len(days), "first": days[0], "last": days[-1]},
        "rows": {
            "raw": sum(row["raw_rows"] for row in first),
            "core": sum(row["core_rows"] for row in first),
            "quarantined": sum(row["quarantined_rows"] for row in first),
        },
        "quarantine": quarantine_by_rule(at.lake, partitions),
        "features": {"columns": len(catalogue()), "rows_a_day": features.num_rows},
        "models": {name: _model(at, name) for name in MODELS},
        "refused": at.graph.refused,
        "regimes": regime_shares(at.lake, partitions),
        "marts": mart_rows(at),
        "live": played.summary(),
        "stages": stage_rows(at),
        "seconds": round(sum(stage.seconds for stage in at.graph.stages), 1),
    }


def quarantine_by_rule(lake: Lake, partitions: Sequence[Partition]) -> dict[str, int]:
    """Refused rows by reason code, the commonest first."""
    counts: Counter[str] = Counter()
    for partition in partitions:
        counts.update(lake.read("core/quarantine", partition, columns=["code"]).column("code").to_pylist())
    return dict(counts.most_common())


def regime_shares(lake: Lake, partitions: Sequence[Partition]) -> dict[str, float]:
    """Share of answered bars by regime; ``no-signal`` where nobody answered."""
    counts: Counter[str] = Counter()
    for partition in partitions:
        rows = lake.read("regimes/master_regime_analysis", partition, columns=["master_regime"])
        counts.update(value or "no-signal" for value in rows.column("master_regime").to_pylist())
    total = sum(counts.values())
    return {name: round(count / total, 4) for name, count in counts.most_common()}


def mart_rows(at: Opened) -> dict[str, int]:
    """Rows of each mart in the warehouse that analysts read."""
    import duckdb

    from mr_platform.warehouse import warehouse_file

    with duckdb.connect(str(warehouse_file(at.home.root)), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts' ORDER BY table_name"
        ).fetchall()
        return {
            name: int(connection.execute(f'SELECT count(*) FROM marts."{name}"').fetchall()[0][0]) for (name,) in names
        }


def _model(at: Opened, name: str) -> dict[str, Any]:
    event = at.graph.instance.get_latest_materialization_event(dg.AssetKey(name.split("/")))
    if event is None or event.asset_materialization is None:
        return {}
    metadata: Mapping[str, dg.MetadataValue] = event.asset_materialization.metadata
    found = {key.removeprefix("found/"): value.value for key, value in metadata.items()}
    return {key: value for key, value in found.items() if not key.startswith("dagster/")}


def page(document: Mapping[str, Any]) -> list[str]:
    """The last page of the demo."""
    days, rows, live = document["partitions"], document["rows"], document["live"]
    lines = [
        "",
        f"Symbol-days     {days['symbol_days']}  ({days['sessions']} sessions x {len(SYMBOLS)} symbols, "
        f"{days['first']} to {days['last']})",
        f"Rows            raw {rows['raw']:,} = core {rows['core']:,} + quarantine {rows['quarantined']:,}",
        "Quarantine      " + ", ".join(f"{code} {count:,}" for code, count in document["quarantine"].items()),
        f"Features        {document['features']['columns']} columns, {document['features']['rows_a_day']} rows a day",
    ]
    for name, model in document["models"].items():
        lines += _model_lines(name, model)
    lines += [f"Refused         {name}: {reason}" for name, reason in document["refused"].items()]
    lines += [
        "Regimes         " + ", ".join(f"{name} {share:.1%}" for name, share in document["regimes"].items()),
        "Marts           " + ", ".join(f"{name.removeprefix('mart_')} {n:,}" for name, n in document["marts"].items()),
        f"Live session    {live['files_dropped']} files dropped, {live['bars_taken']} bars taken, "
        f"median {live['median_seconds']} s, worst {live['worst_seconds']} s a bar",
        "Time            "
        + ", ".join(f"{s['stage']} {s['seconds']:.1f} s" for s in document["stages"])
        + f"; together {document['seconds']:.0f} s",
        "",
        "Open next",
        f"  mr ui --home {document['home']}",
        "      assets, partitions, checks, pictures; materialise one yourself",
        f"  mr regime --home {document['home']} --symbol NIFTY --date {days['last']} --picture regimes.png",
        f'  mr query --home {document["home"]} "SELECT * FROM marts.mart_regime_daily LIMIT 20"',
    ]
    return lines


def _model_lines(name: str, model: Mapping[str, Any]) -> list[str]:
    if not model:
        return [f"Model           {name}: not trained"]
    head = f"Model           {name}: {model.get('version', '')} {model.get('verdict', '')}".rstrip()
    told = str(model.get("table", "")).strip("`\n").splitlines()
    return [head, *(f"    {line}" for line in told)]


if __name__ == "__main__":
    sys.exit(main())
