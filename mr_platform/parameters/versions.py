"""Versions of the parameter set in the lake: immutable sets, an append-only history, one of them active.

    parameters/sets/<digest>.json       what a set says; named by its content, never changed
    parameters/origins/<digest>.json    where each of its values came from when it was published
    parameters/versions/<n>.json        who, when, why, the set, the set before; the highest n is active

A version is written last and must be new, so a writer killed before that leaves documents that nothing refers to,
and of two writers on one parent the second meets ConflictError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from mr_platform.errors import ConflictError, CorruptPartition, DataError, UsageError
from mr_platform.lake.digest import bytes_digest
from mr_platform.lake.store import Lake
from mr_platform.parameters.difference import Difference, difference
from mr_platform.parameters.documents import from_document
from mr_platform.parameters.resolution import ParameterSet, canonical, default_set, replaced
from mr_platform.parameters.validation import validated, with_value
from mr_platform.parameters.values import CellValue, to_json

_SETS, _ORIGINS, _VERSIONS = "parameters/sets", "parameters/origins", "parameters/versions"
_LONGEST_TEXT = 500


@dataclass(frozen=True)
class Version:
    """One entry of the history.

    ``digest`` of the set it made active, ``parent`` that of the set before it ("" for the first), ``origins`` the
    digest of the provenance document, ``source`` the workbook it was loaded from ("" for a change or an undo) and
    ``source_digest`` what that workbook said; ``changes`` counts the values that differ from the parent's.
    """

    number: int
    digest: str
    parent: str
    who: str
    when: str
    why: str
    origins: str
    source: str = ""
    source_digest: str = ""
    changes: int = 0


def publish(
    lake: Lake,
    parameter_set: ParameterSet,
    *,
    who: str,
    when: datetime,
    why: str,
    source: str = "",
    source_digest: str = "",
    expected: str | None = None,
) -> Version:
    """Make a set the active one.

    One that says what the active one says, from no new source, adds no version: the present one is returned.

    ``expected``: digest of the active set that the caller looked at ("" for none); ConflictError where another is
    active by now. DataError where the set has faults, UsageError without a name or a reason.
    """
    if parameter_set.faults:
        first = parameter_set.faults[0]
        raise DataError(
            rule=f"a published set has no faults (it has {len(parameter_set.faults)}): {first.rule}",
            value=first.value,
            place=first.where,
            remedy=first.remedy,
        )
    _said(who, "who")
    _said(why, "why")
    before = latest(lake)
    parent = before.digest if before is not None else ""
    if expected is not None and expected != parent:
        raise _conflict(expected, parent)
    if before is not None and parent == parameter_set.digest and source_digest in ("", before.source_digest):
        return before
    old = default_set() if before is None else read(lake, before)
    changes = difference(old, parameter_set)
    _put_set(lake, parameter_set)
    version = Version(
        number=before.number + 1 if before is not None else 1,
        digest=parameter_set.digest,
        parent=parent,
        who=who,
        when=when.isoformat(timespec="seconds"),
        why=why,
        origins=_put_origins(lake, parameter_set),
        source=source,
        source_digest=source_digest,
        changes=len(changes),
    )
    lake.create_object(f"{_VERSIONS}/{version.number}.json", _encoded(asdict(version)))
    return version


def latest(lake: Lake) -> Version | None:
    """The newest version, whose set is active; None where none was published."""
    numbers = _numbers(lake)
    return _version(lake, numbers[-1]) if numbers else None


def history(lake: Lake) -> list[Version]:
    """Every version, oldest first."""
    return [_version(lake, number) for number in _numbers(lake)]


def active(lake: Lake) -> ParameterSet:
    """The active set; the registry's defaults where none was published.

    Parameters declared since then stand at their defaults, those no longer declared are left out.
    """
    version = latest(lake)
    return default_set() if version is None else read(lake, version)


def read(lake: Lake, version: Version) -> ParameterSet:
    """The set of a version, without the record of what was tried. CorruptPartition where it is not what it was."""
    return from_document(_document(lake, version), place=f"version {version.number}")


def read_with_origins(lake: Lake, version: Version) -> ParameterSet:
    """The set of a version with where each value came from and what was tried before it."""
    origins = _loaded(lake, f"{_ORIGINS}/{version.origins}.json", version.origins)
    return from_document(_document(lake, version), place=f"version {version.number}", origins=origins)


def find(lake: Lake, name: str) -> Version:
    """The version called ``name``: its number, or the beginning of its set's digest. UsageError where none is."""
    versions = history(lake)
    if name.isdecimal():
        matches = [version for version in versions if version.number == int(name)]
        if matches:
            return matches[0]
    matches = [version for version in versions if len(name) >= 4 and version.digest.startswith(name.lower())]
    if len({version.digest for version in matches}) == 1:
        return matches[-1]
    known = [f"{version.number} ({version.digest[:12]})" for version in versions[-5:]]
    raise UsageError(
        rule="a version is named by its number or by at least 4 characters of one set's digest",
        value=name,
        place="parameters/versions",
        remedy=f"use one of {', '.join(known)}" if known else "none was published yet: mr config load FILE",
    )


