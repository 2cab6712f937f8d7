"""The mutation score of the verification: every single damage, wherever it strikes, is caught by a named check.

Each damage of the table strikes a session of its own: on the wire of the first pull, at the source after the transfer,
and in the published Parquet file (written anew with a valid footer). Then come raw bytes of the file and the ledger.
``pytest -rP`` shows the table of damage and checks.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import moved as world
import numpy as np
import pyarrow as pa
import pytest
from moved import TABLE, Moved

from mr_platform.errors import CorruptPartition
from mr_platform.lake.store import Lake
from mr_platform.migration.reader import RAW
from mr_platform.migration.standin.changes import (
    drop_row,
    duplicate_row,
    flip_bit,
    set_value,
    swap_cells,
    swap_rows,
)
from mr_platform.migration.standin.faults import Fault
from mr_platform.migration.verify import Verification

Change = Callable[[pa.Table], pa.Table]


def cell(row: int, column: str, value: object) -> Change:
    return lambda table: set_value(table, row=row, column=column, value=value)


def bit(column: str, at: int) -> Change:
    return lambda table: flip_bit(table, row=11, column=column, bit=at)


def swapped_values(table: pa.Table) -> pa.Table:
    """Two rows in each other's place; their row ids, where there are any, stay where they were."""
    rows = swap_rows(table, first=11, second=12)
    if "rowid" in table.column_names:
        rows = rows.set_column(rows.schema.get_field_index("rowid"), table.schema.field("rowid"), table.column("rowid"))
    return rows


# the key's columns, and of the others one of each type
ONE_OF_EACH_TYPE = (
    *("trade_date", "trade_time", "expiry_date", "strike", "index_name", "ce_symbol", "dte", "zone_id", "ce_oi"),
    *("future_volume", "spot", "pe_rho", "ce_rho", "future_open", "ce_coi", "future_close", "future_coi"),
)
# a flipped bit 0 would make trade_date the day of another damage; bit 12 leads out of the table
DAMAGES: dict[str, Change] = {
    **{f"lowest bit of {name}": bit(name, 12 if name == "trade_date" else 0) for name in ONE_OF_EACH_TYPE},
    "sign bit of ce_close": bit("ce_close", 63),
    "highest exponent bit of spot": bit("spot", 62),
    "highest bit of ce_volume": bit("ce_volume", 62),
    "a high bit of a decimal": bit("ce_rho", 36),
    "sign bit of a float32": bit("pe_rho", 31),
    "NULL for ''": cell(7, "zone_name", None),
    "'' for NULL": cell(6, "zone_name", ""),
    "'NULL' for NULL": cell(6, "zone_name", "NULL"),
    "NULL for 'NULL'": cell(8, "zone_name", None),
    "'' for 'NULL'": cell(8, "zone_name", ""),
    "a trailing blank more": cell(10, "expiry_bucket", "x "),
    "a trailing blank less": cell(9, "expiry_bucket", " x"),
    "0.0 for -0.0": cell(0, "ce_open", 0.0),
    "-0.0 for 0.0": cell(1, "ce_open", -0.0),
    "the payload of a NaN": cell(3, "ce_open", float("nan")),
    "NULL for NaN": cell(2, "ce_open", None),
    "NaN for NULL": cell(4, "ce_open", float("nan")),
    "0.0 for the least double": cell(5, "ce_open", 0.0),
    "0 for NULL": cell(10, "ce_oi", 0),
    "false for NULL": cell(10, "future_coi", False),
    "a time by one second": cell(11, "trade_time", time(9, 16, 1)),
    "a timestamp by one second": cell(11, "future_open", datetime(2022, 11, 4, 9, 26, 1)),
    "a timestamp by one millisecond": cell(11, "ce_coi", datetime(2022, 11, 4, 9, 26, 0, 12_000)),
    "a decimal by its last digit": cell(11, "ce_rho", Decimal("7.5796")),
    "two cells of a number swapped": lambda table: swap_cells(table, column="ce_oi", first=11, second=12),
    "two cells of a text swapped": lambda table: swap_cells(table, column="ce_symbol", first=11, second=12),
    "two rows swapped": swapped_values,
}
DAYS = tuple(date(2022, 1, 3) + timedelta(days=n) for n in range(len(DAMAGES)))
DAMAGE_OF = dict(zip(DAYS, DAMAGES.items(), strict=True))

