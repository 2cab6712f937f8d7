"""Compound values: what a cell such as ``30-70``, ``abs(slope)<0.003`` or ``+20% ATR`` means once it has been read.

Data and their meaning only; the text forms are read and written by the kinds in ``expressions`` and ``values``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_ORDERINGS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


@dataclass(frozen=True)
class Interval:
    """A closed range of numbers."""

    low: float
    high: float

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int | float) and self.low <= number <= self.high


@dataclass(frozen=True)
class Comparison:
    """A condition on one named quantity.

    ``operator`` is ``>``, ``<``, ``>=`` or ``<=`` against a number or the name of another quantity; ``:`` against an
    interval (inside, both ends included: the strict comparisons beside it close the scale without a gap), a number
    (at least that much) or a category; empty where the quantity is itself a yes or no. ``absolute`` compares |x|.
    ``unit`` is the unit written behind the number, kept as it stood.
    """

    subject: str
    operator: str = ""
    operand: float | str | Interval | None = None
    absolute: bool = False
    unit: str = ""

    def holds(self, quantity: float | str, names: Mapping[str, float] | None = None) -> bool:
        """Whether ``quantity`` meets the condition; NaN meets none. ``names``: values of operands given by name.

        KeyError for an operand name that ``names`` lacks.
        """
        if self.operator == "":
            return quantity is True
        if isinstance(quantity, str) or (self.operator == ":" and isinstance(self.operand, str)):
            return self.operator == ":" and quantity == self.operand
        number = abs(quantity) if self.absolute else float(quantity)
        if isinstance(self.operand, Interval):
            return number in self.operand
        limit = (names or {})[self.operand] if isinstance(self.operand, str) else self.operand
        assert limit is not None  # the kind reads no comparison without an operand
        return _ORDERINGS[">=" if self.operator == ":" else self.operator](number, limit)


@dataclass(frozen=True)
class Situation:
    """A market state by name, with the comparison that defines it where one is written behind it in brackets."""

    name: str
    comparison: Comparison | None = None


@dataclass(frozen=True)
class Adjustment:
    """A relative change of the weight of ``target``, in percent of it."""

    target: str
    percent: float


@dataclass(frozen=True)
class Settings:
    """Named settings in one cell; a setting is a scalar or a tuple of them."""

    pairs: tuple[tuple[str, Setting | tuple[Setting, ...]], ...]

    def get(self, name: str) -> Setting | tuple[Setting, ...] | None:
        """The setting of that name, None where it is not set."""
        return dict(self.pairs).get(name)


Setting = bool | int | float | str
