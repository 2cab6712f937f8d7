"""The only SQL that may be sent to the server: built here, parsed, and written anew from the parse tree.

``checked`` is a grammar, not a search for bad words: every node of the tree, and every part of every node, is on a
list. What is sent is the tree's own text, so that no comment, escape or odd spacing of the caller's reaches the
server, and the two parsers cannot read one text in two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, NoReturn

from mr_platform.errors import SourceError
from mr_platform.sources.heavydb.chunks import Chunk
from mr_platform.sources.heavydb.schema import ROW_ID, SourceColumn

if TYPE_CHECKING:
    from sqlglot import exp

DATE_COLUMN = "trade_date"
WIDEST_WINDOW = timedelta(days=366)
_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*_option_chain(?:_[A-Za-z0-9]+)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ALPHABET = re.compile(r"[A-Za-z0-9_\"'(),*=<> -]+")
_LONGEST = 32_768
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


def quoted(name: str) -> str:
    """The name as an identifier; SourceError where it is not a plain one."""
    if not _NAME.fullmatch(name) or not name.isascii():
        _refuse("a name is ASCII letters, digits and underscores", name)
    return f'"{name}"'


def is_chain(table: str) -> bool:
    """Whether the table's name says that it is an option chain: ``{symbol}_option_chain``, with a suffix or not."""
    return table.isascii() and _TABLE.fullmatch(table) is not None


def checked(sql: str) -> str:
    """The statement, written anew from its parse tree; SourceError for anything but the shapes that this module builds.

    Allowed: one SELECT of columns or of COUNT, COUNT(DISTINCT), MIN, MAX, SUM from one option-chain table, filtered by
    AND-ed comparisons of columns with literals, of which those on trade_date name one day (rows) or at most 366
    (aggregates), grouped and ordered by columns.
    """
    from sqlglot import exp

    tree = _parsed(sql)
    if type(tree) is not exp.Select:
        _refuse("the statement is a SELECT", sql)
    for node in tree.walk():
        _check_node(node, sql)
    _check_shape(tree, sql)
    from mr_platform.sources.heavydb.writing import written

    return written(tree)


def _parsed(sql: str) -> exp.Expr:
    from sqlglot import errors, parse

    # no statement needs a comment, a semicolon, an escape or a sign; the parse tree decides about the rest
    if not isinstance(sql, str) or len(sql) > _LONGEST or not _ALPHABET.fullmatch(sql) or "--" in sql:
        _refuse(f"a statement is at most {_LONGEST} ASCII letters, digits and _ \" ' ( ) , * = < > -", sql)
    if sql[:7].upper() != "SELECT ":
        _refuse("the statement begins with SELECT", sql)
    try:
        trees = parse(sql)
    except (errors.SqlglotError, RecursionError) as error:
        _refuse(f"the statement can be parsed ({type(error).__name__})", sql)
    if len(trees) != 1 or trees[0] is None:
        _refuse("there is one statement", sql)
    return trees[0]


def _check_node(node: exp.Expr, sql: str) -> None:
    from sqlglot import exp

    allowed = _grammar().get(type(node))
    if allowed is None:
        _refuse(f"a statement has no {type(node).__name__}", sql)
    # an empty list, None or False is an absent part
    extra = [part for part, value in node.args.items() if value not in (None, False, []) and part not in allowed]
    if extra:
        _refuse(f"a {type(node).__name__} has no {', '.join(extra)}", sql)
    if isinstance(node, exp.Identifier) and not _NAME.fullmatch(node.name):
        _refuse("a name is ASCII letters, digits and underscores", sql)
    if isinstance(node, exp.Cast) and not _is_date(node):
        _refuse("a cast is a DATE literal", sql)
    if isinstance(node, exp.Literal) and node.is_string and not isinstance(node.parent, exp.Cast):
        _refuse("text stands only in a DATE literal", sql)
    if isinstance(node, exp.Literal) and not node.is_string and not node.name.isdigit():
        _refuse("a number is a whole one", sql)


def _grammar() -> dict[type[exp.Expr], frozenset[str]]:
    from sqlglot import exp

    this, pair = frozenset(("this",)), frozenset(("this", "expression"))
    # sqlglot 30 names the FROM part "from_"
    parts = frozenset(("expressions", "from_", "where", "group", "order"))
    return {
        exp.Select: parts,
        exp.From: this,
        exp.Table: this,
        exp.Where: this,
        exp.Group: frozenset(("expressions",)),
        exp.Order: frozenset(("expressions",)),
        # NULLS FIRST is the parser's default, which the writer leaves out again
        exp.Ordered: frozenset(("this", "nulls_first")),
        exp.And: pair,
        exp.EQ: pair,
        exp.GTE: pair,
        exp.GT: pair,
        exp.LTE: pair,
        exp.LT: pair,
        exp.Column: this,
        exp.Identifier: frozenset(("this", "quoted")),
        exp.Alias: frozenset(("this", "alias")),
        exp.Count: frozenset(("this", "big_int")),
        exp.Distinct: frozenset(("expressions",)),
        exp.Min: this,
        exp.Max: this,
        exp.Sum: this,
        exp.Star: frozenset(),
        exp.Literal: frozenset(("this", "is_string")),
        exp.Cast: frozenset(("this", "to")),
        exp.DataType: frozenset(("this",)),
    }


