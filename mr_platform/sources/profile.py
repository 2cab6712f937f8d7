"""Source profiles: a source is described by configs/sources/NAME.yaml, not by a program.

A profile says where each canonical field stands in the source's rows, in which units and clock, and what the
rows are (bars, snapshots or ticks). Code exists only for the shapes; every other difference between sources is
data. Loading is strict: an unknown key or value is refused with the file and the key.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mr_platform.configuration import config_root, read_yaml
from mr_platform.errors import DataError, UsageError

LEG_FIELDS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "oi",
    "iv",
    "delta",
    "gamma",
    "theta",
    "vega",
    "rho",
    "bid",
    "ask",
)
FUTURE_FIELDS = ("open", "high", "low", "close", "volume", "oi")
KEY_FIELDS = ("symbol", "expiry", "strike", "side")
_WIDE = tuple(f"{leg}_{field}" for leg in ("ce", "pe") for field in LEG_FIELDS)
_FUTURE = tuple(f"future_{field}" for field in FUTURE_FIELDS)
FIELDS = frozenset((*KEY_FIELDS, *LEG_FIELDS, *_WIDE, *_FUTURE, "spot"))
PATH_FIELDS = ("symbol", "date", "time", "expiry", "strike", "side")

_CHOICES: dict[str, tuple[str, ...]] = {
    "kind": ("chain", "index", "daily"),
    "shape": ("wide", "long", "per_contract", "ticks", "website"),
    "observation": ("bar", "snapshot", "tick"),
    "volume": ("bar", "cumulative"),
    "zone": ("IST", "UTC"),
    "bar_label": ("start", "end"),
}
_UNITS = {"oi": ("units", "contracts"), "volume": ("units", "contracts"), "iv": ("decimal", "percent")}
_KEYS = frozenset(
    (
        *_CHOICES,
        *("name", "description", "extends", "files", "path", "prefer_path", "columns", "fixed", "time", "collected"),
        *(
            "expiry_formats",
            "units",
            "missing",
            "sides",
            "aliases",
            "contract",
            "bar_minutes",
            "csv",
            "precedence",
            "optional",
        ),
    )
)


@dataclass(frozen=True)
class Moment:
    """Where a time stands: source columns joined by a blank, then read by the first format that fits.

    Formats are strptime's; typed date, time and timestamp columns need none.
    """

    columns: tuple[str, ...]
    formats: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """How a contract's symbol is read: patterns with the groups symbol, expiry, strike, side; future with symbol, rank.

    ``near`` is the rank that means the nearest listed future, whose bars stand in core's future columns.
    """

    column: str
    option: re.Pattern[str]
    future: re.Pattern[str] | None
    near: str


@dataclass(frozen=True)
class Csv:
    """Dialect of text files. ``names`` are given where the file has no header line."""

    delimiter: str
    skip_lines: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Profile:
    """One source. ``columns`` maps a canonical field to the source columns that may hold it, first non-null wins.

    ``missing`` maps a field without leg prefix (or ``*``) to the values that mean missing; ``path`` patterns take
    facts (symbol, date, time, expiry, strike, side) out of a file's path, ``prefer_path`` names those that win over
    a column; ``optional`` fields may be absent from a file. ``precedence``: which source of a symbol-day stands in
    core, lowest first.
    """

    name: str
    description: str
    kind: str
    shape: str
    observation: str
    volume: str
    zone: str
    bar_label: str
    bar_minutes: int
    precedence: int
    files: tuple[str, ...]
    path: tuple[re.Pattern[str], ...]
    prefer_path: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    optional: frozenset[str]
    fixed: Mapping[str, str]
    time: tuple[Moment, ...]
    collected: Moment | None
    expiry_formats: tuple[str, ...]
    units: Mapping[str, str]
    missing: Mapping[str, tuple[str, ...]]
    sides: Mapping[str, str]
    aliases: Mapping[str, str]
    contract: Contract | None
    csv: Csv

    def has(self, field: str) -> bool:
        """Whether the source has a column for the canonical field."""
        return field in self.columns

    def sentinels(self, field: str) -> frozenset[str]:
        """Texts that mean missing in the field; numbers are compared by value."""
        bare = field.split("_", 1)[1] if field.startswith(("ce_", "pe_", "future_")) else field
        return frozenset((*self.missing.get(bare, ()), *self.missing.get("*", ())))


def profiles_root() -> Path:
    """Folder of the profile files."""
    return config_root() / "sources"


def profile_names() -> list[str]:
    """Names of all profiles, sorted."""
    return sorted(path.stem for path in profiles_root().glob("*.yaml"))


def load_profile(name: str) -> Profile:
    """The profile called ``name``; UsageError with the nearest match where there is none."""
    known = profile_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise UsageError(
            rule="the profile is one of configs/sources",
            value=name,
            place="profile",
            remedy=(f"did you mean {near[0]}? " if near else "") + f"known: {', '.join(known)}",
        )
    return _load(profiles_root() / f"{name}.yaml")


def load_profiles() -> dict[str, Profile]:
    """Every profile by its name, sorted."""
    return {name: load_profile(name) for name in profile_names()}


@functools.lru_cache(maxsize=128)
def _load(path: Path) -> Profile:
    return parse_profile(_merged(path, frozenset()), path)


def _merged(path: Path, seen: frozenset[Path]) -> dict[str, Any]:
    """The file's mapping laid over the one it extends; mappings are merged, lists and scalars replaced."""
    data = read_yaml(path)
    parent = data.pop("extends", None)
    if parent is None:
        return data
    base_path = path.with_name(f"{parent}.yaml")
    if base_path in seen or not base_path.exists():
        raise _bad(path, "extends", parent, "another profile, without a circle")
    base = _merged(base_path, seen | {path})
    for key, value in data.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        base[key] = {**base[key], **value} if both else value
    return base


