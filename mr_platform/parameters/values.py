"""Kinds of value: how a cell becomes a typed value and how a value is written into a cell.

Nothing is coerced silently. A kind reads what it names and refuses the rest with the rule and the remedy; where it
reads a cell of another type without loss (the customer's workbook stores numbers as text on eight sheets), ``remark``
says so. Bounds are the declaration's business, not the kind's.
"""

from __future__ import annotations

import math
import re
import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from datetime import date, datetime, time
from typing import Any, ClassVar, cast

from mr_platform.parameters.terms import Adjustment, Comparison, Interval, Settings, Situation

CellValue = None | bool | int | float | str | date | datetime | time
Term = Interval | Comparison | Situation | Adjustment | Settings
Value = bool | int | float | str | time | datetime | Term | tuple["Value", ...]

LONGEST_TEXT = 500
# A cell holds a double: whole numbers beyond are not exact.
_LARGEST_INT = 2**53
NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_NUMBER = re.compile(NUMBER)
_WHOLE = re.compile(r"[+-]?[0-9]{1,16}")
_TERMS: dict[str, type[Term]] = {
    "interval": Interval,
    "comparison": Comparison,
    "situation": Situation,
    "adjustment": Adjustment,
    "settings": Settings,
}


class ValueFault(ValueError):
    """A cell that cannot be read as its kind; whoever knows the place adds it to ``rule`` and ``remedy``."""

    def __init__(self, rule: str, remedy: str) -> None:
        self.rule = rule
        self.remedy = remedy
        super().__init__(f"{rule}. Remedy: {remedy}")


