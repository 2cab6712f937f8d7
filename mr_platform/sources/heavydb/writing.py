"""A checked parse tree written as HeavyDB's parser (Apache Calcite) reads it.

Our own writer and not sqlglot's: it knows the allow-listed nodes and no other, quotes every name, and keeps a date a
literal (sqlglot writes CAST('...' AS DATE); the server skips fragments by literals).
"""

from __future__ import annotations

from sqlglot import exp

_COMPARISONS: dict[type[exp.Expr], str] = {exp.EQ: "=", exp.GTE: ">=", exp.GT: ">", exp.LTE: "<=", exp.LT: "<"}
_AGGREGATES: dict[type[exp.Expr], str] = {exp.Count: "COUNT", exp.Min: "MIN", exp.Max: "MAX", exp.Sum: "SUM"}


def written(tree: exp.Expr) -> str:
    """The SELECT as text. KeyError or AttributeError for a tree that ``statements.checked`` has not passed."""
    clauses = [f"SELECT {_listed(tree.expressions)} FROM {_written(tree.args['from_'].this.this)}"]
    clauses.append(f"WHERE {_written(tree.args['where'].this)}")
    if tree.args.get("group"):
        clauses.append(f"GROUP BY {_listed(tree.args['group'].expressions)}")
    if tree.args.get("order"):
        clauses.append(f"ORDER BY {_listed([part.this for part in tree.args['order'].expressions])}")
    return " ".join(clauses)


def _listed(nodes: list[exp.Expr]) -> str:
    return ", ".join(_written(node) for node in nodes)


def _written(node: exp.Expr) -> str:
    if isinstance(node, exp.Identifier):
        return f'"{node.name}"'
    if isinstance(node, exp.Column):
        return _written(node.this)
    if isinstance(node, exp.Alias):
        return f"{_written(node.this)} AS {_written(node.args['alias'])}"
    if isinstance(node, exp.Star):
        return "*"
    if isinstance(node, exp.Distinct):
        return f"DISTINCT {_listed(node.expressions)}"
    if isinstance(node, exp.Cast):
        return f"DATE '{node.this.name}'"
    if isinstance(node, exp.Literal):
        return str(int(node.name))
    if isinstance(node, exp.And):
        return f"{_written(node.this)} AND {_written(node.expression)}"
    if type(node) in _COMPARISONS:
        return f"{_written(node.this)} {_COMPARISONS[type(node)]} {_written(node.expression)}"
    return f"{_AGGREGATES[type(node)]}({_written(node.this)})"
