"""Change one value where it stands in a workbook file, once the set as a whole has been judged with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from mr_platform.errors import DataError, UsageError
from mr_platform.parameters.registry import CellOfRecord
from mr_platform.parameters.resolution import WORKBOOK, resolve
from mr_platform.parameters.validation import located, validated, with_value
from mr_platform.parameters.values import CellValue
from mr_platform.parameters.workbook import read_workbook
from mr_platform.parameters.writing import Writing, write_value


def write_cell(
    file: Path, name: str, value: CellValue, *, environment: Mapping[str, str], backup_at: datetime | None
) -> Writing:
    """Write a value into the cell that holds the parameter or record called ``name``.

    UsageError where the workbook has no such cell or the value is refused, DataError where the set then breaks a rule
    that it kept before.
    """
    workbook = read_workbook(file)
    before = validated(resolve(workbook, environment))
    declared = located(before, name)
    found = before.resolved[declared.id]
    if found.origin != WORKBOOK:
        raise UsageError(
            rule="the workbook has a cell for the parameter",
            value=declared.id,
            place=file.name,
            remedy=f"add its row to the sheet, or set it in the home: mr config set {declared.id} {value} --why ...",
        )
    after = with_value(before, declared.id, value, place=found.place)
    added = [fault for fault in after.faults if fault not in before.faults]
    if added:
        raise DataError(rule=added[0].rule, value=added[0].value, place=added[0].where, remedy=added[0].remedy)
    kind = declared.column.kind if isinstance(declared, CellOfRecord) else declared.kind
    accepted = after.values[declared.id]
    assert accepted is not None  # a text that was given is a value
    sheet, address = found.place.split("!")[-2:]
    return write_value(file, sheet, address, kind.render(accepted), digest=workbook.digest, backup_at=backup_at)
