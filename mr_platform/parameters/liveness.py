"""Which parameters are alive: read by code, promised to code that is to come, or dead.

A parameter is declared with the consumer that reads it. The claim is held against the consumer's source: a declared
field counts as read where the source names that attribute, a parameter without a field where the source names its id,
its sheet or its table. What is printed for people only is counted apart.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

from mr_platform.parameters import objects
from mr_platform.parameters.declaration import Parameter, RecordTable
from mr_platform.parameters.registry import Registry

_PACKAGE = Path(__file__).resolve().parent.parent
# What is shown to people and steers nothing: listing it is all that `mr config show` does with it.
SHOWN = "mr config show"
# Consumers whose code does not lie in the folder of their name.
_ELSEWHERE = {
    "labels": ("regimes", "stations"),
    "models": ("learning", "stations"),
    "mr config check": ("commands", "parameters/declarations/clashes.py"),
}


@dataclass(frozen=True)
class Liveness:
    """Ids by fate: ``read`` by code that stands, ``shown`` to people, ``planned`` by consumer, ``dead``.

    ``unsteered``: the other way round, fields of parameter objects that code reads and no declaration fills.
    """

    read: tuple[str, ...]
    shown: tuple[str, ...]
    planned: dict[str, tuple[str, ...]]
    dead: tuple[str, ...]
    unsteered: tuple[str, ...]


def liveness(declared: Registry) -> Liveness:
    """The fate of every declared parameter and table."""
    read: list[str] = []
    shown: list[str] = []
    dead: list[str] = []
    planned: dict[str, list[str]] = {}
    for one in _everything(declared):
        if one.consumer.planned:
            planned.setdefault(one.consumer.name, []).append(one.id)
        elif one.consumer.name == SHOWN:
            shown.append(one.id)
        else:
            (read if is_read(one) else dead).append(one.id)
    by_consumer = {name: tuple(ids) for name, ids in sorted(planned.items())}
    return Liveness(tuple(read), tuple(shown), by_consumer, tuple(dead), unsteered_fields())


def planned_parameters(declared: Registry) -> tuple[str, ...]:
    """Ids of parameters and tables whose consumer is still to come."""
    return tuple(one.id for one in _everything(declared) if one.consumer.planned)


def unsteered_fields() -> tuple[str, ...]:
    """Fields of the parameter objects that no declaration fills, nor the declarations of an object they hold."""
    return tuple(
        f"{kind.OBJECT}.{field.name}"  # type: ignore[attr-defined]
        for kind in objects.KINDS
        for field in dataclasses.fields(kind)
        if not objects.declared_for(kind, field.name)
    )


def is_read(one: Parameter | RecordTable) -> bool:
    """Whether the consumer's source names what the declaration says it reads."""
    attributes, texts = _names(one.consumer.name)
    if one.field:
        return one.field.rpartition(".")[2] in attributes
    return one.id in texts or one.sheet in texts


def _everything(declared: Registry) -> list[Parameter | RecordTable]:
    return [*declared.parameters.values(), *declared.tables.values()]


@functools.cache
def _names(consumer: str) -> tuple[frozenset[str], frozenset[str]]:
    """Attributes that the consumer's source reads, and its text constants."""
    attributes: set[str] = set()
    texts: set[str] = set()
    for path in _sources(consumer):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                attributes.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
    return frozenset(attributes), frozenset(texts)


def _sources(consumer: str) -> list[Path]:
    """The consumer's modules: its own folder or file, else its room."""
    if consumer in _ELSEWHERE or consumer.split("/")[0] in _ELSEWHERE:
        names = _ELSEWHERE.get(consumer) or _ELSEWHERE[consumer.split("/")[0]]
        return [path for name in names for path in _below(_PACKAGE / name)]
    own = _below(_PACKAGE / consumer)
    return own or _below(_PACKAGE / consumer.split("/")[0])


def _below(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.py"))
    return [file for file in (path, path.with_suffix(".py")) if file.is_file()]
