"""From a workbook file to a judged set, and into the lake as a new version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mr_platform.lake.digest import bytes_digest
from mr_platform.lake.store import Lake
from mr_platform.parameters import set_cache, versions
from mr_platform.parameters.container import read_file
from mr_platform.parameters.overrides import overrides_in, with_overrides
from mr_platform.parameters.resolution import PREFIX, ParameterSet, completed, resolve
from mr_platform.parameters.validation import validated
from mr_platform.parameters.workbook import read_workbook


@dataclass(frozen=True)
class Loaded:
    """What came of a file.

    ``parameter_set`` as it would be in force, ``said`` the digest of what the file alone says ("" without a file),
    ``version`` it became: None where it has faults, was taken up before or was only looked at.
    """

    parameter_set: ParameterSet
    said: str
    version: versions.Version | None = None


def read_set(path: Path, environment: Mapping[str, str], *, cache: Path | None = None) -> ParameterSet:
    """The judged set of a workbook or of an export (.yaml): all faults at once. SourceError for a file that is refused.

    ``cache``: folder for parsed and typed workbooks, so that the same bytes are read once.
    """
    return validated(_resolved(path, environment, cache))


def unpublished(environment: Mapping[str, str]) -> ParameterSet:
    """The judged set of a home without a version: the overrides of the environment, else the defaults."""
    return validated(resolve(None, environment))


def look(lake: Lake, path: Path | None, environment: Mapping[str, str], *, cache: Path | None = None) -> Loaded:
    """The set that would be in force with the file loaded, or, without one, with the environment's overrides alone.

    Of other kinds of workbook the active set speaks on.
    """
    before = versions.latest(lake)
    present = versions.active(lake) if before is None else versions.read_with_origins(lake, before)
    if path is None:
        return Loaded(validated(with_overrides(present, environment)), "")
    file = _resolved(path, {}, cache)
    joined = completed(file, present)
    under = with_overrides(joined, environment)
    told = replace(
        joined,
        resolved=under.resolved,
        faults=(*file.faults, *under.faults),
        warnings=(*file.warnings, *under.warnings),
    )
    return Loaded(validated(told), file.digest)


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
    """Read, judge and publish a file. A set with faults is returned without a version, and nothing is published."""
    found = look(lake, path, environment, cache=cache)
    if found.parameter_set.faults:
        return found
    version = versions.publish(
        lake,
        found.parameter_set,
        who=who,
        when=when,
        why=why,
        source=path.name,
        source_digest=found.said,
        expected=expected,
    )
    return Loaded(found.parameter_set, found.said, version)


def take_up(
    lake: Lake,
    path: Path | None,
    environment: Mapping[str, str],
    *,
    who: str,
    when: datetime,
    cache: Path | None = None,
) -> Loaded:
    """Load a workbook that steers a home, unless what it says was loaded already; then the environment's overrides.

    A workbook is taken up once: what was changed by hand since then stands until the file says something new.
    """
    if path is not None:
        found = look(lake, path, environment, cache=cache)
        loaded = [version.source_digest for version in versions.history(lake) if version.source == path.name]
        if found.parameter_set.faults:
            return found
        if not loaded or loaded[-1] != found.said:
            why = f"{path.name} says something new"
            return load(lake, path, environment, who=who, when=when, why=why, cache=cache)
    under = look(lake, None, environment)
    names = [name.removeprefix(PREFIX) for name in overrides_in(environment)]
    if under.parameter_set.faults or under.parameter_set.digest == versions.active(lake).digest:
        return under
    why = f"overrides of the environment: {', '.join(names)}"[:500] if names else "overrides were taken away"
    version = versions.publish(lake, under.parameter_set, who=who, when=when, why=why)
    return Loaded(under.parameter_set, "", version)


def _resolved(path: Path, environment: Mapping[str, str], cache: Path | None) -> ParameterSet:
    if path.suffix.lower() in (".yaml", ".yml"):
        from mr_platform.parameters.interchange import read_yaml

        return read_yaml(path, environment)
    if cache is None:
        return resolve(read_workbook(path), environment)
    data = read_file(path)
    kept = set_cache.path_of(cache, data, path.name, overrides_in(environment))
    found = set_cache.load(kept)
    if found is None:
        workbook = read_workbook(path, cache=cache)
        found = resolve(workbook, environment)
        # a file that was replaced between the two reads is not what the name says
        if workbook.digest == bytes_digest(data):
            set_cache.keep(kept, found)
    return found
