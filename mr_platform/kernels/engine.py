"""Which implementation of the kernels runs: ``reference``, ``cpu``, or ``auto`` (the fastest there is)."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from mr_platform.errors import UsageError

ENGINES = ("auto", "cpu", "reference")
KERNELS = ("scatter", "parity", "moving", "black76", "chain_sums", "correlation")


@dataclass(frozen=True)
class Engine:
    """One implementation of every kernel module: ``engine("cpu").moving.ema(...)``."""

    name: str
    scatter: ModuleType
    parity: ModuleType
    moving: ModuleType
    black76: ModuleType
    chain_sums: ModuleType
    correlation: ModuleType


def engine(name: str = "auto") -> Engine:
    """The engine of that name; ``auto`` is ``cpu``.

    UsageError for an unknown name, and for ``gpu``, which this version does not have.
    """
    if name not in ENGINES:
        raise UsageError(
            rule=f"the engine is one of {', '.join(ENGINES)}",
            value=name,
            place="engine",
            remedy="this version has no gpu kernels: use cpu" if name == "gpu" else "use cpu, or leave it out",
        )
    chosen = "cpu" if name == "auto" else name
    return Engine(chosen, *(importlib.import_module(f"mr_platform.kernels.{chosen}.{kernel}") for kernel in KERNELS))
