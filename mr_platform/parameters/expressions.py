"""Kinds of compound cells: conditions, settings, adjustments of weights and patterns over regime names.

Each is a small grammar; what it does not read is refused, and what it reads is written back in one canonical form.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import ClassVar

from mr_platform.parameters.terms import Adjustment, Comparison, Interval, Setting, Settings, Situation
from mr_platform.parameters.values import FLOAT, NUMBER, RANGE, CellValue, Kind, Value, number_text

_WORD = "[A-Za-z][A-Za-z0-9_]*"
_NUMERIC = re.compile(NUMBER)
_SUBJECT = re.compile(f"(?:abs\\((?P<inner>{_WORD})\\)|(?P<plain>{_WORD}))(?P<rest>.*)")
_MEASURE = re.compile(f"(?P<number>{NUMBER})(?P<unit>(?:ms|sec|min|MB|%ile|%)?)")
_SITUATION = re.compile(r"(?P<name>[A-Z][A-Za-z ]*[A-Za-z])(?: \((?P<comparison>[^()]+)\))?")
_ADJUSTMENT = re.compile(f"(?P<percent>[+-][0-9]+(?:\\.[0-9]+)?)% (?P<target>{_WORD})")

TRENDS = ("Strong_Bullish", "Bullish", "Neutral", "Bearish", "Strong_Bearish", "Sideways")
VOLATILITIES = ("High", "Med", "Low")
REGIMES = tuple(f"{trend}_{volatility}_Vol" for trend in TRENDS for volatility in VOLATILITIES)
_TRENDING = tuple(name for name in REGIMES if "ull" in name or "ear" in name)
# Words for sets of regimes beside the patterns themselves.
_FAMILIES = {
    "ALL": REGIMES,
    "NONE": (),
    "Trending": _TRENDING,
    "Neutral": tuple(name for name in REGIMES if name.startswith("Neutral")),
    "Sideways": tuple(name for name in REGIMES if name.startswith("Sideways")),
}


@dataclass(frozen=True)
class _Expression(Kind):
    name: ClassVar[str] = "expression"
    expects = "a condition such as trend_slope>0.015, atr_percentile:30-70 or abs(x)<0.3"

    def _read(self, cell: CellValue) -> Comparison:
        found = _SUBJECT.fullmatch(cell) if isinstance(cell, str) else None
        if found is None:
            raise self.fault()
        subject = found["plain"] or found["inner"]
        absolute = found["inner"] is not None
        operator = next((sign for sign in (">=", "<=", ">", "<", ":") if found["rest"].startswith(sign)), "")
        written = found["rest"].removeprefix(operator)
        if not operator:
            if written or absolute:
                raise self.fault()
            return Comparison(subject)
        measure = _MEASURE.fullmatch(written)
        if measure is not None:
            return Comparison(subject, operator, FLOAT._read(measure["number"]), absolute, measure["unit"])
        if operator == ":" and re.fullmatch(f"{NUMBER}-{NUMBER}", written):
            return Comparison(subject, operator, RANGE._read(written), absolute)
        if re.fullmatch(_WORD, written):
            return Comparison(subject, operator, written, absolute)
        raise self.fault()

    def render(self, value: Value) -> str:
        assert isinstance(value, Comparison)
        subject = f"abs({value.subject})" if value.absolute else value.subject
        operand = value.operand
        if operand is None:
            return subject
        if isinstance(operand, Interval):
            operand = RANGE.render(operand)
        elif not isinstance(operand, str):
            operand = number_text(operand)
        return f"{subject}{value.operator}{operand}{value.unit}"


@dataclass(frozen=True)
class _Situation(Kind):
    name: ClassVar[str] = "situation"
    expects = "a market state such as Expiry Day or High Volatility (ATR>80%ile)"

    def _read(self, cell: CellValue) -> Situation:
        found = _SITUATION.fullmatch(cell) if isinstance(cell, str) else None
        if found is None:
            raise self.fault()
        comparison = found["comparison"]
        return Situation(found["name"], None if comparison is None else EXPRESSION._read(comparison))

    def render(self, value: Value) -> str:
        assert isinstance(value, Situation)
        return value.name if value.comparison is None else f"{value.name} ({EXPRESSION.render(value.comparison)})"


@dataclass(frozen=True)
class _Adjustments(Kind):
    name: ClassVar[str] = "adjustments"
    expects = "changes in percent such as +20% ATR, -15% IV"

    def _read(self, cell: CellValue) -> tuple[Adjustment, ...]:
        parts = cell.split(",") if isinstance(cell, str) else []
        found = [_ADJUSTMENT.fullmatch(part.strip(" ")) for part in parts]
        read = tuple(Adjustment(one["target"], float(one["percent"])) for one in found if one is not None)
        if not read or len(read) != len(found) or len({one.target for one in read}) != len(read):
            raise self.fault()
        return read

    def render(self, value: Value) -> str:
        assert isinstance(value, tuple)
        changes = [one for one in value if isinstance(one, Adjustment)]
        return ", ".join(f"{'' if one.percent < 0 else '+'}{number_text(one.percent)}% {one.target}" for one in changes)


@dataclass(frozen=True)
class _Settings(Kind):
    name: ClassVar[str] = "settings"
    expects = "settings name=value between ',' or ';', such as depth=3,band=0.5;methods=a,b"

    def _read(self, cell: CellValue) -> Settings:
        if not isinstance(cell, str):
            raise self.fault()
        pairs: list[tuple[str, list[Setting]]] = []
        for group in cell.split(";"):
            for at, token in enumerate(part.strip(" ") for part in group.split(",")):
                name, sign, written = token.rpartition("=")
                if sign:
                    pairs.append((name, [self._setting(written)]))
                elif at and pairs:
                    # a value without a name goes on with the list before it
                    pairs[-1][1].append(self._setting(token))
                else:
                    raise self.fault()
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names) or not all(re.fullmatch(_WORD, name) for name in names):
            raise self.fault()
        return Settings(tuple((name, read[0] if len(read) == 1 else tuple(read)) for name, read in pairs))

    def _setting(self, text: str) -> Setting:
        if text in ("true", "false"):
            return text == "true"
        if re.fullmatch("[+-]?[0-9]{1,15}", text):
            return int(text)
        if _NUMERIC.fullmatch(text):
            return FLOAT._read(text)
        if re.fullmatch(_WORD, text):
            return text
        raise self.fault()

    def render(self, value: Value) -> str:
        assert isinstance(value, Settings)
        lists = any(isinstance(setting, tuple) for _, setting in value.pairs)
        return (";" if lists else ",").join(f"{name}={_setting_text(setting)}" for name, setting in value.pairs)


@dataclass(frozen=True)
class _RegimePattern(Kind):
    name: ClassVar[str] = "regime pattern"
    expects = "a workbook regime, a pattern such as Neutral_* or *_Low_Vol, or " + ", ".join(_FAMILIES)

    def _read(self, cell: CellValue) -> str:
        if (
            not isinstance(cell, str)
            or not re.fullmatch("[A-Za-z_*]+", cell)
            or not (cell in _FAMILIES or matching(cell))
        ):
            raise self.fault()
        return cell


def matching(pattern: str) -> tuple[str, ...]:
    """The workbook regimes that a pattern or family stands for, in order of their ids."""
    if pattern in _FAMILIES:
        return _FAMILIES[pattern]
    return tuple(name for name in REGIMES if fnmatch.fnmatchcase(name, pattern))


def _setting_text(setting: Setting | tuple[Setting, ...]) -> str:
    if isinstance(setting, tuple):
        return ",".join(_setting_text(one) for one in setting)
    if isinstance(setting, bool):
        return str(setting).lower()
    # repr keeps 2.0 apart from 2: both forms occur, and the type is part of the value
    return repr(setting) if isinstance(setting, float) else str(setting)


EXPRESSION = _Expression()
SITUATION = _Situation()
ADJUSTMENTS = _Adjustments()
SETTINGS = _Settings()
REGIME_PATTERN = _RegimePattern()
