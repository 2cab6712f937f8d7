"""Which statements may be sent to the server: words first, then every node of the parse tree, then the shape.

``checked`` is a grammar, not a search for bad words: what is not on a list is refused. What is sent is written anew
from the tree, so that no odd spelling of the caller's reaches the server, and the two parsers cannot read one text in
two ways.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NoReturn

from mr_platform.errors import SourceError

if TYPE_CHECKING:
    from sqlglot import exp

DATE_COLUMN = "trade_date"
WIDEST_WINDOW = timedelta(days=366)
_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*_option_chain(?:_[A-Za-z0-9]+)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 32_768
_DEEPEST = 1
_NAME_OR_DATE = re.compile(r"\"[A-Za-z_][A-Za-z0-9_]*\"|DATE '\d{4}-\d\d-\d\d'")
_WORDS = re.compile(r"(?:SELECT|FROM|WHERE|AND|GROUP BY|ORDER BY|AS|COUNT|DISTINCT|MIN|MAX|SUM|\d{1,18}|[#(),*=<> ])*")


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
    _check_words(sql)
    return _written_anew(sql)


# a statement is checked where it is built and once more where it is sent: the same text, the same answer
@functools.lru_cache(maxsize=64)
def _written_anew(sql: str) -> str:
    from sqlglot import exp

    tree = _parsed(sql)
    if type(tree) is not exp.Select:
        _refuse("the statement is a SELECT", sql)
    for node in tree.walk():
        _check_node(node, sql)
    _check_shape(tree, sql)
    from mr_platform.sources.heavydb.writing import written

    return written(tree)


def _check_words(sql: str) -> None:
    """Names in quotes, dates as literals, and no bare word or sign but the grammar's own.

    No comment, semicolon, escape or other alphabet comes past here, and nothing that nests deep enough to exhaust the
    parser's stack.
    """
    if not isinstance(sql, str) or not sql.startswith("SELECT ") or len(sql) > _LONGEST:
        _refuse(f"a statement begins with SELECT and has at most {_LONGEST} characters", sql)
    bare = _NAME_OR_DATE.sub("#", sql)
    if not _WORDS.fullmatch(bare):
        _refuse("a statement is made of quoted names, DATE literals, whole numbers and the words of a SELECT", sql)
    depth = 0
    for sign in bare:
        depth += (sign == "(") - (sign == ")")
        if not 0 <= depth <= _DEEPEST:
            _refuse("parentheses hold the column of one aggregate", sql)


def _parsed(sql: str) -> exp.Expr:
    from sqlglot import errors, parse

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


@functools.cache
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


def _refuse(rule: str, sql: object) -> NoReturn:
    raise SourceError(
        rule=f"HeavyDB is read only, by statements of known shape: {rule}",
        value=sql,
        place="sources.heavydb.statements",
        remedy="use the builders there; nothing was sent",
    )
