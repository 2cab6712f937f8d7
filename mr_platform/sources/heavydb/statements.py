"""The questions that are put to the server: the only SQL there is, built here and passed through the grammar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from mr_platform.sources.heavydb.chunks import Chunk
from mr_platform.sources.heavydb.grammar import DATE_COLUMN, checked, quoted
from mr_platform.sources.heavydb.schema import ROW_ID, SourceColumn

_INTEGERS = frozenset(("TINYINT", "SMALLINT", "INT", "BIGINT"))
_ORDERED = _INTEGERS | {"FLOAT", "DOUBLE", "DECIMAL", "DATE", "TIME", "TIMESTAMP"}


@dataclass(frozen=True)
class Measure:
    """One aggregate of one column: ``kind`` is rows (no column), count (not NULL), distinct, least, greatest or sum."""

    kind: str
    column: str | None = None

    @property
    def name(self) -> str:
        return self.kind if self.column is None else f"{self.kind}_{self.column}"

    def sql(self) -> str:
        target = "*" if self.column is None else quoted(self.column)
        call = {
            "rows": "COUNT({})",
            "count": "COUNT({})",
            "distinct": "COUNT(DISTINCT {})",
            "least": "MIN({})",
            "greatest": "MAX({})",
            "sum": "SUM({})",
        }[self.kind]
        return f"{call.format(target)} AS {quoted(self.name)}"


def measures(columns: Sequence[SourceColumn]) -> tuple[Measure, ...]:
    """What can be asked exactly of each column, in the order in which ``aggregates`` answers.

    The number of rows first; then per column the count of values, and: of text how many distinct; of numbers, dates
    and times the least and greatest; of integers the sum. A sum of doubles depends on the order of addition, and the
    columnar route turns DECIMAL and FLOAT into double: their least and greatest are exact only as doubles.
    """
    found = [Measure("rows")]
    for column in columns:
        found.append(Measure("count", column.name))
        if column.type == "STR" and column.encoding == "DICT":
            found.append(Measure("distinct", column.name))
        if column.type in _ORDERED:
            found += [Measure("least", column.name), Measure("greatest", column.name)]
        if column.type in _INTEGERS:
            found.append(Measure("sum", column.name))
    return tuple(found)


def aggregates(table: str, columns: Sequence[SourceColumn], trade_date: date, chunk: Chunk | None = None) -> str:
    """One row: ``measures(columns)`` over a day, or over a rowid range of it."""
    return checked(
        f"SELECT {', '.join(measure.sql() for measure in measures(columns))} "
        f"FROM {quoted(table)} WHERE {_day(trade_date)}{_rowids(chunk)}"
    )


def select_chunk(table: str, columns: Sequence[str], trade_date: date, chunk: Chunk | None = None) -> str:
    """The day's rows with rowid in [first, end), these columns in this order; ``rowid`` may be one of them."""
    return checked(
        f"SELECT {', '.join(quoted(name) for name in columns)} "
        f"FROM {quoted(table)} WHERE {_day(trade_date)}{_rowids(chunk)}"
    )


def count_rows(table: str, trade_date: date, chunk: Chunk | None = None) -> str:
    """One row, one number: how many rows the day (or a rowid range of it) has."""
    return checked(f"SELECT {Measure('rows').sql()} FROM {quoted(table)} WHERE {_day(trade_date)}{_rowids(chunk)}")


def rowid_range(table: str, trade_date: date) -> str:
    """One row: number of rows, least and greatest rowid of the day (NULL where it has none)."""
    return checked(f"SELECT {_spread()} FROM {quoted(table)} WHERE {_day(trade_date)}")


def count_by_date(table: str, since: date, until: date) -> str:
    """A row per date in [since, until], in order: date, number of rows, least and greatest rowid. At most 366 days."""
    after = until + timedelta(days=1)
    column = quoted(DATE_COLUMN)
    return checked(
        f"SELECT {column}, {_spread()} FROM {quoted(table)} "
        f"WHERE {column} >= DATE '{since.isoformat()}' AND {column} < DATE '{after.isoformat()}' "
        f"GROUP BY {column} ORDER BY {column}"
    )


def windows(since: date, until: date) -> Iterator[tuple[date, date]]:
    """[since, until] in calendar years: what ``count_by_date`` is asked, year by year."""
    for year in range(since.year, until.year + 1):
        yield max(since, date(year, 1, 1)), min(until, date(year, 12, 31))


def _spread() -> str:
    row_id = quoted(ROW_ID)
    return f'{Measure("rows").sql()}, MIN({row_id}) AS "first", MAX({row_id}) AS "last"'


def _day(trade_date: date) -> str:
    return f"{quoted(DATE_COLUMN)} = DATE '{trade_date.isoformat()}'"


def _rowids(chunk: Chunk | None) -> str:
    if chunk is None:
        return ""
    return f" AND {quoted(ROW_ID)} >= {int(chunk.first)} AND {quoted(ROW_ID)} < {int(chunk.end)}"
