"""From a workbook file to a judged set, and into the lake as a new version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mr_platform.lake.store import Lake
from mr_platform.parameters import versions
from mr_platform.parameters.resolution import ParameterSet, resolve
from mr_platform.parameters.validation import validated
from mr_platform.parameters.workbook import read_workbook


@dataclass(frozen=True)
class Loaded:
    """A set read from ``source`` (the file's name) and the version it became; None where it has faults or was known."""

    parameter_set: ParameterSet
    source: str
    version: versions.Version | None = None


def read_set(path: Path, environment: Mapping[str, str], *, cache: Path | None = None) -> ParameterSet:
    """The judged set of a workbook or of an export (.yaml): all faults at once. SourceError for a file that is refused.

    ``cache``: folder for parsed workbooks, so that the same bytes are parsed once.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        from mr_platform.parameters.interchange import read_yaml

        return validated(read_yaml(path, environment))
    return validated(resolve(read_workbook(path, cache=cache), environment))


def load(
    lake: Lake,
    path: Path,
    environment: Mapping[str, str],
    *,
    who: str,
    when: datetime,
    why: str,
    expected: str | None = None,
    cache: Path | None = None,
) -> Loaded:
    """Read, judge and publish a workbook. A set with faults is returned without a version, and nothing is published."""
    found = read_set(path, environment, cache=cache)
    if found.faults:
        return Loaded(found, path.name)
    version = versions.publish(
        lake,
        found,
        who=who,
        when=when,
        why=why,
        source=path.name,
        source_digest=found.digest,
        expected=expected,
    )
    return Loaded(found, path.name, version)


def take_up(
    lake: Lake,
    path: Path,
    environment: Mapping[str, str],
    *,
    who: str,
    when: datetime,
    cache: Path | None = None,
) -> Loaded:
    """Load a workbook that steers a home, unless what it says was loaded already.

    A workbook is taken up once: what was changed by hand since then stands until the file says something new.
    """
    found = read_set(path, environment, cache=cache)
    sources = [version.source_digest for version in versions.history(lake) if version.source_digest]
    if found.faults or (sources and sources[-1] == found.digest):
        return Loaded(found, path.name)
    return load(lake, path, environment, who=who, when=when, why=f"{path.name} says something new", cache=cache)