class Kind(ABC):
    """A type of value.

    ``name`` is the type's; ``expects`` says in words what a cell must hold.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def expects(self) -> str: ...

    def parse(self, cell: CellValue) -> Value:
        """The typed value of ``cell``; ValueFault with rule and remedy where it is none of this kind."""
        if cell is None or cell == "":
            raise ValueFault("a cell of a value is not empty", f"write {self.expects}")
        if isinstance(cell, str):
            check_text(cell)
        return self._read(cell)

    def render(self, value: Value) -> str | int | float:
        """What to write into a cell so that ``parse`` gives ``value`` again."""
        return str(value)

    def remark(self, cell: CellValue) -> str | None:
        """What was unusual about a cell that ``parse`` accepts, None where nothing was."""
        return None

    @abstractmethod
    def _read(self, cell: CellValue) -> Value: ...

    def fault(self) -> ValueFault:
        """The refusal that this kind gives to a cell of another form."""
        return ValueFault(f"the value is {self.expects}", f"write {self.expects}")


def check_text(text: str) -> None:
    """ValueFault for a text that no cell of a configuration may hold, whatever its kind."""
    if len(text) > LONGEST_TEXT:
        raise ValueFault(f"a text has at most {LONGEST_TEXT} characters", "shorten it")
    # what is printable holds none of them, and almost every text is
    if not text.isprintable() and any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in text):
        raise ValueFault("a text holds no control or invisible characters", "type the text anew")
    if text.lstrip().startswith("="):
        raise ValueFault("no cell holds a formula", "write the value itself")


@dataclass(frozen=True)
class _Int(Kind):
    name: ClassVar[str] = "int"
    expects = "a whole number"

    def _read(self, cell: CellValue) -> int:
        if isinstance(cell, str) and _WHOLE.fullmatch(cell):
            cell = int(cell)
        if isinstance(cell, bool) or not isinstance(cell, int | float):
            raise self.fault()
        # negated so that NaN is refused too
        if not abs(cell) <= _LARGEST_INT or cell != int(cell):
            raise self.fault()
        return int(cell)

    def render(self, value: Value) -> int:
        assert isinstance(value, int)
        return value

    def remark(self, cell: CellValue) -> str | None:
        return "number as text" if isinstance(cell, str) else None


@dataclass(frozen=True)
class _Float(Kind):
    name: ClassVar[str] = "float"
    expects = "a number"

    def _read(self, cell: CellValue) -> float:
        if isinstance(cell, str) and _NUMBER.fullmatch(cell):
            cell = float(cell)
        if isinstance(cell, bool) or not isinstance(cell, int | float) or abs(cell) > 1e300 or math.isnan(cell):
            raise self.fault()
        # -0.0 and 0.0 are one value and must have one digest
        return float(cell) + 0.0

    def render(self, value: Value) -> float:
        assert isinstance(value, int | float)
        return float(value)

    def remark(self, cell: CellValue) -> str | None:
        return "number as text" if isinstance(cell, str) else None


@dataclass(frozen=True)
class Bool(Kind):
    """Yes or no, written as one of two words."""

    yes: str = "TRUE"
    no: str = "FALSE"
    name: ClassVar[str] = "bool"

    @property
    def expects(self) -> str:
        return f"{self.yes} or {self.no}"

    def _read(self, cell: CellValue) -> bool:
        if isinstance(cell, bool):
            return cell
        if cell == self.yes and isinstance(cell, str):
            return True
        if cell == self.no and isinstance(cell, str):
            return False
        raise self.fault()

    def render(self, value: Value) -> str:
        return self.yes if value else self.no


@dataclass(frozen=True)
class _Text(Kind):
    name: ClassVar[str] = "text"
    expects = "a text"

    def _read(self, cell: CellValue) -> str:
        if not isinstance(cell, str) or cell.isspace():
            raise self.fault()
        return cell


@dataclass(frozen=True, init=False)
class Choice(Kind):
    """One of several names, exactly as written."""

    names: tuple[str, ...]
    name: ClassVar[str] = "choice"

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)

    @property
    def expects(self) -> str:
        return "one of " + ", ".join(self.names)

    def _read(self, cell: CellValue) -> str:
        if not isinstance(cell, str) or cell not in self.names:
            raise self.fault()
        return cell


@dataclass(frozen=True)
class Pattern(Kind):
    """A text of a fixed form: the whole of it matches the regular expression."""

    expression: str
    form: str
    name: ClassVar[str] = "pattern"

    @property
    def expects(self) -> str:
        return self.form

    def _read(self, cell: CellValue) -> str:
        if not isinstance(cell, str) or not re.fullmatch(self.expression, cell):
            raise self.fault()
        return cell


@dataclass(frozen=True)
class _ClockTime(Kind):
    name: ClassVar[str] = "clock time"
    expects = "a time HH:MM as text"

    def _read(self, cell: CellValue) -> time:
        if isinstance(cell, time) and not (cell.second or cell.microsecond):
            return cell
        if not isinstance(cell, str) or not re.fullmatch("(?:[01][0-9]|2[0-3]):[0-5][0-9]", cell):
            raise self.fault()
        return time.fromisoformat(cell)

    def render(self, value: Value) -> str:
        assert isinstance(value, time)
        return f"{value:%H:%M}"


@dataclass(frozen=True)
class _Moment(Kind):
    name: ClassVar[str] = "moment"
    expects = "a date and time YYYY-MM-DD HH:MM:SS as text"

    def _read(self, cell: CellValue) -> datetime:
        if isinstance(cell, datetime) and not cell.microsecond and cell.tzinfo is None:
            return cell
        if not isinstance(cell, str) or not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", cell):
            raise self.fault()
        try:
            return datetime.fromisoformat(cell)
        except ValueError as error:
            raise self.fault() from error

    def render(self, value: Value) -> str:
        assert isinstance(value, datetime)
        return value.isoformat(sep=" ")


@dataclass(frozen=True)
class _Range(Kind):
    name: ClassVar[str] = "range"
    expects = "a range low-high as text, such as 30-70"

    def _read(self, cell: CellValue) -> Interval:
        # a spreadsheet turns an unquoted 1-5 into the fifth of January: that cell is a date and is refused
        found = re.fullmatch(f"({NUMBER})-({NUMBER})", cell) if isinstance(cell, str) else None
        if found is None:
            raise self.fault()
        interval = Interval(float(found[1]), float(found[2]))
        if not interval.low <= interval.high or math.isinf(interval.high - interval.low):
            raise ValueFault("a range runs from its low end to its high end", f"write {self.expects}")
        return interval

    def render(self, value: Value) -> str:
        assert isinstance(value, Interval)
        return f"{number_text(value.low)}-{number_text(value.high)}"


@dataclass(frozen=True)
class Percent(Kind):
    """A share written in percent with a fixed ending; the value is the fraction."""

    ending: str = "%"
    name: ClassVar[str] = "percent"

    @property
    def expects(self) -> str:
        return f"a percentage such as 90{self.ending} as text"

    def _read(self, cell: CellValue) -> float:
        if not isinstance(cell, str) or not re.fullmatch(f"[0-9]{{1,3}}(?:\\.[0-9]+)?{re.escape(self.ending)}", cell):
            raise self.fault()
        return float(cell.removesuffix(self.ending)) / 100

    def render(self, value: Value) -> str:
        assert isinstance(value, float)
        return f"{value * 100:.12g}{self.ending}"


@dataclass(frozen=True)
class ListOf(Kind):
    """Several values of one kind in a cell, between separators; spaces around them mean nothing.

    ``length``: how many there must be, None for one or more.
    """

    item: Kind
    separator: str = ","
    length: int | None = None
    name: ClassVar[str] = "list"

    @property
    def expects(self) -> str:
        count = "" if self.length is None else f"{self.length} "
        return f"{count}values between '{self.separator}', each {self.item.expects}"

    def _read(self, cell: CellValue) -> tuple[Value, ...]:
        parts: list[CellValue] = [cell]
        if isinstance(cell, str):
            parts = [part.strip(" ") for part in cell.split(self.separator)]
        if self.length is not None and len(parts) != self.length:
            raise self.fault()
        try:
            return tuple(self.item.parse(part) for part in parts)
        except ValueFault as fault:
            raise self.fault() from fault

    def render(self, value: Value) -> str:
        assert isinstance(value, tuple)
        return self.separator.join(
            number_text(part) if isinstance(part, float) else str(self.item.render(part)) for part in value
        )


INT = _Int()
FLOAT = _Float()
BOOL = Bool()
YES_NO = Bool("YES", "NO")
TEXT = _Text()
CLOCK_TIME = _ClockTime()
MOMENT = _Moment()
RANGE = _Range()
COLOR = Pattern("#[0-9A-F]{6}", "a colour #RRGGBB in capitals")


def number_text(number: float) -> str:
    """The shortest text that reads as ``number`` again, without a fraction where it is whole."""
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def to_json(value: Value | None) -> Any:
    """``value`` as JSON data: scalars as themselves, tuples as lists, the rest as one-key objects."""
    if isinstance(value, tuple):
        return [to_json(part) for part in value]
    if isinstance(value, datetime):
        return {"moment": value.isoformat(sep=" ")}
    if isinstance(value, time):
        return {"clock": f"{value:%H:%M}"}
    for tag, kind in _TERMS.items():
        if isinstance(value, kind):
            return {tag: {field.name: to_json(getattr(value, field.name)) for field in fields(kind)}}
    return value


def from_json(data: Any) -> Value | None:
    """The value that ``to_json`` wrote as ``data``; ValueFault for anything else."""
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if isinstance(data, list):
        return tuple(from_json(part) for part in data)  # type: ignore[misc]
    if isinstance(data, dict) and len(data) == 1:
        ((tag, content),) = data.items()
        try:
            if tag == "moment":
                return datetime.fromisoformat(content)
            if tag == "clock":
                return time.fromisoformat(content)
            if tag in _TERMS:
                term: Any = _TERMS[tag]
                return cast(Term, term(**{name: from_json(part) for name, part in content.items()}))
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueFault(f"a stored {tag} has its own parts", "restore the stored document") from error
    raise ValueFault("a stored value is one that to_json wrote", "restore the stored document")
