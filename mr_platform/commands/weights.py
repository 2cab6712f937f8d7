"""``mr weights``: the component weights in force, how each came about, and taking a change back."""

from __future__ import annotations

import getpass
import os
from typing import Annotated, Any

import typer

from mr_platform.commands.arguments import (
    DEFAULT_HOME,
    HomeOption,
    JsonOption,
    SymbolOption,
    open_lake,
    parse_date,
    parse_symbol,
    show,
)
from mr_platform.errors import UsageError

app = typer.Typer(
    name="weights",
    no_args_is_help=True,
    help="The learned weights of the components: in force, their history, and taking a change back.",
)

DayOption = Annotated[str | None, typer.Option("--date", help="Session, YYYY-MM-DD; the newest by default.")]
BucketOption = Annotated[str | None, typer.Option("--dte", help="Only these days to expiry: 0-7, 8-30 or 31+.")]
ContextOption = Annotated[str | None, typer.Option("--regime", help="Only this regime context, or ANY.")]

_CELL = ["dte_bucket", "regime_context"]


@app.command("show")
def show_weights(
    symbol: SymbolOption,
    day: DayOption = None,
    bucket: BucketOption = None,
    context: ContextOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """The weights in force in a session. A regime without weights of its own weighs as ANY does."""
    from mr_platform import stations

    at = None if day is None else parse_date(day)
    rows = _chosen(stations.weights_in_force(open_lake(home), parse_symbol(symbol), at), bucket, context)
    if as_json:
        show(rows, as_json=True, title="")
        return
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        cell = cells.setdefault((row["dte_bucket"], row["regime_context"]), {name: row[name] for name in _CELL})
        cell[f"c{row['component_id']}"] = round(row["weight_value"], 4)
        cell["since"] = row["last_updated"].date().isoformat()
    show(list(cells.values()), as_json=False, title=f"Component weights of {symbol.upper()}")


@app.command()
def history(
    symbol: SymbolOption,
    component: Annotated[int | None, typer.Option("--component", min=1, max=7, help="Only this component.")] = None,
    bucket: BucketOption = None,
    context: ContextOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Every weight with the one it replaced, its performance and its reason, in the order they came into force."""
    from mr_platform import stations

    every = stations.weight_rows(open_lake(home), parse_symbol(symbol)).to_pylist()
    values = {row["weight_id"]: row["weight_value"] for row in every}
    rows = [
        row | {"previous_value": values.get(row["previous_weight_id"])}
        for row in _chosen(every, bucket, context)
        if component in (None, row["component_id"])
    ]
    if not as_json:
        rows = [row | {"weight_id": row["weight_id"][:8], "since": row["last_updated"].date()} for row in rows]
    columns = ["weight_id", "since", "component_id", *_CELL, "previous_value", "weight_value", "reason"]
    show(rows, as_json=as_json, title=f"Component weights of {symbol.upper()}", columns=columns)


@app.command()
def undo(
    weight_id: Annotated[str, typer.Argument(help="Any weight of the change, or the beginning of its id.")],
    symbol: SymbolOption,
    why: Annotated[str, typer.Option("--why", help="Why, for whoever reads the history.")],
    who: Annotated[str | None, typer.Option("--who", help="Who answers for it; the login name by default.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Take a change back from the session after the newest one on: its seven weights are again what they were before.

    Later changes of the same cell go with it, and it learns from sessions after that alone. The history keeps all.
    """
    from mr_platform import stations

    person = who or os.environ.get("USER") or getpass.getuser()
    decision = stations.undo_weights(open_lake(home), parse_symbol(symbol), weight_id, why, person)
    row = {
        "decision_id": decision.decision_id,
        "in_force_from": decision.session.isoformat(),
        "dte_bucket": decision.cell[0],
        "regime_context": decision.cell[1],
        "weights": list(decision.values),
        "undoes": decision.undoes,
        "reason": decision.reason,
    }
    show([row], as_json=as_json, title="Undone")


def _chosen(rows: list[dict[str, Any]], bucket: str | None, context: str | None) -> list[dict[str, Any]]:
    """The rows of a cell; UsageError where there is none."""
    wanted = None if context is None else context.upper()
    found = [row for row in rows if bucket in (None, row["dte_bucket"]) and wanted in (None, row["regime_context"])]
    if not found:
        raise UsageError(
            rule="weights are held by days to expiry and regime",
            value=f"{bucket or 'every bucket'}, {context or 'every regime'}",
            place="component weights",
            remedy=f"there are {', '.join(sorted({' '.join(row[name] for name in _CELL) for row in rows}))}",
        )
    return found