# what must see a damage at each side, for every damage of values; rows in another order are seen by row_order alone
EXPECTED = {"wire": "second_pull", "source": "second_pull", "parquet": "written_digest"}
CAUGHT: dict[str, tuple[str, ...]] = {}


def damaged(table: pa.Table) -> pa.Table:
    """A day's rows with the damage of that day."""
    return DAMAGE_OF[table.column("trade_date")[0].as_py()][1](table)


def damaged_source(table: pa.Table) -> pa.Table:
    parts = [table.slice(n * world.ROWS, world.ROWS) for n in range(len(DAYS))]
    return pa.concat_tables([damaged(part) for part in parts])


def damage_file(moved: Moved, day: date, change: Change) -> None:
    """Publish the partition changed, with a footer that is right for what it holds now."""
    partition = moved.entry(day).partition
    table = moved.lake.read(RAW, partition, source="heavydb")
    described = moved.lake.describe(RAW, partition, source="heavydb")
    assert described is not None
    text = pa.dictionary(pa.int32(), pa.string())
    encoded = pa.table(
        {
            field.name: table.column(field.name).cast(text if field.type == pa.large_string() else field.type)
            for field in table.schema
        }
    )
    changed = change(encoded)
    plain = pa.table(
        [changed.column(f.name).cast(pa.large_string() if f.type == text else f.type) for f in changed.schema],
        names=changed.column_names,
    )
    moved.lake.publish(RAW, partition, plain, source="heavydb", metadata=described.metadata)


def note(side: str, name: str, report: Verification) -> None:
    CAUGHT[f"{side}: {name}"] = report.failed if report.state == "mismatched" else ()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    folder = tmp_path_factory.mktemp("mutations")
    moved = Moved(world.start_server(folder, DAYS), Lake(folder / "lake"))
    moved.plan()
    moved.transfer()
    yield moved
    moved.server.stop()


@pytest.fixture(scope="module")
def reports(base: Moved, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[date, Verification]]:
    """Of each side and day."""
    folder = tmp_path_factory.mktemp("sides")
    found = {}

    written = base.copy(folder / "parquet")
    for day in DAYS:
        damage_file(written, day, DAMAGE_OF[day][1])
    found["parquet"] = written.verify()

    wired = Moved(base.server, Lake(folder / "wire"))
    wired.plan()
    base.server.faults.add(Fault("change", times=10**6, change=damaged))
    wired.transfer()
    base.server.faults.clear()
    found["wire"] = wired.verify()

    moved_on = base.copy(folder / "source")
    base.server.database.rewrite(TABLE, damaged_source)
    found["source"] = moved_on.verify()
    world.fill(base.server, DAYS)
    return {
        side: {report.partition.trade_date: report for report in side_reports} for side, side_reports in found.items()
    }


@pytest.mark.parametrize("side", EXPECTED)
@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_is_caught_by_a_named_check(reports: dict, side: str, name: str) -> None:
    day = DAYS[list(DAMAGES).index(name)]
    report = reports[side][day]
    note(side, name, report)
    assert report.state == "mismatched"
    expected = "row_order" if name == "two rows swapped" else EXPECTED[side]
    if side == "source" and name == "lowest bit of trade_date":
        # the row has left the day
        assert {"row_count", "source_stands_still"} <= set(report.failed)
    else:
        assert expected in report.failed
    if side == "parquet":
        assert {"file_bytes", "lake_digest"} <= set(report.failed)


