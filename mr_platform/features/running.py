"""Running components over a session: which there are, in which order, and what each hands to the next."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.catalogue import component as entry_of
from mr_platform.features.catalogue import components as entries
from mr_platform.features.component import AdaptiveComponent, ComponentOutput, SessionStart
from mr_platform.features.inputs import DEEP_FIELDS, SessionInputs, session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.kernels.engine import engine as kernels_of
from mr_platform.market.chain import FUTURE_FIELDS, LONGEST_DTE, OptionChainDay
from mr_platform.parameters.common import DailyContextParameters
from mr_platform.parameters.objects import build, declared_set
from mr_platform.parameters.resolution import ParameterSet

CHAIN_READ: Mapping[str, Any] = {
    "max_dte": LONGEST_DTE,
    "max_expiries": 6,
    "deep_expiries": 1,
    "fields": ("close", *DEEP_FIELDS),
}
"""How a core table is scattered for the components (``OptionChainDay.from_core``).

Nearest, next and a month's last beyond both: with five weekly expiries a month, six expiries reach it.
"""
CORE_COLUMNS = (
    "ts",
    "expiry",
    "strike",
    "spot",
    *(f"{leg}_{field}" for leg in ("ce", "pe") for field in CHAIN_READ["fields"]),
    *(f"future_{field}" for field in FUTURE_FIELDS),
)
"""Columns of core/option_chain that components are computed from."""

Components = Mapping[str, AdaptiveComponent[Any]]


def component(key: str, engine: str = "auto", parameters: ParameterSet | None = None) -> AdaptiveComponent[Any]:
    """The component ``key`` on the engine of that name; UsageError for an unknown one.

    Its parameters are those of the set, the declared defaults without one.
    """
    made: Callable[..., AdaptiveComponent[Any]] = _class_of(key)
    settings: object = build(settings_of(key), parameters or declared_set())
    return made(settings=settings, engine=kernels_of(engine).name)


@functools.cache
def settings_of(key: str) -> type:
    """Class of the parameter object of the component ``key``: the type of its field ``settings``."""
    kind: type = get_type_hints(_class_of(key))["settings"]
    return kind


def _class_of(key: str) -> type[AdaptiveComponent[Any]]:
    entry = entry_of(key)
    module = importlib.import_module(f"mr_platform.features.{entry.folder}.component")
    found: type[AdaptiveComponent[Any]] = getattr(module, entry.class_name)
    return found


def all_components(engine: str = "auto", parameters: ParameterSet | None = None) -> dict[str, AdaptiveComponent[Any]]:
    """Every component that exists, in the order of the catalogue."""
    return {entry.key: component(entry.key, engine, parameters) for entry in entries()}


def with_what_they_read(
    keys: Sequence[str], engine: str = "auto", parameters: ParameterSet | None = None
) -> dict[str, AdaptiveComponent[Any]]:
    """The named components and all that they read, in the order of the catalogue; UsageError for an unknown one."""
    wanted: dict[str, AdaptiveComponent[Any]] = {}
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key not in wanted:
            wanted[key] = component(key, engine, parameters)
            waiting += wanted[key].reads
    return {entry.key: wanted[entry.key] for entry in entries() if entry.key in wanted}


def steering_of(key: str) -> tuple[type, ...]:
    """Classes of the parameter objects that steer a component: its own, and those of all that it reads."""
    kinds, waiting = {key: settings_of(key)}, list(_class_of(key).reads)
    while waiting:
        other = waiting.pop()
        if other not in kinds:
            kinds[other] = settings_of(other)
            waiting += _class_of(other).reads
    return tuple(kinds[name] for name in sorted(kinds))


def passes_of(components: Components) -> frozenset[str]:
    """The costly passes over the chain that any of the components needs."""
    return frozenset(name for one in components.values() for name in one.passes)


@dataclass(frozen=True, eq=False)
class Run:
    """Components run over the first minutes of a session: its inputs, and each one's output and state."""

    components: Components
    inputs: SessionInputs
    outputs: Mapping[str, ComponentOutput]
    states: Mapping[str, Any]

    def memory(self) -> dict[str, NDArray[np.float64]]:
        """What all of them leave to the next session."""
        left: dict[str, NDArray[np.float64]] = {}
        for key, one in self.components.items():
            left |= one.leave(self.inputs, self.outputs[key], self.states[key])
        return left


def run_components(
    components: Components,
    chain: OptionChainDay,
    *,
    previous: DailyContext | None = None,
    peer: NDArray[np.float64] | None = None,
    engine: str = "auto",
    parameters: ParameterSet | None = None,
) -> Run:
    """All of a session's minutes that the chain has, in one go."""
    limits = build(DailyContextParameters, parameters or declared_set())
    n = chain.minutes.size
    outputs = {key: ComponentOutput.empty(n, len(one.features)) for key, one in components.items()}
    inputs = session_inputs(
        chain, n, passes=passes_of(components), peer=peer, outputs=outputs, using=kernels_of(engine), limits=limits
    )
    known = np.flatnonzero(inputs.dte >= 0)
    start = SessionStart(
        trade_date=chain.trade_date,
        n_bars=n,
        dte=int(inputs.dte[known[0]]) if known.size else -1,
        underlying=chain.underlying,
        previous=previous,
        symbol=chain.symbol,
    )
    states = {key: one.begin(start) for key, one in components.items()}
    for key, one in components.items():
        one.compute(inputs, outputs[key], 0, n, states[key])
    return Run(components, inputs, outputs, states)
