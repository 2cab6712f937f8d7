"""Where the platform runs: the environment's settings and the folders of its home.

The environment is named by ``MR_ENV`` and the home by ``MR_HOME``. An unknown name raises; no name is
``development``, which registers nothing that writes outside its home.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mr_platform.configuration import config_root, read_yaml
from mr_platform.errors import UsageError

DEFAULT_ENVIRONMENT = "development"
AUTOMATION = frozenset({"intraday", "end_of_day", "alerts", "freshness", "migration", "parallel_run", "parameters"})
_KEYS = frozenset(
    {
        "start_date",
        "live_symbols",
        "live_profile",
        "bar_minutes",
        "grace_seconds",
        "processes",
        "automation",
    }
)


@dataclass(frozen=True)
class Environment:
    """Settings of one environment; the keys are explained in configs/environments.yaml."""

    name: str
    start_date: date
    live_symbols: tuple[str, ...]
    live_profile: str
    bar_minutes: int
    grace_seconds: int
    processes: int
    automation: frozenset[str]


@dataclass(frozen=True)
class Home:
    """The folder that holds everything the platform writes."""

    root: Path

    @property
    def lake(self) -> Path:
        """Tables and documents."""
        return self.root / "lake"

    @property
    def landing(self) -> Path:
        """Where a collector drops files."""
        return self.root / "landing"

    @property
    def dagster(self) -> Path:
        """Runs, events and schedules of Dagster."""
        return self.root / "dagster"


def current_home() -> Home:
    """The home named by ``MR_HOME``, else ``./home``."""
    return Home(Path(os.environ.get("MR_HOME") or "home").resolve())


def load_environment(name: str | None = None) -> Environment:
    """The environment called ``name`` (default: ``MR_ENV``, else development). UsageError for an unknown one."""
    path = config_root() / "environments.yaml"
    known = read_yaml(path)
    chosen = name or os.environ.get("MR_ENV") or DEFAULT_ENVIRONMENT
    if chosen not in known:
        raise UsageError(
            rule="an environment is named in configs/environments.yaml",
            value=chosen,
            place="MR_ENV",
            remedy=f"use one of {sorted(known)}, or add it there",
        )
    return _environment(chosen, known[chosen], path)


def _environment(name: str, entry: Mapping[str, object], path: Path) -> Environment:
    place = f"{path.name}: {name}"
    if set(entry) != _KEYS:
        raise UsageError(
            rule=f"an environment has exactly the keys {sorted(_KEYS)}",
            value=sorted(set(entry) ^ _KEYS),
            place=place,
            remedy="add the missing keys and remove the unknown ones",
        )
    automation = _names(entry["automation"], "automation", place)
    if unknown := set(automation) - AUTOMATION:
        raise UsageError(
            rule=f"automation is chosen from {sorted(AUTOMATION)}",
            value=sorted(unknown),
            place=place,
            remedy="correct the name",
        )
    start = entry["start_date"]
    if not isinstance(start, date):
        raise UsageError(rule="start_date is a date", value=start, place=place, remedy="write it as YYYY-MM-DD")
    return Environment(
        name=name,
        start_date=start,
        live_symbols=_names(entry["live_symbols"], "live_symbols", place),
        live_profile=str(entry["live_profile"]),
        bar_minutes=_count(entry["bar_minutes"], "bar_minutes", place),
        grace_seconds=_count(entry["grace_seconds"], "grace_seconds", place),
        processes=_count(entry["processes"], "processes", place),
        automation=frozenset(automation),
    )


def _names(value: object, key: str, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(rule=f"{key} is a list of names", value=value, place=place, remedy="write it as [A, B]")
    return tuple(value)


def _count(value: object, key: str, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(rule=f"{key} is a whole number of at least 1", value=value, place=place, remedy="correct it")
    return value


def acting_user() -> str:
    """Who acts, for the audit: ``MR_USER`` where a service says on whose behalf, else the login name."""
    try:
        return os.environ.get("MR_USER") or getpass.getuser()
    except (KeyError, OSError):
        # a container's user without an entry among the accounts
        return f"uid {os.getuid()}"
