"""``mr evaluate``: the honest table of a task, and what sets of components are worth on the same sessions."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from mr_platform.commands.arguments import DEFAULT_HOME, HomeOption, JsonOption, open_lake, parse_date, parse_symbol
from mr_platform.errors import MissingPartition

_ALL = "all"


def evaluate(
    task: Annotated[str, typer.Argument(help="regime_nowcast, regime_h12 or regime_h75.")],
    until: Annotated[str | None, typer.Option(help="Last session whose labels may be used; the newest.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Comma list, as NIFTY,BANKNIFTY; all by default.")] = None,
    components: Annotated[
        list[str] | None,
        typer.Option(help="A set of components to train on, for example c1 or c1,c4; again for another. c1 and all."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Train a task on each set of components out of sample, beside every baseline; nothing is registered."""
    from mr_platform import exporting, stations

    lake = open_lake(home)
    labelled = lake.partitions(f"labels/{task}")
    if not labelled:
        raise MissingPartition(
            rule="an evaluation needs labels",
            value="none published",
            place=f"labels/{task}",
            remedy="mr run, or materialise the labels",
        )
    chosen = [parse_symbol(name) for name in symbols.split(",")] if symbols else sorted({p.symbol for p in labelled})
    rows = stations.compare_components(
        lake,
        task,
        chosen,
        until=parse_date(until) if until else max(p.trade_date for p in labelled),
        sets=[_set(text) for text in components or ("c1", _ALL)],
    )
    if as_json:
        exporting.print_json(rows)
        return
    for row in rows:
        sys.stdout.write(f"{row['components']}\n{row['table']}{row['seconds']} s\n\n")
    exporting.print_table([_line(row) for row in rows], title=f"{task}: components on the same sessions")


def _set(text: str) -> tuple[str, ...]:
    from mr_platform.features.catalogue import component
    from mr_platform.features.catalogue import components as catalogued

    if text == _ALL:
        return tuple(entry.key for entry in catalogued())
    return tuple(component(part.strip()).key for part in text.split(","))


def _line(row: dict[str, Any]) -> dict[str, Any]:
    def told(name: str) -> str:
        low, high = row[f"{name}_interval"]
        return f"{row[name]:.3f} [{low:.3f}, {high:.3f}]"

    return {
        "components": row["components"],
        "accuracy": told("accuracy"),
        "macro-F1": told("macro_f1"),
        "MCC": told("mcc"),
        "skill": told("skill"),
        "over": row["best_baseline"],
    }
