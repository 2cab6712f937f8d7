"""What parameter objects check across their fields, and the error that names the parameters at fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mr_platform.errors import DataError

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Broken:
    """A rule between the fields of an object that its values break; ``fields`` as paths below the object."""

    rule: str
    value: object
    fields: tuple[str, ...]


class ParameterFault(DataError):
    """Values that do not fit one another. ``broken`` has every rule that fails, not only the first."""

    def __init__(self, broken: Sequence[Broken], *, place: str) -> None:
        self.broken = tuple(broken)
        super().__init__(
            rule="; ".join(one.rule for one in broken),
            value="; ".join(str(one.value) for one in broken),
            place=place,
            remedy="correct the value",
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.broken, self.place))


def _rebuild(broken: tuple[Broken, ...], place: str) -> ParameterFault:
    return ParameterFault(broken, place=place)


class ParameterObject:
    """Base of the frozen parameter objects: a subclass yields what its values break from ``broken``.

    An object whose values break a rule is never made: ParameterFault lists all of them.
    """

    def broken(self) -> Iterator[Broken]:
        """The rules between fields that do not hold."""
        yield from ()

    def __post_init__(self) -> None:
        found = tuple(self.broken())
        if found:
            names = dict.fromkeys(f"{type(self).__name__}.{name}" for one in found for name in one.fields)
            raise ParameterFault(found, place=", ".join(names))


def holds(condition: object, rule: str, value: object, *fields: str) -> Iterator[Broken]:
    """Nothing where ``condition`` holds, else the broken rule."""
    if not condition:
        yield Broken(rule, value, fields)


def shares(values: Sequence[float], *fields: str) -> Iterator[Broken]:
    """Weights are not negative and sum to 1."""
    yield from holds(
        abs(sum(values) - 1.0) < _ROUNDING and all(value >= 0 for value in values),
        "weights are at least 0 and sum to 1",
        values,
        *fields,
    )


def ascending(values: Sequence[float], *fields: str) -> Iterator[Broken]:
    """Each value is above the one before it."""
    yield from holds(all(a < b for a, b in pairwise(values)), "values ascend strictly", values, *fields)


def descending(values: Sequence[float], *fields: str) -> Iterator[Broken]:
    """Each value is below the one before it."""
    yield from holds(all(a > b for a, b in pairwise(values)), "values descend strictly", values, *fields)


def positive(values: Sequence[float], *fields: str) -> Iterator[Broken]:
    """Every value is above 0."""
    yield from holds(all(value > 0 for value in values), "values are above 0", values, *fields)


def ordered(low: float, high: float, *fields: str) -> Iterator[Broken]:
    """``low`` is below ``high``."""
    yield from holds(low < high, f"{fields[0]} < {fields[-1]}", (low, high), *fields)


def fitting(names: Sequence[str], values: Sequence[object], *fields: str) -> Iterator[Broken]:
    """One value for each of ``names``."""
    yield from holds(len(values) == len(names), f"one value for each of {', '.join(names)}", values, *fields)