def _check_shape(tree: exp.Expr, sql: str) -> None:
    from sqlglot import exp

    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1 or not isinstance(tables[0].this, exp.Identifier) or not is_chain(tables[0].name):
        _refuse("rows come from one {symbol}_option_chain table", sql)
    grouped = [column.name for group in tree.find_all(exp.Group) for column in _columns(group.expressions, sql)]
    ordered = [part.this for order in tree.find_all(exp.Order) for part in order.expressions]
    _columns(ordered, sql)
    plain = [part for part in tree.expressions if isinstance(part, exp.Column)]
    counted = [part for part in tree.expressions if isinstance(part, exp.Alias)]
    if len(plain) + len(counted) != len(tree.expressions) or not tree.expressions:
        _refuse("a column is named, an aggregate has an alias, and there is no *", sql)
    for part in counted:
        _check_aggregate(part.this, sql)
    if counted and [column.name for column in _columns(plain, sql)] != grouped:
        _refuse("columns beside aggregates are those grouped by", sql)
    if grouped and not counted:
        _refuse("groups are of aggregates", sql)
    _check_window(tree, sql, one_day=not counted)


def _check_aggregate(call: exp.Expr, sql: str) -> None:
    from sqlglot import exp

    target = call.this
    if isinstance(call, exp.Count):
        if isinstance(target, exp.Star):
            return
        if isinstance(target, exp.Distinct) and len(target.expressions) == 1:
            target = target.expressions[0]
    elif not isinstance(call, exp.Min | exp.Max | exp.Sum):
        _refuse("an aggregate is COUNT, MIN, MAX or SUM", sql)
    _columns([target], sql)


def _check_window(tree: exp.Expr, sql: str, *, one_day: bool) -> None:
    """The filter on trade_date bounds the query."""
    from sqlglot import exp

    where = tree.args.get("where")
    if where is None:
        _refuse("a query filters on trade_date", sql)
    least, after = [], []
    for test in _conjuncts(where.this):
        if not isinstance(test, exp.EQ | exp.GTE | exp.GT | exp.LTE | exp.LT):
            _refuse("a filter is a comparison, joined by AND", sql)
        column, literal = test.this, test.expression
        _columns([column], sql)
        if not isinstance(literal, exp.Literal | exp.Cast):
            _refuse("a column is compared with a literal", sql)
        if column.name.lower() != DATE_COLUMN:
            continue
        if not isinstance(literal, exp.Cast):
            _refuse("trade_date is compared with a DATE literal", sql)
        day = date.fromisoformat(literal.this.name)
        if isinstance(test, exp.EQ | exp.GTE | exp.GT):
            least.append(day)
        if isinstance(test, exp.EQ | exp.LTE | exp.LT):
            after.append(day + timedelta(days=0 if isinstance(test, exp.LT) else 1))
    widest = timedelta(days=1) if one_day else WIDEST_WINDOW
    if not least or not after or min(after) - max(least) > widest:
        _refuse(f"a query filters on trade_date, at most {widest.days} day(s)", sql)


def _conjuncts(condition: exp.Expr) -> Iterator[exp.Expr]:
    from sqlglot import exp

    if isinstance(condition, exp.And):
        yield from _conjuncts(condition.this)
        yield from _conjuncts(condition.expression)
    else:
        yield condition


def _columns(nodes: Sequence[exp.Expr], sql: str) -> list[exp.Column]:
    from sqlglot import exp

    found = [node for node in nodes if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier)]
    if len(found) != len(nodes):
        _refuse("a column stands here", sql)
    return found


def _is_date(cast: exp.Cast) -> bool:
    from sqlglot import exp

    if cast.to.this != exp.DataType.Type.DATE or not (isinstance(cast.this, exp.Literal) and cast.this.is_string):
        return False
    text = cast.this.name
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _spread() -> str:
    row_id = quoted(ROW_ID)
    return f'{Measure("rows").sql()}, MIN({row_id}) AS "first", MAX({row_id}) AS "last"'


def _day(trade_date: date) -> str:
    return f"{quoted(DATE_COLUMN)} = DATE '{trade_date.isoformat()}'"


def _rowids(chunk: Chunk | None) -> str:
    if chunk is None:
        return ""
    return f" AND {quoted(ROW_ID)} >= {int(chunk.first)} AND {quoted(ROW_ID)} < {int(chunk.end)}"


def _refuse(rule: str, sql: object) -> NoReturn:
    raise SourceError(
        rule=f"HeavyDB is read only, by statements of known shape: {rule}",
        value=sql,
        place="sources.heavydb.statements",
        remedy="use the builders there; nothing was sent",
    )
