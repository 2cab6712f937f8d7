"""Parameter objects from a parameter set: which declaration fills which field is said by the declarations alone.

A declaration's ``field`` is a path: the object's name (``OBJECT`` of its class), then attributes, with the key of a
mapping in brackets.

    triple_straddle.window                             a plain field
    triple_straddle.component_learning.rate            a field of a part
    greeks_sentiment.dte_multipliers[7]                an entry of a table by days to expiry
    labels.tasks[h12].theta                            a field of an entry; an attribute ``name`` is the entry's key
    workbook_regimes.trends                            the records of a table

An attribute whose class has a name of its own (``windows: WindowParameters``) is that object, whoever holds it, so
that no value is declared twice.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import types
import typing
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeVar, Union, cast

from mr_platform.errors import DataError
from mr_platform.parameters.atr_ema_cpr import AtrEmaCprParameters
from mr_platform.parameters.common import (
    CentralPivotRange,
    DailyContextParameters,
    DteHistoryParameters,
    WindowParameters,
)
from mr_platform.parameters.constraints import Broken, ParameterFault
from mr_platform.parameters.correlation import CorrelationParameters
from mr_platform.parameters.declaration import Parameter, RecordTable
from mr_platform.parameters.greeks_sentiment import GreeksSentimentParameters
from mr_platform.parameters.iv_skew import IvSkewParameters
from mr_platform.parameters.labels import LabelParameters
from mr_platform.parameters.learning import LearningParameters
from mr_platform.parameters.master_integration import MasterIntegrationParameters
from mr_platform.parameters.oi_price_action import OiPriceActionParameters
from mr_platform.parameters.output import OutputParameters
from mr_platform.parameters.regimes import (
    DailyParameters,
    HistoryParameters,
    PositionParameters,
    RuleParameters,
    SignalParameters,
    StateParameters,
    TacticalParameters,
    TransitionParameters,
    WeightParameters,
)
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import ParameterSet, default_set
from mr_platform.parameters.support_resistance import SupportResistanceParameters
from mr_platform.parameters.triple_straddle import TripleStraddleParameters
from mr_platform.parameters.workbook_regimes import WorkbookParameters
from mr_platform.parameters.workbook_stability import (
    NoiseFilterParameters,
    StabilityParameters,
    WorkbookTransitionParameters,
)

T = TypeVar("T")

KINDS: tuple[type, ...] = (
    WindowParameters,
    CentralPivotRange,
    DailyContextParameters,
    DteHistoryParameters,
    TripleStraddleParameters,
    GreeksSentimentParameters,
    OiPriceActionParameters,
    IvSkewParameters,
    AtrEmaCprParameters,
    CorrelationParameters,
    SupportResistanceParameters,
    MasterIntegrationParameters,
    LabelParameters,
    RuleParameters,
    WeightParameters,
    TacticalParameters,
    WorkbookParameters,
    DailyParameters,
    SignalParameters,
    TransitionParameters,
    StateParameters,
    HistoryParameters,
    PositionParameters,
    LearningParameters,
    StabilityParameters,
    NoiseFilterParameters,
    WorkbookTransitionParameters,
    OutputParameters,
)
"""Every object with a name."""

_TOKEN = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_]*)|\[([^\]]+)\]")

Declared = Parameter | RecordTable
Tree = dict[str, Any]
"""Below a path: attribute or ``[key]`` -> tree or declaration."""


def build(kind: type[T], parameters: ParameterSet) -> T:
    """The object of that class from a set; made once a set.

    ParameterFault where its values break a rule between fields, naming the parameters; DataError where a value does not
    fit its field or a field has no declaration.
    """
    name: Hashable = ("object", kind)
    if name not in parameters.derived:
        parameters.derived[name] = _Builder(parameters).made(kind, _tree(_name(kind)), _name(kind))
    return cast(T, parameters.derived[name])


def defaults(kind: type[T]) -> T:
    """The object as the registry declares it, nothing set by anybody."""
    return cast(T, _default(cast(Hashable, kind)))


def faults(parameters: ParameterSet) -> tuple[ParameterFault, ...]:
    """What the set breaks, object by object; empty where all can be built."""
    found = []
    for kind in KINDS:
        try:
            build(kind, parameters)
        except ParameterFault as fault:
            found.append(fault)
    return tuple({fault.place: fault for fault in found}.values())


def digest(parameters: ParameterSet, *kinds: type) -> str:
    """Hex SHA-256 of the values that steer these objects and the objects they hold."""
    name: Hashable = ("digest", *kinds)
    if name not in parameters.derived:
        names = sorted({name for kind in kinds for name in names_of(kind)})
        text = "\n".join(f"{name} {parameters.digest_of(name)}" for name in names)
        parameters.derived[name] = hashlib.sha256(text.encode()).hexdigest()
    return cast(str, parameters.derived[name])


def names_of(kind: type) -> tuple[str, ...]:
    """Names of the object and of the objects it holds."""
    own = [_name(kind)] if _name(kind) else []
    held = [
        name for hint in _hints(kind).values() if dataclasses.is_dataclass(hint) for name in names_of(cast(type, hint))
    ]
    return tuple(dict.fromkeys([*own, *held]))


def declared_for(kind: type, name: str) -> tuple[Declared, ...]:
    """The declarations behind a field of an object: the field itself, or all below it. Empty where there is none.

    ``name`` is a path below the object (``window``, ``component_learning``, ``technique_anchors``), begins with the
    attribute of an object that it holds (``windows.coverage``), or with the name of another one
    (``daily_context.least_calls``).
    """
    first, _, rest = name.partition(".")
    hints = _hints(kind)
    attribute = re.sub(r"\[.*", "", first)
    if attribute not in hints and rest:
        return tuple(d for other in KINDS if _name(other) == first for d in declared_for(other, rest))
    hint = hints.get(attribute)
    if isinstance(hint, type) and _name(hint):
        if rest:
            return declared_for(hint, rest)
        return tuple(d for held in names_of(hint) for f, d in _fields().items() if f.startswith(f"{held}."))
    path = f"{_name(kind)}.{name}"
    return tuple(d for field, d in _fields().items() if field == path or field.startswith((f"{path}.", f"{path}[")))


@functools.cache
def _default(kind: Hashable) -> object:
    return build(cast(type, kind), declared_set())


@functools.cache
def declared_set() -> ParameterSet:
    """The set of all declared defaults."""
    return default_set()


def _name(kind: object) -> str:
    return str(getattr(kind, "OBJECT", ""))


@functools.cache
def _hints(kind: type) -> Mapping[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


@functools.cache
def _fields() -> Mapping[str, Declared]:
    found = registry().fields()
    twice = [field for field, declared in found.items() if len(declared) > 1]
    assert not twice, f"several declarations fill {twice}"
    return {field: declared[0] for field, declared in found.items()}


@functools.cache
def _trees() -> Tree:
    root: Tree = {}
    for field, declared in _fields().items():
        at = root
        *path, last = [name or f"[{key}]" for name, key in _TOKEN.findall(field)]
        for token in path:
            at = at.setdefault(token, {})
        at[last] = declared
    return root


def _tree(name: str) -> Tree:
    return cast(Tree, _trees().get(name, {}))


class _Builder:
    """One set, objects made from it."""

    def __init__(self, parameters: ParameterSet) -> None:
        self._parameters = parameters

    def made(self, kind: type, tree: Tree, path: str, key: str = "") -> Any:
        """A dataclass from the declarations below ``path``; ``key`` where it is an entry of a mapping."""
        values: dict[str, Any] = {}
        for name, hint in _hints(kind).items():
            if _name(hint):
                values[name] = self.made(hint, _tree(_name(hint)), _name(hint))
            elif name in tree:
                values[name] = self._value(hint, tree[name], f"{path}.{name}")
            elif name == "name" and key:
                values[name] = key
            elif dataclasses.is_dataclass(hint):
                values[name] = self.made(cast(type, hint), {}, f"{path}.{name}")
            else:
                raise DataError(
                    rule="every field of a parameter object is declared",
                    value=f"{path}.{name}",
                    place="mr_platform/parameters/declarations",
                    remedy="declare a parameter with this field",
                )
        try:
            return kind(**values)
        except ParameterFault as fault:
            named = [Broken(one.rule, one.value, tuple(self._ids(kind, path, one.fields))) for one in fault.broken]
            place = ", ".join(dict.fromkeys(i for one in named for i in one.fields))
            raise ParameterFault(named, place=place) from fault

    def _value(self, hint: Any, at: Tree | Declared, path: str) -> Any:
        if isinstance(at, RecordTable):
            (row_kind, _) = typing.get_args(hint)
            columns = {field.name: field.metadata["column"] for field in dataclasses.fields(row_kind)}
            records = self._parameters.table(at.sheet, at.title)
            return tuple(row_kind(**{name: row[column] for name, column in columns.items()}) for row in records)
        if isinstance(at, Parameter):
            return _fitting(hint, self._parameters.values[at.id], at.id)
        if dataclasses.is_dataclass(hint):
            return self.made(cast(type, hint), at, path)
        return self._entries(hint, at, path)

    def _entries(self, hint: Any, tree: Tree, path: str) -> Any:
        """A mapping, (key, value) pairs in order of their whole-number keys, or a tuple of named dataclasses."""
        keys = {token: token.strip("[]") for token in tree}
        if typing.get_origin(hint) is tuple:
            (item, _) = typing.get_args(hint)
            if typing.get_origin(item) is tuple:
                (_, inner) = typing.get_args(item)
                pairs = [(int(key), self._value(inner, tree[token], path + token)) for token, key in keys.items()]
                return tuple(sorted(pairs, key=lambda pair: pair[0]))
            return tuple(self._entry(item, tree[token], path + token, key) for token, key in keys.items())
        (_, item) = typing.get_args(hint)
        return {key: self._entry(item, tree[token], path + token, key) for token, key in keys.items()}

    def _entry(self, hint: Any, at: Tree | Declared, path: str, key: str) -> Any:
        if typing.get_origin(hint) in (Union, types.UnionType):
            hint = next(one for one in typing.get_args(hint) if set(cast(Tree, at)) == set(_hints(one)) - {"name"})
        if dataclasses.is_dataclass(hint) and isinstance(at, dict):
            return self.made(cast(type, hint), at, path, key)
        return self._value(hint, at, path)

    def _ids(self, kind: type, path: str, names: tuple[str, ...]) -> Iterator[str]:
        for name in names:
            first, _, rest = name.partition(".")
            held = _hints(kind).get(first)
            target = f"{_name(held)}.{rest}" if _name(held) else f"{path}.{name}"
            below = (f"{target}.", f"{target}[")
            found = [d.id for field, d in _fields().items() if field == target or field.startswith(below)]
            yield from found or [target]


def _fitting(hint: Any, value: Any, name: str) -> Any:
    """``value`` if it is what the field holds; whole numbers fit fields of decimal ones."""
    if type(value) is hint:
        return value
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and isinstance(value, tuple):
        items = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        if len(items) == len(value):
            return tuple(_fitting(item, one, name) for item, one in zip(items, value, strict=True))
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    raise DataError(
        rule=f"the parameter is a {getattr(hint, '__name__', hint) if origin is None else hint}",
        value=value,
        place=name,
        remedy="correct the value or its declaration",
    )