def change(
    lake: Lake, name: str, value: CellValue, *, who: str, when: datetime, why: str, expected: str | None = None
) -> Version:
    """A new version with one value changed. ``name`` is an id, a unique parameter name or a field.

    UsageError for an unknown name or a value that its kind refuses, DataError where the set as a whole then breaks a
    rule, ConflictError where another version came between.
    """
    before = latest(lake)
    present = default_set() if before is None else read_with_origins(lake, before)
    parent = before.digest if before is not None else ""
    if expected is not None and expected != parent:
        raise _conflict(expected, parent)
    changed = with_value(present, name, value, place=f"changed by {who} on {when:%Y-%m-%d %H:%M}: {why}")
    return publish(lake, changed, who=who, when=when, why=why, expected=parent)


def undo(lake: Lake, *, who: str, when: datetime, why: str, number: int | None = None) -> Version:
    """A new version without what version ``number`` (default: the newest) changed; the history keeps both.

    Undoing the newest brings the set before it back; undoing an undo redoes. ConflictError where a later version
    changed one of the same values again.
    """
    versions = history(lake)
    if not versions:
        raise UsageError(
            rule="there is a version to undo", value="none", place="parameters/versions", remedy="load a workbook first"
        )
    undone = versions[-1] if number is None else find(lake, str(number))
    at = versions.index(undone)
    before = read_with_origins(lake, versions[at - 1]) if at else default_set()
    after, present = read(lake, undone), read_with_origins(lake, versions[-1])
    if undone == versions[-1]:
        return publish(lake, before, who=who, when=when, why=why, expected=undone.digest)
    restored = _without(present, difference(before, after), before, undone)
    return publish(lake, validated(restored), who=who, when=when, why=why, expected=versions[-1].digest)


def _without(present: ParameterSet, undone: list[Difference], before: ParameterSet, version: Version) -> ParameterSet:
    """``present`` with the values of ``undone`` as they were before."""
    if any(entry.kind != "changed" for entry in undone):
        raise ConflictError(
            rule="an older version is undone where it changed values only; this one added or removed records",
            value=[entry.id for entry in undone if entry.kind != "changed"][:5],
            place=f"version {version.number}",
            remedy="load the workbook that you want instead",
        )
    since = [entry.id for entry in undone if to_json(present.values.get(entry.id)) != to_json(entry.after)]
    if since:
        raise ConflictError(
            rule="an older version is undone where nothing changed its values again",
            value=since[:5],
            place=f"version {version.number}",
            remedy="undo the later version first, or set these values by hand",
        )
    return replaced(present, {entry.id: before.resolved[entry.id] for entry in undone})


def _put_set(lake: Lake, parameter_set: ParameterSet) -> None:
    data = _encoded(parameter_set.document)
    stored = lake.put_object(f"{_SETS}/{parameter_set.digest}.json", data)
    if stored != parameter_set.digest:
        raise CorruptPartition(
            rule="a set is named by the digest of what it says",
            value=stored,
            place=f"{_SETS}/{parameter_set.digest}.json",
            remedy="report this: the set's digest and its document disagree",
        )


def _put_origins(lake: Lake, parameter_set: ParameterSet) -> str:
    data = _encoded(parameter_set.origins)
    digest = bytes_digest(data)
    lake.put_object(f"{_ORIGINS}/{digest}.json", data)
    return digest


def _document(lake: Lake, version: Version) -> dict[str, Any]:
    return _loaded(lake, f"{_SETS}/{version.digest}.json", version.digest)


def _loaded(lake: Lake, name: str, digest: str) -> dict[str, Any]:
    data = lake.get_object(name)
    if bytes_digest(data) != digest:
        raise CorruptPartition(
            rule="a stored document is what its name says",
            value=bytes_digest(data),
            place=name,
            remedy="restore it from a backup, or load the workbook again",
        )
    return dict(json.loads(data))


def _version(lake: Lake, number: int) -> Version:
    name = f"{_VERSIONS}/{number}.json"
    try:
        return Version(**json.loads(lake.get_object(name)))
    except (TypeError, ValueError) as error:
        raise CorruptPartition(
            rule="a version is a readable document of its own fields",
            value=error,
            place=name,
            remedy="restore it from a backup; the versions around it are untouched",
        ) from error


def _numbers(lake: Lake) -> list[int]:
    stems = (name.rsplit("/", 1)[-1].removesuffix(".json") for name in lake.objects(_VERSIONS))
    return sorted(int(stem) for stem in stems if stem.isdecimal())


def _encoded(document: Mapping[str, Any]) -> bytes:
    return canonical(document)


def _said(text: str, what: str) -> None:
    if not text.strip() or len(text) > _LONGEST_TEXT or not text.isprintable():
        raise UsageError(
            rule=f"a version says {what}, in at most {_LONGEST_TEXT} printable characters",
            value=text[:50] or "nothing",
            place=f"--{what}",
            remedy="write who acts and why: the history is read by others",
        )


def _conflict(expected: str, present: str) -> ConflictError:
    return ConflictError(
        rule="the active set is the one that was looked at",
        value=present[:12] or "none",
        place="parameters/versions",
        remedy=f"expected {expected[:12] or 'none'}: somebody else changed it meanwhile; read it and decide again",
    )
