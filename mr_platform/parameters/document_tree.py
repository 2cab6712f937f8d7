"""A YAML document as nodes with their lines, read without any of YAML's surprises.

It comes from outside. The nodes are built from the parser's events, so depth is bounded (a composer follows nesting
until the stack ends), a name given twice is refused rather than the last one taken, and there are no aliases and no
tags. A plain scalar means what YAML 1.2 says: ``NO`` is a text and ``09:15`` is one too.

Source: YAML 1.2.2, section 10.3.2 (core schema).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

from mr_platform.errors import SourceError

Scalar = None | bool | int | float | str

DEPTH = 5
_WORDS: Mapping[str, Scalar] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]{1,16}")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")


class Node(NamedTuple):
    """A part of a document: its line from 1, and a scalar, a tuple of nodes, or nodes by name."""

    line: int
    content: Scalar | tuple[Node, ...] | dict[str, Node]


def parse_document(data: bytes, name: str) -> Node:
    """The document's root. ``name`` stands for the file in every place.

    Errors: SourceError with file and line for what is no single plain document in UTF-8.
    """
    import yaml

    try:
        events = yaml.parse(data.decode(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return _Builder(events, name).document()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SourceError(
            rule="a document is readable YAML in UTF-8",
            value=" ".join(str(error).split()),
            place=name,
            remedy="mend it, or export it anew",
        ) from error


class _Builder:
    """Nodes out of the events of one document."""

    def __init__(self, events: Iterator[Any], name: str) -> None:
        self._events = events
        self._name = name

    def document(self) -> Node:
        """The root; the stream holds nothing else."""
        root: Node | None = None
        for event in self._events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                if root is not None:
                    self._refuse("a file holds one document", "a second one", event)
                root = self._node(next(self._events), 1)
        return root or Node(1, None)

    def _node(self, event: Any, depth: int) -> Node:
        kind, line = type(event).__name__, event.start_mark.line + 1
        if kind == "AliasEvent" or event.anchor or event.tag:
            self._refuse("a document has no anchors, aliases or tags", event.anchor or event.tag, event)
        if kind == "ScalarEvent":
            return Node(line, _plain(event.value) if event.implicit[0] else event.value)
        if depth > DEPTH:
            self._refuse(f"a document nests at most {DEPTH} deep", "deeper", event)
        if kind == "SequenceStartEvent":
            return Node(line, tuple(self._items(depth)))
        return Node(line, self._pairs(depth))

    def _items(self, depth: int) -> Iterator[Node]:
        for event in self._events:
            if type(event).__name__ == "SequenceEndEvent":
                return
            yield self._node(event, depth + 1)

    def _pairs(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for event in self._events:
            kind = type(event).__name__
            if kind == "MappingEndEvent":
                break
            if kind != "ScalarEvent" or event.tag or event.anchor:
                self._refuse("a name is a plain text", kind.removesuffix("Event"), event)
            if event.value in found:
                self._refuse(f"a name stands once; line {found[event.value].line} has it already", event.value, event)
            found[event.value] = self._node(next(self._events), depth + 1)
        return found

    def _refuse(self, rule: str, value: object, event: Any) -> NoReturn:
        place = f"{self._name}:{event.start_mark.line + 1}"
        raise SourceError(rule=rule, value=value, place=place, remedy="write it as an export is written")


def _plain(text: str) -> Scalar:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