def parse_profile(data: dict[str, Any], path: Path) -> Profile:
    """A profile from its mapping; DataError names the file and the key of anything unknown or contradictory."""
    _refuse_unknown(path, "", data, _KEYS)
    if data.get("name") != path.stem:
        raise _bad(path, "name", data.get("name"), f"{path.stem}, the file's own name")
    chosen = {key: _choice(path, key, data) for key in _CHOICES}
    columns = {field: _texts(path, f"columns.{field}", value) for field, value in _map(path, "columns", data).items()}
    _refuse_unknown(path, "columns.", columns, FIELDS)
    units = _map(path, "units", data)
    _refuse_unknown(path, "units.", units, frozenset(_UNITS))
    for unit, value in units.items():
        if value not in _UNITS[unit]:
            raise _bad(path, f"units.{unit}", value, " or ".join(_UNITS[unit]))
    minutes = data.get("bar_minutes", 1)
    if not isinstance(minutes, int) or minutes < 1 or (minutes > 1 and chosen["observation"] != "bar"):
        raise _bad(path, "bar_minutes", minutes, "a positive whole number, above 1 for bars only")
    prefer = _texts(path, "prefer_path", data.get("prefer_path", []))
    _refuse_unknown(path, "prefer_path.", dict.fromkeys(prefer), frozenset(PATH_FIELDS))
    missing = {
        field: tuple(str(value) for value in _list(path, f"missing.{field}", values))
        for field, values in _map(path, "missing", data).items()
    }
    _refuse_unknown(path, "missing.", missing, frozenset((*LEG_FIELDS, *KEY_FIELDS, "spot", "*")))
    profile = Profile(
        name=path.stem,
        description=str(data.get("description", "")),
        **chosen,
        bar_minutes=minutes,
        precedence=int(data.get("precedence", _default_precedence(chosen["observation"], minutes))),
        files=_texts(path, "files", data.get("files", ["*.parquet"])),
        path=tuple(_pattern(path, "path", text, PATH_FIELDS) for text in _list(path, "path", data.get("path", []))),
        prefer_path=prefer,
        columns=columns,
        optional=_optional(path, data, columns),
        fixed={key: str(value) for key, value in _map(path, "fixed", data).items()},
        time=tuple(_moment(path, "time", item) for item in _list(path, "time", data.get("time", []))),
        collected=_moment(path, "collected", data["collected"]) if "collected" in data else None,
        expiry_formats=_texts(path, "expiry_formats", data.get("expiry_formats", ["%Y-%m-%d"])),
        units={unit: str(units.get(unit, values[0])) for unit, values in _UNITS.items()},
        missing=missing,
        sides=_sides(path, data),
        aliases={str(key): str(value) for key, value in _map(path, "aliases", data).items()},
        contract=_contract(path, data),
        csv=_csv(path, data),
    )
    _check_whole(path, profile)
    return profile


def _check_whole(path: Path, profile: Profile) -> None:
    """Every profile says its time and, for chains, where expiry, strike and side come from."""
    _refuse_unknown(path, "fixed.", profile.fixed, frozenset((*KEY_FIELDS, "date")))
    if not profile.time:
        raise _bad(path, "time", "nothing", "at least one entry with columns and formats")
    said = set(profile.columns) | set(profile.fixed)
    said |= {group for pattern in profile.path for group in pattern.groupindex}
    if profile.contract is not None:
        said |= set(profile.contract.option.groupindex)
    wanted = {"symbol"}
    if profile.kind == "chain":
        wanted |= (
            {"expiry", "strike"} if profile.shape in ("wide", "website") else {"expiry", "strike", "side", "close"}
        )
    else:
        wanted |= {"close"}
    lacking = sorted(wanted - said)
    if lacking:
        raise _bad(path, "columns", sorted(said), f"a place for {', '.join(lacking)}")


