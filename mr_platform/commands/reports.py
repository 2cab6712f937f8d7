"""What ``mr config`` tells of a parameter set: check, values, trace, as documents and as lines for people."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mr_platform.errors import UsageError
from mr_platform.features.catalogue import catalogue
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.expressions import EXPRESSION
from mr_platform.parameters.findings import Finding, finding, shown
from mr_platform.parameters.liveness import liveness
from mr_platform.parameters.overrides import variable_of
from mr_platform.parameters.resolution import DEFAULT, ENVIRONMENT, WORKBOOK, ParameterSet, Resolved
from mr_platform.parameters.validation import contradictions_of, located
from mr_platform.parameters.values import to_json
from mr_platform.quality.validation_rules import SHEET, unknown_conditions

_LINES = 200


def check_document(file: Path, found: ParameterSet) -> dict[str, Any]:
    """Everything that is to be said of a workbook, as one document."""
    fate = liveness(found.declared)
    counts = found.counts
    from_workbook = sum(one.origin == WORKBOOK for one in found.resolved.values())
    return {
        "file": file.name,
        "digest": found.digest,
        "sheets": counts.get("sheets", 0),
        "cells": sum(counts.get(what, 0) for what in CELLS),
        "cells_by_use": {what: counts[what] for what in CELLS if counts.get(what)},
        "parameters": counts.get("parameters", 0),
        "records": counts.get("records", 0),
        "values": len(found.resolved),
        "values_from_workbook": from_workbook,
        "values_from_environment": sum(one.origin == "environment" for one in found.resolved.values()),
        "values_by_default": sum(one.origin == "default" for one in found.resolved.values()),
        "errors": _dicts(found.faults),
        "warnings": _dicts((*found.warnings, *_unknown_conditions(found))),
        "remarks": dict(Counter(one.rule for one in found.remarks)),
        # defaults among themselves are no business of the file
        "contradictions": _dicts(one for one in contradictions_of(found) if file.name in one.where),
        "dead": list(fate.dead),
        "planned": [one for ids in fate.planned.values() for one in ids],
        "planned_by_consumer": {name: len(ids) for name, ids in fate.planned.items()},
        "read": len(fate.read),
        "shown": len(fate.shown),
        "unsteered": list(fate.unsteered),
        "features_without_parameters": [feature.name for feature in catalogue() if not feature.parameters],
    }


CELLS = ("value", "name", "description", "header", "title", "note", "unknown")


def print_check(document: dict[str, Any]) -> None:
    """The document for people: counts first, then every finding with its place."""
    uses = ", ".join(f"{count} {what}" for what, count in document["cells_by_use"].items())
    _say(
        f"{document['file']}: {document['sheets']} sheets, {document['cells']} cells ({uses}), "
        f"{document['parameters']} parameters, {document['records']} records"
    )
    _say(
        f"{document['values']} values: {document['values_from_workbook']} from the workbook, "
        f"{document['values_from_environment']} from the environment, {document['values_by_default']} by default"
    )
    for remark, count in document["remarks"].items():
        _say(f"remark: {remark}, {count} cells")
    for kind in ("errors", "warnings", "contradictions"):
        _say(f"{kind}: {len(document[kind])}")
        for one in document[kind][:_LINES]:
            where = one["where"].replace(f"{document['file']}!", "")
            _say(f"  {where}: {one['value']}\n      {one['rule']}; {one['remedy']}")
        if len(document[kind]) > _LINES:
            _say(f"  and {len(document[kind]) - _LINES} more; --json has all")
    _say(f"read by code: {document['read']}, shown to people: {document['shown']}")
    _say(f"planned: {len(document['planned'])}")
    for name, count in document["planned_by_consumer"].items():
        _say(f"  {name}: {count}")
    _say(f"dead: {', '.join(document['dead']) or 'none'}")
    _say(f"fields that code reads and nothing steers: {', '.join(document['unsteered']) or 'none'}")
    _say(f"features whose definition has no parameter: {len(document['features_without_parameters'])}")


def values(found: ParameterSet, sheet: str | None, *, as_data: bool) -> list[dict[str, Any]]:
    """Every value, or those of one sheet, as JSON data or as the workbook writes it.

    UsageError for an unknown sheet.
    """
    known = found.declared
    if sheet is not None and sheet not in known.sheets:
        raise UsageError(
            rule="a sheet is declared in the registry",
            value=sheet,
            place="--sheet",
            remedy=f"use one of {', '.join(known.sheets)}",
        )
    rows = []
    for name, one in found.resolved.items():
        if sheet is not None and not name.startswith(f"{sheet}."):
            continue
        declared = known.parameters.get(name)
        rows.append(
            {
                "id": name,
                "value": to_json(one.value) if as_data else known.shown(name, one.value),
                "unit": declared.unit if declared is not None else "",
                "origin": one.origin,
                "place": one.place,
                "steers": found.consumer_of(name),
            }
        )
    return rows


def trace(found: ParameterSet, name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Where a value comes from and everything that was tried; UsageError with the nearest name.

    ``environment``: an override that was set since the set was made is told of, for it is not in force.
    """
    declared = located(found, name)
    one = found.resolved[declared.id]
    parameter = declared if isinstance(declared, Parameter) else declared.column
    consumer = declared.consumer if isinstance(declared, Parameter) else declared.table.consumer
    field = declared.field if isinstance(declared, Parameter) else declared.table.field
    return {
        "id": one.id,
        "value": to_json(one.value),
        "written": found.declared.shown(one.id, one.value),
        "unit": parameter.unit,
        "kind": parameter.kind.name,
        "low": parameter.low,
        "high": parameter.high,
        "description": parameter.description,
        "origin": one.origin,
        "place": one.place,
        "tried": [{"origin": a.origin, "place": a.place, "found": a.found} for a in one.tried],
        "pending": _pending(variable_of(declared), one, environment),
        "consumer": consumer.name,
        "planned": consumer.planned,
        "field": field,
        "contradictions": [c.as_dict() for c in contradictions_of(found) if one.id in c.where or one.id in c.rule],
    }


