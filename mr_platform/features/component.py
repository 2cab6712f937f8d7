"""The contract of a feature component.

A component reads the inputs of one session (``SessionInputs``) and, through its state, the daily context of earlier
sessions; it writes its features, a score, a confidence and a health for each minute. One ``compute`` serves both
entries: a batch runs it over [0, M), a tick over [n - new, n) with the state the last call left behind. Whatever is
computed for minute t depends on minutes <= t only, so both give the same bits.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.catalogue import FeatureSpec

if TYPE_CHECKING:
    from mr_platform.features.inputs import SessionInputs
    from mr_platform.features.memory import DailyContext

HEALTH = ("unavailable", "degraded", "healthy")
"""0: no score; 1: a score without all of its inputs or still warming up; 2: everything there."""


@dataclass(frozen=True, eq=False)
class ComponentOutput:
    """What a component says, minute by minute.

    ``values`` float64 [M, n] in catalogue order, NaN where not computable; ``score`` [M] in [-1, 1], NaN without
    evidence; ``confidence`` [M] in [0, 1], 0 where the score is NaN; ``health`` int8 [M], an index into ``HEALTH``.
    """

    values: NDArray[np.float64]
    score: NDArray[np.float64]
    confidence: NDArray[np.float64]
    health: NDArray[np.int8]

    @staticmethod
    def empty(minutes: int, features: int) -> ComponentOutput:
        """Nothing known yet: NaN, confidence 0, unavailable."""
        return ComponentOutput(
            np.full((minutes, features), np.nan),
            np.full(minutes, np.nan),
            np.zeros(minutes),
            np.zeros(minutes, np.int8),
        )

    def part(self, start: int, stop: int) -> ComponentOutput:
        """Views of minutes [start, stop)."""
        rows = slice(start, stop)
        return ComponentOutput(self.values[rows], self.score[rows], self.confidence[rows], self.health[rows])


@dataclass(frozen=True, eq=False)
class SessionStart:
    """What is known before a session's first bar.

    ``n_bars`` one-minute bars of the whole session; ``dte`` calendar days to the nearest expiry (of the first minute
    with rows), which learned weights may depend on; ``underlying`` its kind in this session, since levels of another
    kind cannot be compared; ``previous`` the context of the latest earlier session, at most ten calendar days back, or
    None; ``history`` contexts of earlier sessions, newest last: where given, what is learned comes from them, else from
    the sessions that ``previous`` remembers; ``symbol`` the underlying's name.
    """

    trade_date: date
    n_bars: int
    dte: int
    underlying: str
    previous: DailyContext | None = None
    history: Sequence[DailyContext] = ()
    symbol: str = ""

    @property
    def memory(self) -> Mapping[str, NDArray[np.float64]]:
        """Arrays that components of the previous session handed on, by name; empty without one."""
        return {} if self.previous is None else self.previous.memory


State = TypeVar("State")


class AdaptiveComponent(abc.ABC, Generic[State]):
    """Base of the eight components.

    A component is stateless itself (parameters only); ``begin`` makes the state of one session from what earlier
    sessions left, ``compute`` carries it forward.
    """

    key: ClassVar[str]
    passes: ClassVar[tuple[str, ...]] = ()
    """What it reads of the inputs beyond series and chain (``inputs.PASSES``)."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Components whose output it reads (``inputs.outputs``); they come before it in the catalogue."""

    @property
    @abc.abstractmethod
    def features(self) -> tuple[FeatureSpec, ...]:
        """Its features in column order."""

    @property
    @abc.abstractmethod
    def parameters(self) -> object:
        """The frozen parameters it was built with."""

    @abc.abstractmethod
    def begin(self, day: SessionStart) -> State:
        """State before the first minute of a session."""

    @abc.abstractmethod
    def compute(self, inputs: SessionInputs, out: ComponentOutput, start: int, stop: int, state: State) -> None:
        """Fill ``out`` for minutes [start, stop) and carry ``state`` past them.

        The calls of a session must follow one another without gap or overlap. ``inputs`` and ``out`` are arrays of
        the whole session; only ``inputs`` before ``stop`` are read.
        """

    def leave(self, inputs: SessionInputs, out: ComponentOutput, state: State) -> Mapping[str, NDArray[np.float64]]:
        """What the finished session hands to the next one, float64 arrays named ``c{n}_...``; nothing by default.

        ``begin`` finds it in ``SessionStart.memory``. A session without a price hands on what it was given.
        """
        del inputs, out, state
        return {}
