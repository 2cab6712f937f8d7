"""The server's guard rails, and its SQL as DuckDB's on the stored form.

Independent of the client's own check on purpose: the tests prove by the server's book that no write ever arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mr_platform.migration.standin.catalogue import Dictionary, StoredTable
from mr_platform.migration.standin.tables import Database
from mr_platform.sources.heavydb.schema import ROW_ID, SourceColumn

if TYPE_CHECKING:
    from sqlglot import exp

Output = tuple[str, SourceColumn, Dictionary | None]
_COUNT = SourceColumn("count", "BIGINT", nullable=False)


class Refused(Exception):
    """What the server says to a statement that it does not carry out; ``write`` if it was no pure read."""

    def __init__(self, answer: str, *, write: bool = False) -> None:
        super().__init__(answer)
        self.write = write


@dataclass(frozen=True)
class Translation:
    """DuckDB's text, and of each column of its answer the name, the declaration and the words."""

    sql: str
    outputs: tuple[Output, ...]


def translate(sql: str, database: Database) -> Translation:
    """A SELECT from one table, filtered on trade_date. ``Refused`` for everything else."""
    from sqlglot import exp

    tree = _read(sql)
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1 or tables[0].name not in database.tables:
        raise Refused(f"SQL Error: Object '{tables[0].name if tables else ''}' not found")
    table = database.tables[tables[0].name]
    _check_filter(tree)
    outputs = []
    for position, part in enumerate(_projections(tree, table)):
        part, output = _output(part, table)
        outputs.append(output)
        tree.set("expressions", [*(tree.expressions if position else []), part])
    _check_text(tree, table)
    return Translation(tree.sql(dialect="duckdb", comments=False), tuple(outputs))


def _read(sql: str) -> exp.Select:
    from sqlglot import errors, exp, parse

    if not sql.lstrip(" \t\r\n(").upper().startswith(("SELECT", "WITH", "--", "/*")):
        raise Refused("SQL Error: only read queries are supported", write=True)
    try:
        trees = parse(sql)
    except (errors.SqlglotError, RecursionError) as error:
        raise Refused("SQL Error: Parse failed", write=True) from error
    writes = (exp.DML, exp.DDL, exp.Command, exp.Drop, exp.Copy, exp.Into, exp.Set, exp.Use)
    # a SELECT is a DDL of sqlglot where CREATE TABLE AS could hold it
    found = [
        node
        for tree in trees
        if tree is not None
        for node in tree.walk()
        if isinstance(node, writes) and not isinstance(node, exp.Query)
    ]
    if found or len(trees) != 1 or not isinstance(trees[0], exp.Query):
        raise Refused("SQL Error: only read queries are supported", write=True)
    if type(trees[0]) is not exp.Select or trees[0].args.get("with_"):
        raise Refused("SQL Error: the stand-in answers a plain SELECT from one table")
    return trees[0]


def _check_filter(tree: exp.Select) -> None:
    from sqlglot import exp

    where = tree.args.get("where")
    if where is None or not any(column.name == "trade_date" for column in where.find_all(exp.Column)):
        raise Refused("SQL Error: guard rail: a query filters on trade_date")


def _projections(tree: exp.Select, table: StoredTable) -> list[exp.Expr]:
    from sqlglot import exp

    parts: list[exp.Expr] = []
    for part in tree.expressions:
        if isinstance(part, exp.Star):
            parts += [exp.column(column.name, quoted=True) for column in table.columns]
        else:
            parts.append(part)
    return parts


def _output(part: exp.Expr, table: StoredTable) -> tuple[exp.Expr, Output]:
    from sqlglot import exp

    name, inner = part.alias_or_name, part.unalias()
    if isinstance(inner, exp.Column):
        column = _column(table, inner.name)
        return part, (name, column, table.dictionaries.get(column.name))
    if isinstance(inner, exp.Count):
        return part, (name or "EXPR$0", _COUNT, None)
    if isinstance(inner, exp.Min | exp.Max | exp.Sum) and isinstance(inner.this, exp.Column):
        column = _column(table, inner.this.name)
        if column.type == "STR":
            raise Refused(f"SQL Error: {inner.key.upper()} is not supported on text")
        if isinstance(inner, exp.Sum) and column.type in ("TINYINT", "SMALLINT", "INT", "BIGINT"):
            column = SourceColumn(column.name, "BIGINT")
            # DuckDB adds BIGINT in 128 bits; the server in 64, and refuses to overflow
            part = exp.alias_(exp.cast(inner, "BIGINT"), name or "EXPR$0", quoted=True)
        nullable = replace(column, nullable=True)
        return part, (name or "EXPR$0", nullable, None)
    raise Refused("SQL Error: the stand-in answers columns, COUNT, MIN, MAX and SUM of a column")


def _check_text(tree: exp.Select, table: StoredTable) -> None:
    """Text is stored as numbers: it can be selected and counted, not compared."""
    from sqlglot import exp

    for clause in ("where", "group", "order", "having"):
        node = tree.args.get(clause)
        for column in node.find_all(exp.Column) if node is not None else ():
            if _column(table, column.name).type in ("STR", "TIME", "TIMESTAMP"):
                raise Refused(f"SQL Error: the stand-in does not compare {column.name}")


def _column(table: StoredTable, name: str) -> SourceColumn:
    if name != ROW_ID and all(column.name != name for column in table.columns):
        raise Refused(f"SQL Error: Column '{name}' not found in any table")
    return table.column(name)
