"""Entry point of ``mr run``: the graph from core to the marts for what the lake holds."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from assets.graph import INGESTED, Stage, rectangles
from assets.partitions import partition_symbols
from assets.session import Opened, opened
from mr_platform import logs
from mr_platform.errors import MissingPartition, MrError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake

# the source profile of what mr migrate moves
MOVED = "heavydb"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="assets.backfill", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--symbol", action="append", default=[])
    parser.add_argument("--from", dest="first", type=date.fromisoformat, default=date.min)
    parser.add_argument("--to", dest="last", type=date.fromisoformat, default=date.max)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    logs.configure()
    return finish(lambda: _run(options), options.home, as_json=options.json)


def finish(work: Any, home: Path, *, as_json: bool) -> int:
    """Do ``work`` with stdout kept for its result; a platform error becomes a message and its exit code."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        # stdout carries one document: what dbt prints on it goes to a file beside the data
        with (home / "last_run.log").open("w") as sink, contextlib.redirect_stdout(sink):
            lines, document = work()
    except MrError as error:
        if as_json:
            sys.stdout.write(json.dumps(error.as_dict(), indent=2) + "\n")
        sys.stderr.write(f"mr: {error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n" if as_json else "\n".join(lines) + "\n")
    return 0


def _run(options: argparse.Namespace) -> tuple[list[str], dict[str, Any]]:
    with opened(options.home) as at:
        at.graph.on_stage = tell
        waiting = without_core(at.lake, options.symbol, options.first, options.last)
        if waiting:
            covers = [one.tags for one in rectangles(waiting, partition_symbols(at.environment))]
            at.graph.stage("core of what was moved", "backfill", INGESTED, covers)
        partitions = chosen(at.lake, options.symbol, options.first, options.last)
        at.graph.run_all(at.lake, partitions)
        document = {
            "home": str(at.home.root),
            "symbol_days": len(partitions),
            "first": partitions[0].trade_date.isoformat(),
            "last": max(p.trade_date for p in partitions).isoformat(),
            "stages": stage_rows(at),
            "refused": at.graph.refused,
        }
    lines = [f"{len(partitions)} symbol-days, {document['first']} to {document['last']}"]
    lines += [f"refused: {name}: {reason}" for name, reason in at.graph.refused.items()]
    return lines, document


def chosen(lake: Lake, symbols: Sequence[str], first: date, last: date) -> list[Partition]:
    """Ingested symbol-days of the lake, sorted; MissingPartition where none fits."""
    found = [
        partition
        for partition in lake.partitions("core/option_chain")
        if first <= partition.trade_date <= last and (not symbols or partition.symbol in symbols)
    ]
    if not found:
        raise MissingPartition(
            rule="the lake holds ingested symbol-days in the range asked for",
            value=f"{', '.join(symbols) or 'any symbol'}, {first} to {last}",
            place=str(lake.root),
            remedy="ingest some first: mr ingest PROFILE PATH...",
        )
    return found


def without_core(lake: Lake, symbols: Sequence[str], first: date, last: date) -> list[Partition]:
    """Symbol-days that were moved into raw from another database and whose core is not made from that, sorted.

    Files get their core when they are ingested; what is moved gets it here.
    """
    moved = [
        partition
        for partition in lake.partitions("raw/option_chain", source=MOVED)
        if first <= partition.trade_date <= last and (not symbols or partition.symbol in symbols)
    ]
    cores = {partition: lake.describe("core/option_chain", partition) for partition in moved}
    return [p for p, core in cores.items() if core is None or core.metadata.get("profile") != MOVED]


def tell(stage: Stage) -> None:
    """One line a stage on stderr."""
    sys.stderr.write(f"  {stage.name:<28} {stage.seconds:7.1f} s  {stage.runs} runs\n")


def stage_rows(at: Opened) -> list[dict[str, Any]]:
    """The stages so far, for JSON."""
    return [{"stage": s.name, "seconds": s.seconds, "runs": s.runs} for s in at.graph.stages]


if __name__ == "__main__":
    sys.exit(main())