def test_an_undamaged_lake_is_not_accused(base: Moved, tmp_path: Path) -> None:
    assert {report.state for report in base.copy(tmp_path / "lake").verify(*DAYS[:5])} == {"verified"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    """Of two days, the last of which is damaged: row ids after a lost row are others."""
    folder = tmp_path_factory.mktemp("small")
    moved = Moved(world.start_server(folder), Lake(folder / "lake"))
    moved.plan()
    moved.transfer()
    yield moved
    moved.server.stop()


LOSSES: dict[str, Change] = {
    "a row lost": lambda table: drop_row(table, row=11),
    "a row twice": lambda table: duplicate_row(table, row=11),
    "the last row lost": lambda table: drop_row(table, row=table.num_rows - 1),
    "every row lost": lambda table: table.slice(0, 0),
}


@pytest.mark.parametrize("side", ["source", "parquet"])
@pytest.mark.parametrize("name", LOSSES)
def test_lost_and_repeated_rows_are_caught(small: Moved, tmp_path: Path, side: str, name: str) -> None:
    moved, change, last = small.copy(tmp_path / "lake"), LOSSES[name], world.DAYS[-1]
    if side == "parquet":
        damage_file(moved, last, change)
        (report,) = moved.verify(last)
    else:
        rest = (len(world.DAYS) - 1) * world.ROWS
        small.server.database.rewrite(TABLE, lambda t: pa.concat_tables([t.slice(0, rest), change(t.slice(rest))]))
        (report,) = moved.verify(last)
        world.fill(small.server)
    note(side, name, report)
    assert report.state == "mismatched"
    assert {"row_count", EXPECTED[side]} <= set(report.failed)


@pytest.mark.parametrize("name", LOSSES)
def test_rows_lost_and_repeated_on_the_wire_are_refused_before_anything_is_published(
    small: Moved, tmp_path: Path, name: str
) -> None:
    moved = Moved(small.server, Lake(tmp_path / "lake"))
    moved.plan()
    small.server.faults.add(Fault("change", times=10**6, change=LOSSES[name]))
    moved.transfer()
    small.server.faults.clear()
    assert [entry.state for entry in moved.ledger.entries()] == ["suspended", "suspended"]
    assert moved.lake.partitions(RAW) == []
    CAUGHT[f"wire: {name}"] = ("refused by the transfer",)


@pytest.mark.parametrize(("side", "named"), [("source", "schema"), ("parquet", "written_digest")])
def test_another_scale_of_a_decimal_is_caught(small: Moved, tmp_path: Path, side: str, named: str) -> None:
    moved = small.copy(tmp_path / "lake")

    def rescaled(table: pa.Table) -> pa.Table:
        # the same digits under another scale: 7.5795 becomes 757.95
        at = table.schema.get_field_index("ce_rho")
        values = [None if v is None else v.scaleb(2) for v in table.column(at).to_pylist()]
        return table.set_column(at, "ce_rho", pa.array(values, pa.decimal128(12, 2)))

    if side == "parquet":
        damage_file(moved, world.DAYS[0], rescaled)
        (report,) = moved.verify(world.DAYS[0])
    else:
        small.server.database.rewrite(TABLE, rescaled)
        (report,) = moved.verify(world.DAYS[0])
        world.fill(small.server)
    note(side, "another scale of a decimal", report)
    assert report.state == "mismatched"
    assert named in report.failed


@pytest.mark.parametrize("part", ["pages", "footer"])
def test_a_flipped_bit_of_the_file_is_caught_wherever_it_is(base: Moved, tmp_path: Path, part: str) -> None:
    moved = base.copy(tmp_path / "lake")
    random = np.random.default_rng(5)
    days = DAYS[:16]
    for day in days:
        path = moved.file(day)
        data = bytearray(path.read_bytes())
        footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
        at = int(random.integers(0, footer) if part == "pages" else random.integers(footer, len(data)))
        data[at] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(data)
    for day, report in zip(days, moved.verify(*days), strict=True):
        note("file", f"a bit of the {part}, {day}", report)
        assert report.state == "mismatched"
        assert "file_bytes" in report.failed


def test_a_lost_file_is_caught(small: Moved, tmp_path: Path) -> None:
    moved = small.copy(tmp_path / "lake")
    moved.file().unlink()
    (report,) = moved.verify(world.DAYS[0])
    note("file", "lost", report)
    assert report.state == "mismatched"
    assert report.failed == ("written_digest", "file_bytes")


def test_a_flipped_bit_at_any_byte_of_a_ledger_record_is_caught(small: Moved, tmp_path: Path) -> None:
    moved = small.copy(tmp_path / "lake")
    path = moved.lake.root / moved.entry().name
    whole = path.read_bytes()
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 1 << (at % 8)
        path.write_bytes(data)
        with pytest.raises(CorruptPartition):
            moved.entry()
    # the run tells it as a failed check, and goes on with the others
    damaged_record, other = moved.verify()
    assert (damaged_record.state, damaged_record.failed) == ("damaged", ("ledger_record",))
    assert other.state == "verified"
    CAUGHT[f"ledger: a bit of a record, at each of {len(whole)} bytes"] = damaged_record.failed


def test_a_lost_ledger_record_is_caught(small: Moved, tmp_path: Path) -> None:
    moved = small.copy(tmp_path / "lake")
    (moved.lake.root / moved.entry().name).unlink()
    lost, _ = moved.verify()
    assert (lost.state, lost.failed) == ("lost", ("ledger_record",))
    CAUGHT["ledger: a record lost"] = lost.failed


def forge(moved: Moved, change: Callable[[dict], None]) -> None:
    """Change a record of the ledger and give it the checksum that its new content has."""
    path = moved.lake.root / moved.entry().name
    document = json.loads(path.read_bytes())
    document.pop("~checksum")
    change(document)

    def canonical(value: dict) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    path.write_bytes(canonical({**document, "~checksum": hashlib.sha256(canonical(document)).hexdigest()}))


FORGERIES: dict[str, tuple[Callable[[dict], None], str]] = {
    "source_rows": (lambda d: d.update(source_rows=d["source_rows"] + 1), "row_count"),
    "lake_rows": (lambda d: d.update(lake_rows=d["lake_rows"] - 1), "row_count"),
    "the digest of rows": (lambda d: d["facts"].update(multiset="0" * 32), "written_digest"),
    "the digest of their order": (lambda d: d["facts"].update(sequence="0" * 32), "row_order"),
    "the lake's digest": (lambda d: d["facts"].update(content_digest="0" * 64), "lake_digest"),
    "the file's digest": (lambda d: d["facts"].update(file_sha256="0" * 64), "file_bytes"),
    "no digest of the file": (lambda d: d["facts"].pop("file_sha256"), "file_bytes"),
    "the contract": (lambda d: d["facts"].update(contract="0" * 64), "schema"),
    "rows of the source": (lambda d: d["facts"]["source"].update(rows=99), "source_stands_still"),
    "the last row id": (lambda d: d["facts"]["source"].update(last=99), "source_stands_still"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_ledger_record_with_a_valid_checksum_is_caught(small: Moved, tmp_path: Path, name: str) -> None:
    moved = small.copy(tmp_path / "lake")
    change, named = FORGERIES[name]
    forge(moved, change)
    (report,) = moved.verify(world.DAYS[0])
    note("ledger, forged", name, report)
    assert report.state == "mismatched"
    assert named in report.failed


def test_the_score_is_one_hundred_percent() -> None:
    """The last of the file: what the others have noted, as a table."""
    for name, checks in CAUGHT.items():
        sys.stdout.write(f"{name:<60} {', '.join(checks) or 'NOT CAUGHT'}\n")
    missed = [name for name, checks in CAUGHT.items() if not checks]
    sys.stdout.write(f"{len(CAUGHT) - len(missed)} of {len(CAUGHT)} caught\n")
    assert missed == []
