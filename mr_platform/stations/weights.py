"""Stations of the component weights: in force in a session, learned from the sessions before, set back by people.

The state of a symbol's weights is the partition of its last session. The next one follows from it, from how the
sessions since then turned out and from what was decided: nothing else, so a re-run in order of dates gives the same
bytes.
``learned_from`` chains what each partition was made of; where it is unchanged the partition is not made again.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from mr_platform.errors import MissingPartition, UsageError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import IST, nse_calendar
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.regimes import COMPONENTS, WeightParameters
from mr_platform.regimes.adaptation import Decision, next_weights
from mr_platform.regimes.performance import SessionPerformance, read_performance, session_performance
from mr_platform.regimes.results import RegimeTables
from mr_platform.regimes.weights import Cell, identify, start_weights
from mr_platform.regimes.weights_in_force import WeightsInForce, read_weights
from mr_platform.stations.parameters import in_force, stamp
from mr_platform.stations.report import StationReport, Timer, publish
from schemas.weights import UNDO, WEIGHT_DECISIONS

WEIGHTS = "regimes/adaptive_learning_weights"
PERFORMANCE = "regimes/component_performance"
DECISIONS = "regimes/weight_decisions"
LEARNED_FROM = "learned_from"
# What a weight is made with: start values and bounds, and C8's rule of learning.
LEARNING = (WeightParameters, MasterIntegrationParameters)


def publish_start_weights(lake: Lake, symbol: str) -> Partition:
    """The start values of the component weights, in force since the calendar's first session; their partition.

    They stand in that session's partition whoever asks and however often, so that each weight has one row.
    """
    calendar = nse_calendar()
    first = calendar.session(calendar.between(calendar.first, calendar.last)[0])
    at = Partition(symbol, first.trade_date)
    rows = start_weights(symbol, first.open.replace(tzinfo=IST), in_force(lake, WeightParameters))
    lake.publish(WEIGHTS, at, rows, metadata=stamp(lake, WeightParameters))
    return at


def weights_of(lake: Lake, partition: Partition, timer: Timer) -> WeightsInForce:
    """The weights in force in a session; published in its partition where that is not made of the same yet."""
    first = publish_start_weights(lake, partition.symbol)
    held = [p for p in lake.partitions(WEIGHTS, symbol=partition.symbol) if p.trade_date < partition.trade_date]
    if not held:
        return read_weights(lake.read(WEIGHTS, first))
    before = held[-1]
    earlier = [p for p in lake.partitions(PERFORMANCE, symbol=partition.symbol) if p.trade_date < partition.trade_date]
    decided = [p for p in lake.partitions(DECISIONS, symbol=partition.symbol) if p.trade_date <= partition.trade_date]
    new = [p for p in earlier if p.trade_date >= before.trade_date]
    steering = stamp(lake, *LEARNING)
    made_of = _made_of(lake, before, new, [p for p in decided if p.trade_date > before.trade_date], steering)
    published = lake.describe(WEIGHTS, partition)
    if published is not None and published.metadata.get(LEARNED_FROM) == made_of:
        return read_weights(lake.read(WEIGHTS, partition))
    settings = in_force(lake, MasterIntegrationParameters)
    moment = nse_calendar().session(partition.trade_date).open.replace(tzinfo=IST)
    weights = next_weights(
        read_weights(lake.read(WEIGHTS, before)),
        performances(lake, partition),
        moment,
        settings,
        since=before.trade_date,
        decisions=[one for at in decided for one in read_decisions(lake.read(DECISIONS, at), at.trade_date)],
    )
    publish(lake, WEIGHTS, partition, weights.table(), timer, metadata=steering | {LEARNED_FROM: made_of})
    return weights


def publish_performance(
    lake: Lake, partition: Partition, tables: RegimeTables, labels: pa.Table, timer: Timer
) -> StationReport:
    """How the answers of a session that is over turned out, by its labels known at its close."""
    close = nse_calendar().session(partition.trade_date).close.replace(tzinfo=IST)
    rows = session_performance(
        partition.symbol, partition.trade_date, tables.components, tables.dte, labels, known_by=close
    )
    return publish(lake, PERFORMANCE, partition, rows, timer)


def weights_in_force(lake: Lake, symbol: str, day: date | None = None) -> list[dict[str, Any]]:
    """Rows of the weights in force in a session, the newest by default; MissingPartition where it has none."""
    rows: list[dict[str, Any]] = lake.read(WEIGHTS, held_weights(lake, symbol, day)).to_pylist()
    return rows


def held_weights(lake: Lake, symbol: str, day: date | None = None) -> Partition:
    """Where the weights of a session stand, the newest by default; MissingPartition where the symbol has none."""
    held = lake.partitions(WEIGHTS, symbol=symbol)
    if not held:
        raise MissingPartition(
            rule="the symbol has component weights",
            value=symbol,
            place=WEIGHTS,
            remedy="publish its regimes first (mr run)",
        )
    return held[-1] if day is None else Partition(symbol, day)


def performances(lake: Lake, partition: Partition) -> list[SessionPerformance]:
    """How the sessions before one turned out, oldest first, as many as are looked back over."""
    earlier = [p for p in lake.partitions(PERFORMANCE, symbol=partition.symbol) if p.trade_date < partition.trade_date]
    lookback = in_force(lake, MasterIntegrationParameters).learning.lookback
    found = [_performance(lake, one) for one in earlier[-lookback:]]
    return [one for one in found if one is not None]


def weight_rows(lake: Lake, symbol: str) -> pa.Table:
    """Every weight of a symbol, each once, in the order in which they came into force."""
    held_weights(lake, symbol)
    tables = [lake.read(WEIGHTS, one) for one in lake.partitions(WEIGHTS, symbol=symbol)]
    seen: set[str] = set()
    rows = []
    for row in pa.concat_tables(tables).to_pylist():
        if row["weight_id"] not in seen:
            seen.add(row["weight_id"])
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=tables[0].schema.remove_metadata())


def undo_weights(lake: Lake, symbol: str, weight_id: str, why: str, who: str) -> Decision:
    """Take a change back: from the session after the newest one on, its cell weighs what it did before the change.

    ``weight_id``: any of the seven rows of the change, or the beginning of one; ``who`` answers for it. Later changes
    of the cell go with it, and the cell learns from sessions after the undoing alone. What was answered before stays as
    it was answered. UsageError for an unknown or ambiguous id, a start value, or a reason that says nothing.
    """
    if not why.strip() or not who.strip():
        raise UsageError(
            rule="an undoing has a reason and somebody who answers for it",
            value=(why, who),
            place=f"weights of {symbol}",
            remedy="say why, and who",
        )
    rows = {row["weight_id"]: row for row in weight_rows(lake, symbol).to_pylist()}
    found = [row for name, row in rows.items() if name.startswith(weight_id)] if weight_id else []
    if len(found) != 1 or found[0]["previous_weight_id"] is None:
        raise UsageError(
            rule="one change of the symbol's weights has that id",
            value=weight_id if len(found) < 2 else f"{weight_id}: {len(found)} rows",
            place=f"weights of {symbol}",
            remedy="take an id from mr weights history; a start value replaced nothing",
        )
    cell: Cell = (found[0]["dte_bucket"], found[0]["regime_context"])
    change = [
        row
        for row in rows.values()
        if (row["dte_bucket"], row["regime_context"]) == cell and row["last_updated"] == found[0]["last_updated"]
    ]
    back = [rows[row["previous_weight_id"]] for row in sorted(change, key=lambda row: int(row["component_id"]))]
    newest = held_weights(lake, symbol).trade_date
    session = nse_calendar().next(newest)
    decision = Decision(
        decision_id=identify("decision", symbol, UNDO, found[0]["weight_id"], session),
        kind=UNDO,
        session=session,
        cell=cell,
        values=tuple(row["weight_value"] for row in back),
        performance=tuple(row["performance_metric"] for row in back),
        reason=f"{found[0]['weight_id']} by {who.strip()}: {why.strip()}",
        undoes=found[0]["weight_id"],
    )
    record(lake, symbol, decision)
    return decision


def record(lake: Lake, symbol: str, decision: Decision) -> None:
    """Keep a decision in the partition of the session from which it holds; the same decision once."""
    at = Partition(symbol, decision.session)
    kept = [lake.read(DECISIONS, at)] if lake.describe(DECISIONS, at) is not None else []
    present = {name for table in kept for name in table["decision_id"].to_pylist()}
    if decision.decision_id not in present:
        lake.publish(DECISIONS, at, pa.concat_tables([*kept, decision_rows(symbol, decision)]).combine_chunks())


def decision_rows(symbol: str, decision: Decision) -> pa.Table:
    """Rows of regimes/weight_decisions, one for each component."""
    rows = [
        {
            "decision_id": decision.decision_id,
            "kind": decision.kind,
            "symbol": symbol,
            "component_id": component,
            "dte_bucket": decision.cell[0],
            "regime_context": decision.cell[1],
            "weight_value": value,
            "performance_metric": performance,
            "reason": decision.reason,
            "weight_id": decision.undoes,
        }
        for component, value, performance in zip(COMPONENTS, decision.values, decision.performance, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=WEIGHT_DECISIONS.arrow())


def read_decisions(table: pa.Table, session: date) -> list[Decision]:
    """The decisions in a partition, in the order in which they were taken."""
    found: dict[str, list[dict[str, object]]] = {}
    for row in table.to_pylist():
        found.setdefault(row["decision_id"], []).append(row)
    return [_decision(name, rows, session) for name, rows in found.items()]


def _decision(name: str, rows: Sequence[dict[str, object]], session: date) -> Decision:
    ordered = sorted(rows, key=lambda row: int(str(row["component_id"])))
    first = ordered[0]
    measures = [row["performance_metric"] for row in ordered]
    return Decision(
        decision_id=name,
        kind=str(first["kind"]),
        session=session,
        cell=(str(first["dte_bucket"]), str(first["regime_context"])),
        values=tuple(float(str(row["weight_value"])) for row in ordered),
        performance=tuple(None if one is None else float(str(one)) for one in measures),
        reason=str(first["reason"]),
        undoes=None if first["weight_id"] is None else str(first["weight_id"]),
    )


def _made_of(
    lake: Lake, before: Partition, new: Sequence[Partition], decided: Sequence[Partition], steering: dict[str, str]
) -> str:
    """What a session's weights are made of: those before, the sessions since, decisions, parameters."""
    base = lake.describe(WEIGHTS, before)
    parts = [str(before), "" if base is None else base.metadata.get(LEARNED_FROM, "") + base.digest]
    for table, partitions in ((PERFORMANCE, new), (DECISIONS, decided)):
        for one in partitions:
            found = lake.describe(table, one)
            parts += [table, str(one), "" if found is None else found.digest]
    parts += [f"{key}={value}" for key, value in sorted(steering.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _performance(lake: Lake, partition: Partition) -> SessionPerformance | None:
    found = lake.path(PERFORMANCE, partition).stat()
    return _read_performance(str(lake.root), partition, found.st_mtime_ns, found.st_size)


@functools.lru_cache(maxsize=4096)
def _read_performance(root: str, partition: Partition, stamp_ns: int, size: int) -> SessionPerformance | None:
    return read_performance(Lake(Path(root)).read(PERFORMANCE, partition))
