"""What a parameter does to the features of a session: computed with and without a change, on cached inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mr_platform.errors import DataError
from mr_platform.features import context, running
from mr_platform.features.context import daily_context
from mr_platform.features.inputs import SessionInputs, session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.sessions import ORDINARY_WINDOW, Session
from mr_platform.parameters import objects
from mr_platform.parameters.declaration import Parameter
from mr_platform.parameters.resolution import ParameterSet, Resolved, replaced
from mr_platform.parameters.values import Choice, Value, ValueFault
from tests.features.conftest import MONDAY, STEP, core_table

Case = tuple[int, ...]
"""Days to expiry of the sessions, oldest first; the last one is computed."""


def with_values(parameters: ParameterSet, values: Mapping[str, Value]) -> ParameterSet:
    """The set with some values exchanged."""
    return replaced(parameters, {name: Resolved(name, value, "change", "test") for name, value in values.items()})


class Laboratory:
    """Computes the last session of a case with any parameter set; chains and inputs are made once."""

    def __init__(self, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._key = key
        self._chains: dict[Case, list[OptionChainDay]] = {}
        self._inputs: dict[tuple[object, ...], SessionInputs] = {}
        self._ranges: dict[tuple[int, object, object], object] = {}
        self._atr = context._atr
        monkeypatch.setattr(running, "session_inputs", self._session_inputs)
        monkeypatch.setattr(context, "_atr", self._average_true_range)

    def columns(self, parameters: ParameterSet, case: Case) -> dict[str, bytes]:
        """Every column of the component in the last session of the case, by name."""
        *before, last = self._sessions(case)
        previous = self._after(before, parameters)
        components = running.with_what_they_read([self._key], parameters=parameters)
        run = running.run_components(components, last, previous=previous, parameters=parameters)
        one, out = components[self._key], run.outputs[self._key]
        features = {spec.name: column.tobytes() for spec, column in zip(one.features, out.values.T.copy(), strict=True)}
        rest = {name: getattr(out, name).tobytes() for name in ("score", "confidence", "health")}
        return features | rest

    def context(self, parameters: ParameterSet, case: Case) -> dict[str, str]:
        """Every column of core/daily_context of the last session of the case, by name."""
        previous = self._after(self._sessions(case), parameters)
        assert previous is not None
        (row,) = previous.to_table().to_pylist()
        return {name: repr(value) for name, value in row.items()}

    def _after(self, chains: Sequence[OptionChainDay], parameters: ParameterSet) -> DailyContext | None:
        """The context that the sessions leave; of the components, only what the steered one needs has run."""
        previous: DailyContext | None = None
        for chain in chains:
            components = running.with_what_they_read(["c1", self._key], parameters=parameters)
            ran = running.run_components(components, chain, previous=previous, parameters=parameters)
            previous = daily_context(chain, previous, parameters=parameters, ran=ran)
        return previous

    def _sessions(self, case: Case) -> list[OptionChainDay]:
        if case not in self._chains:
            self._chains[case] = list(_sessions(case))
        return self._chains[case]

    def _session_inputs(
        self, chain: OptionChainDay, n: int, *, limits: object, outputs: Any, passes: Any, **how: Any
    ) -> SessionInputs:
        key = (id(chain), limits, frozenset(passes))
        if key not in self._inputs:
            self._inputs[key] = session_inputs(chain, n, limits=limits, passes=passes, **how)  # type: ignore[arg-type]
        return replace(self._inputs[key], outputs=outputs)

    def _average_true_range(
        self, series: SessionInputs, previous: DailyContext | None, spans: tuple[int, ...]
    ) -> object:
        # a recursion over sessions: the same inputs and spans give the same values
        key = (id(series.bars), spans, None if previous is None else previous.trade_date)
        if key not in self._ranges:
            self._ranges[key] = self._atr(series, previous, spans)
        return self._ranges[key]


def _sessions(case: Case) -> Iterator[OptionChainDay]:
    for i, dte in enumerate(case):
        session = Session(MONDAY + timedelta(days=i + 2 * (i // 5)), "ordinary", (ORDINARY_WINDOW,))
        core = core_table(session.trade_date, seed=i, dte=dte)
        yield OptionChainDay.from_core(core, session, strike_step=STEP)


def other_values(parameter: Parameter) -> Iterator[Value]:
    """Values of the declared range that differ from the default, plain changes first."""
    seen = [parameter.default]
    for candidate in _candidates(parameter):
        try:
            value = parameter.accept(parameter.kind.render(candidate))
        except (ValueFault, AssertionError):
            continue
        if value not in seen:
            seen.append(value)
            yield value


def _candidates(parameter: Parameter) -> Iterator[Value]:
    default = parameter.default
    if isinstance(default, bool):
        yield not default
    elif isinstance(parameter.kind, Choice):
        yield from parameter.kind.names
    elif isinstance(default, int):
        yield from (int(bound) for bound in (parameter.low, parameter.high) if bound is not None)
        yield from (default + 1, default * 2, default // 2)
    elif isinstance(default, float):
        yield from (float(bound) for bound in (parameter.low, parameter.high) if bound is not None)
        yield from (default * 0.65, default * 1.6, default * 1.1, default * 0.5)
    elif isinstance(default, tuple):
        yield from _vectors(default)


def _vectors(default: tuple[Value, ...]) -> Iterator[Value]:
    """Shares moved between entries, all scaled; names in another order."""
    if all(isinstance(x, str) for x in default):
        yield tuple(reversed(default))
    if all(isinstance(x, float) for x in default):
        for i in range(len(default)):
            for j in range(len(default)):
                if i != j and len(default) > 1:
                    moved = list(default)
                    step = 0.4 * float(default[i])  # type: ignore[arg-type]
                    moved[i] = float(default[i]) - step  # type: ignore[arg-type]
                    moved[j] = float(default[j]) + step  # type: ignore[arg-type]
                    yield tuple(moved)
        yield tuple(0.9 * float(x) for x in default)  # type: ignore[arg-type]
        yield tuple(1.3 * float(x) for x in default)  # type: ignore[arg-type]
    elif all(isinstance(x, int) for x in default):
        yield tuple(max(int(x) // 2, 1) for x in default)  # type: ignore[arg-type]
        yield tuple(int(x) + 1 for x in default)  # type: ignore[arg-type]


def fits(parameters: ParameterSet, kinds: Sequence[type]) -> bool:
    """Whether the objects can be built from the set."""
    try:
        for kind in kinds:
            objects.build(kind, parameters)
    except DataError:
        return False
    return True
