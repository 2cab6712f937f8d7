"""The parameters in force: objects from the lake's active set, and the digest of what steers a table."""

from __future__ import annotations

import functools
import os
from collections.abc import Hashable
from pathlib import Path
from typing import TypeVar, cast

from mr_platform.errors import DataError
from mr_platform.lake.store import Lake
from mr_platform.parameters import objects, versions
from mr_platform.parameters.loading import unpublished
from mr_platform.parameters.overrides import overrides_in
from mr_platform.parameters.resolution import ParameterSet

T = TypeVar("T")

PARAMETER_DIGEST = "parameter_digest"


def active_set(lake: Lake) -> ParameterSet:
    """The newest published set, read once a version. Where none was published, overrides of the environment hold, else
    the registry's defaults; DataError where an override is at fault.
    """
    version = versions.latest(lake)
    if version is not None:
        return _read(str(lake.root), version)
    overrides = overrides_in(os.environ)
    return _unpublished(tuple(overrides.items())) if overrides else objects.declared_set()


def in_force(lake: Lake, kind: type[T]) -> T:
    """A parameter object of the active set."""
    version = versions.latest(lake)
    if version is None:
        return objects.build(kind, active_set(lake)) if overrides_in(os.environ) else objects.defaults(kind)
    return cast(T, _built(str(lake.root), version, cast(Hashable, kind)))


def stamp(lake: Lake, *kinds: type) -> dict[str, str]:
    """Metadata of a table that these objects steer: a change of other parameters leaves it as it is."""
    return stamp_of(active_set(lake), *kinds)


def stamp_of(parameters: ParameterSet, *kinds: type) -> dict[str, str]:
    """As ``stamp``, of a set at hand."""
    return {PARAMETER_DIGEST: objects.digest(parameters, *kinds)}


@functools.lru_cache(maxsize=8)
def _read(root: str, version: versions.Version) -> ParameterSet:
    return versions.read(Lake(Path(root)), version)


@functools.lru_cache(maxsize=2)
def _unpublished(overrides: tuple[tuple[str, str], ...]) -> ParameterSet:
    found = unpublished(dict(overrides))
    if found.faults:
        first = found.faults[0]
        raise DataError(rule=first.rule, value=first.value, place=first.where, remedy=first.remedy)
    return found


@functools.lru_cache(maxsize=256)
def _built(root: str, version: versions.Version, kind: Hashable) -> object:
    return objects.build(cast(type, kind), _read(root, version))
