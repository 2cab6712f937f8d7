"""The parameters in force: objects from the lake's active set, and the digest that a table carries of what steers it."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from pathlib import Path
from typing import TypeVar, cast

from mr_platform.lake.store import Lake
from mr_platform.parameters import objects, versions
from mr_platform.parameters.resolution import ParameterSet

T = TypeVar("T")

PARAMETER_DIGEST = "parameter_digest"


def active_set(lake: Lake) -> ParameterSet:
    """The newest published set, the registry's defaults where none was published; read once a version."""
    version = versions.latest(lake)
    return objects.declared_set() if version is None else _read(str(lake.root), version)


def in_force(lake: Lake, kind: type[T]) -> T:
    """A parameter object of the active set."""
    version = versions.latest(lake)
    if version is None:
        return objects.defaults(kind)
    return cast(T, _built(str(lake.root), version, cast(Hashable, kind)))


def stamp(lake: Lake, *kinds: type) -> dict[str, str]:
    """Metadata of a table that these objects steer: a change of other parameters leaves it as it is."""
    return {PARAMETER_DIGEST: objects.digest(active_set(lake), *kinds)}


@functools.lru_cache(maxsize=8)
def _read(root: str, version: versions.Version) -> ParameterSet:
    return versions.read(Lake(Path(root)), version)


@functools.lru_cache(maxsize=256)
def _built(root: str, version: versions.Version, kind: Hashable) -> object:
    return objects.build(cast(type, kind), _read(root, version))
