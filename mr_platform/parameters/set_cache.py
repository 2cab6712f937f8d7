"""Resolved workbooks kept beside the parsed ones, so that the same file is typed once.

A kept set is known by everything it depends on: the file's bytes and name, the overrides of the environment, and the
sources of this room, whose declarations and kinds read it. Rules between values are judged anew each time. A document
that cannot be read is written anew.
"""

from __future__ import annotations

import functools
import hashlib
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mr_platform import logs
from mr_platform.parameters.findings import Finding
from mr_platform.parameters.registry import registry
from mr_platform.parameters.resolution import Attempt, ParameterSet, Resolved, canonical
from mr_platform.parameters.values import from_json, to_json

log = logs.get("parameters.set_cache")

_FINDINGS = ("faults", "warnings", "remarks", "contradictions")


def path_of(cache: Path, data: bytes, name: str, overrides: Mapping[str, str]) -> Path:
    """Where the set of a file with these bytes, this name and these overrides is kept."""
    said = canonical({"name": name, "overrides": dict(overrides), "code": _sources()})
    return cache / f"set-{hashlib.sha256(said + data).hexdigest()}.json"


def load(path: Path) -> ParameterSet | None:
    """The kept set; None where there is none, or one that cannot be read."""
    try:
        kept = json.loads(path.read_bytes())
        values = [value if type(value) not in (dict, list) else from_json(value) for value in kept["values"]]
        tried = {at: tuple(Attempt(*attempt) for attempt in attempts) for at, attempts in kept["tried"]}
        resolved = {
            name: Resolved(name, value, origin, place, tried.get(at, ()))
            for at, (name, value, origin, place) in enumerate(
                zip(kept["ids"], values, kept["origins"], kept["places"], strict=True)
            )
        }
        keys = {(sheet, title): tuple(names) for sheet, title, names in kept["keys"]}
        findings = {kind: tuple(Finding(*one) for one in kept[kind]) for kind in _FINDINGS}
        return ParameterSet(
            MappingProxyType(resolved),
            MappingProxyType(keys),
            registry(),
            counts=kept["counts"],
            kinds=frozenset(kept["kinds"]),
            **findings,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("a kept set is not readable and is written anew", extra={"fields": {"error": repr(error)}})
        return None


def keep(path: Path, found: ParameterSet) -> None:
    """Write a set aside and rename it; a cache that cannot be written costs time, nothing else."""
    ones = list(found.resolved.values())
    document: dict[str, Any] = {
        "ids": [one.id for one in ones],
        "values": [to_json(one.value) for one in ones],
        "origins": [one.origin for one in ones],
        "places": [one.place for one in ones],
        "tried": [[at, one.tried] for at, one in enumerate(ones) if one.tried],
        "keys": [[*name, keys] for name, keys in found.keys.items()],
        "counts": found.counts,
        "kinds": sorted(found.kinds),
        **{kind: [list(vars(one).values()) for one in getattr(found, kind)] for kind in _FINDINGS},
    }
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        log.warning("a set could not be kept", extra={"fields": {"error": repr(error)}})
        # where the folder itself is the trouble there is nothing to remove either
        with suppress(OSError):
            scratch.unlink()


@functools.cache
def _sources() -> str:
    """Digest of this room's sources: what any of them says may change what a cell means."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