def _default_precedence(observation: str, minutes: int) -> int:
    if observation == "bar":
        return 10 if minutes == 1 else 40
    return 20 if observation == "tick" else 30


def _bad(path: Path, key: str, value: object, wanted: str) -> DataError:
    return DataError(
        rule=f"'{key}' of a source profile is {wanted}", value=value, place=str(path), remedy=f"mend {key} there"
    )


def _refuse_unknown(path: Path, prefix: str, data: Mapping[str, Any], known: frozenset[str]) -> None:
    for key in data:
        if key not in known:
            near = difflib.get_close_matches(str(key), sorted(known), n=1)
            raise _bad(path, f"{prefix}{key}", key, f"a known key{f', did you mean {near[0]}' if near else ''}")


def _choice(path: Path, key: str, data: Mapping[str, Any]) -> str:
    default = {"volume": "bar", "zone": "IST", "bar_label": "start", "observation": "bar", "shape": "long"}
    value = data.get(key, default.get(key))
    if value not in _CHOICES[key]:
        raise _bad(path, key, value, " or ".join(_CHOICES[key]))
    return str(value)


def _map(path: Path, key: str, data: Mapping[str, Any]) -> dict[str, Any]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise _bad(path, key, value, "a mapping")
    return value


def _list(path: Path, key: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _bad(path, key, value, "a list")
    return value


def _texts(path: Path, key: str, value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(item) for item in _list(path, key, value))


def _moment(path: Path, key: str, item: Any) -> Moment:
    if not isinstance(item, dict) or "columns" not in item:
        raise _bad(path, key, item, "a mapping with columns and formats")
    _refuse_unknown(path, f"{key}.", item, frozenset(("columns", "formats")))
    return Moment(_texts(path, f"{key}.columns", item["columns"]), _texts(path, key, item.get("formats", [])))


def _pattern(path: Path, key: str, text: Any, groups: tuple[str, ...]) -> re.Pattern[str]:
    try:
        pattern = re.compile(str(text), re.IGNORECASE)
    except re.error as error:
        raise _bad(path, key, f"{text}: {error}", "a regular expression") from error
    _refuse_unknown(path, f"{key}.", pattern.groupindex, frozenset(groups))
    return pattern


def _contract(path: Path, data: Mapping[str, Any]) -> Contract | None:
    item = _map(path, "contract", data)
    if not item:
        return None
    _refuse_unknown(path, "contract.", item, frozenset(("column", "option", "future", "near")))
    for key in ("column", "option"):
        if key not in item:
            raise _bad(path, f"contract.{key}", "nothing", "given")
    future = _pattern(path, "contract.future", item["future"], ("symbol", "rank")) if "future" in item else None
    option = _pattern(path, "contract.option", item["option"], KEY_FIELDS)
    return Contract(str(item["column"]), option, future, str(item.get("near", "I")))


def _optional(path: Path, data: Mapping[str, Any], columns: Mapping[str, Any]) -> frozenset[str]:
    """Field names, or words ending in ``*`` for every mapped field that begins so."""
    found: set[str] = set()
    for word in _texts(path, "optional", data.get("optional", [])):
        hits = {field for field in columns if field == word or (word.endswith("*") and field.startswith(word[:-1]))}
        if not hits:
            raise _bad(path, "optional", word, "a mapped field")
        found |= hits
    return frozenset(found)


def _csv(path: Path, data: Mapping[str, Any]) -> Csv:
    item = _map(path, "csv", data)
    _refuse_unknown(path, "csv.", item, frozenset(("delimiter", "skip_lines", "names")))
    names = _texts(path, "csv.names", item.get("names", []))
    return Csv(str(item.get("delimiter", ",")), int(item.get("skip_lines", 0)), names)


def _sides(path: Path, data: Mapping[str, Any]) -> dict[str, str]:
    given = _map(path, "sides", data) or {"CE": ["CE", "CALL", "C"], "PE": ["PE", "PUT", "P"]}
    _refuse_unknown(path, "sides.", given, frozenset(("CE", "PE")))
    return {text.upper(): side for side, texts in given.items() for text in _texts(path, f"sides.{side}", texts)}
