"""Which parameters are alive: read by code, promised to code that is to come, or dead.

A parameter is declared with the consumer that reads it. The claim is held against the consumer's source: a declared
field counts as read where the source reads that attribute, or calls a method of a parameter object that reads it; a
parameter without a field where the source names its id, a table where it names its sheet. What is printed for people
only is counted apart.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
from dataclasses import dataclass
from pathlib import Path

from mr_platform.parameters import objects
from mr_platform.parameters.declaration import Parameter, RecordTable
from mr_platform.parameters.registry import Registry

_PACKAGE = Path(__file__).resolve().parent.parent
# What is shown to people and steers nothing: listing it is all that `mr config show` does with it.
SHOWN = "mr config show"
# Rooms whose code does not lie in the folder of their name alone: stations bring rooms and lake together.
_ROOMS = {
    "labels": ("regimes", "stations"),
    "models": ("learning", "stations"),
    "regimes": ("regimes", "stations"),
    "learning": ("learning", "stations"),
    "quality": ("quality", "stations"),
    "stations": ("stations", "regimes"),
    "core": ("features", "stations"),
    "mr config check": ("commands", "parameters/declarations/clashes.py"),
}
# What an object checks of itself says nothing about who reads it.
_OWN_RULES = ("broken", "__post_init__")
_KEYS = re.compile(r"\[[^\]]*\]")


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
    """Whether the consumer's source reads what the declaration says."""
    attributes, texts = _names(one.consumer.name)
    if one.field:
        return _KEYS.sub("", one.field).rpartition(".")[2] in attributes
    return one.id in texts


def _everything(declared: Registry) -> list[Parameter | RecordTable]:
    return [*declared.parameters.values(), *declared.tables.values()]


@functools.cache
def _names(consumer: str) -> tuple[frozenset[str], frozenset[str]]:
    """Attributes that the consumer's source reads, itself or by a method of a parameter object; its text constants."""
    attributes: set[str] = set()
    texts: set[str] = set()
    for path in _sources(consumer):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        attributes |= _attributes(tree)
        texts |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    # iteration, subscripts and the like are called without being named
    attributes |= {name for name in _methods() if name.startswith("__")}
    called: set[str] = set()
    while new := (attributes & _methods().keys()) - called:
        called |= new
        for name in new:
            attributes |= _methods()[name]
    return frozenset(attributes), frozenset(texts)


@functools.cache
def _methods() -> dict[str, frozenset[str]]:
    """Attributes that the methods of the parameter objects read, by the method's name."""
    found: dict[str, frozenset[str]] = {}
    for name in sorted({kind.__module__.rpartition(".")[2] for kind in objects.KINDS}):
        tree = ast.parse((Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and inner.name not in _OWN_RULES:
                        found[inner.name] = found.get(inner.name, frozenset()) | _attributes(inner)
    return found


def _attributes(tree: ast.AST) -> frozenset[str]:
    return frozenset(n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load))


def _sources(consumer: str) -> list[Path]:
    """The consumer's modules: those of the rooms that do its work, else its own folder or file, else its room."""
    room = consumer if consumer in _ROOMS else consumer.split("/")[0]
    if room in _ROOMS:
        return [path for name in _ROOMS[room] for path in _below(_PACKAGE / name)]
    return _below(_PACKAGE / consumer) or _below(_PACKAGE / room)


def _below(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.rglob("*.py"))
    return [file for file in (path, path.with_suffix(".py")) if file.is_file()]