def _pending(variable: str, one: Resolved, environment: Mapping[str, str]) -> str:
    """What an override asks for that the set does not say; "" where there is none, or one that goes before it."""
    if variable not in environment or one.origin not in (DEFAULT, ENVIRONMENT) or one.place == variable:
        return ""
    if any(attempt.place == variable and attempt.found.startswith("refused") for attempt in one.tried):
        # it took part and was no value: no run will take it up
        return ""
    return f"{variable}={shown(environment[variable])} was set since; the next run takes it up, or mr config load --yes"


def print_trace(document: dict[str, Any]) -> None:
    """The document for people."""
    unit = f" {document['unit']}" if document["unit"] else ""
    _say(f"{document['id']} = {document['written']}{unit}")
    _say(f"  {document['description']}")
    reader = f"{document['consumer']}{' (planned)' if document['planned'] else ''}"
    _say(f"  read by {reader}{' as ' + document['field'] if document['field'] else ''}")
    for number, attempt in enumerate(document["tried"], start=1):
        _say(f"  {number}. {attempt['origin']}: {attempt['place']}: {attempt['found']}")
    _say(f"  {len(document['tried']) + 1}. {document['origin']}: {document['place']}: taken")
    if document["pending"]:
        _say(f"  not in force: {document['pending']}")
    for one in document["contradictions"]:
        _say(f"  contradiction: {one['where']}: {one['value']} ({one['rule']})")


def _unknown_conditions(found: ParameterSet) -> list[Finding]:
    """Validation rules that could never be evaluated, before anybody relies on them."""
    return [
        finding(
            found.resolved[f"{SHEET}.{rule}.Condition"].place,
            f"{rule}: {EXPRESSION.render(found.values[f'{SHEET}.{rule}.Condition'])}",  # type: ignore[arg-type]
            reason,
            "the rule is never evaluated; correct its condition",
        )
        for rule, reason in unknown_conditions(found).items()
    ]


def _dicts(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [one.as_dict() for one in findings]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
