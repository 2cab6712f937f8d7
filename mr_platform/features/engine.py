"""Computing features: from a core table to a frame, whole sessions or a few new minutes at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import DataError, UsageError
from mr_platform.features import tables
from mr_platform.features.catalogue import component as entry_of
from mr_platform.features.catalogue import components as known
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import InputStream, SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import CHAIN_READ, Run, passes_of, with_what_they_read
from mr_platform.kernels.engine import engine as kernels_of
from mr_platform.market.book import ChainBook
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.sessions import Session
from mr_platform.parameters.common import DailyContextParameters
from mr_platform.parameters.objects import build, declared_set
from mr_platform.parameters.resolution import ParameterSet


@dataclass(frozen=True, eq=False)
class FeatureFrame:
    """Features of one symbol over consecutive one-minute bars.

    ``minutes`` int64 [M] minute of the day at which each bar starts; ``dte`` int64 [M], -1 unknown; ``outputs`` by
    component key, in catalogue order: values [M, n], score, confidence and health [M] (see ``ComponentOutput``).
    ``first_bar`` is the position of the first row in its session.
    """

    symbol: str
    session: Session
    minutes: NDArray[np.int64]
    dte: NDArray[np.int64]
    outputs: Mapping[str, ComponentOutput]
    first_bar: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in catalogue order."""
        return tuple(name for key in self.outputs for name in entry_of(key).names)

    @property
    def values(self) -> NDArray[np.float64]:
        """All features [M, n] in catalogue order."""
        return np.concatenate([out.values for out in self.outputs.values()], axis=1)

    @property
    def event_ts(self) -> pa.Array:
        """Start of each bar [M], timestamp[us, Asia/Kolkata]."""
        return tables.timestamps(self.session.trade_date, self.minutes)

    def score(self, key: str) -> NDArray[np.float64]:
        """Score of a component [M] in [-1, 1]."""
        return self.outputs[key].score

    def confidence(self, key: str) -> NDArray[np.float64]:
        """Confidence of a component [M] in [0, 1]."""
        return self.outputs[key].confidence

    def health(self, key: str) -> NDArray[np.int8]:
        """Health of a component [M], an index into ``features.component.HEALTH``."""
        return self.outputs[key].health

    def to_table(self, *, every: int = 1) -> pa.Table:
        """Columns symbol, event_ts, then the features in catalogue order, float64.

        ``every`` 5 gives the finished 5-minute bars of the session: event_ts their start, features as of their last
        minute.
        """
        return tables.export(self, every)

    def lake_table(self, key: str, *, every: int = 1) -> pa.Table:
        """The table of one component as it is published: keys, known_ts, dte, features, score, confidence, health."""
        return tables.published(self, key, every)


def compute_features(
    core: pa.Table,
    session: Session,
    *,
    symbol: str | None = None,
    previous: DailyContext | None = None,
    history: Sequence[DailyContext] = (),
    components: Sequence[str] | None = None,
    engine: str = "auto",
    until: int | None = None,
    peer: NDArray[np.float64] | None = None,
    parameters: ParameterSet | None = None,
) -> FeatureFrame:
    """Features of every minute of a session from its core/option_chain rows, in any order.

    ``previous`` context of the latest earlier session at most ten calendar days back, ``history`` contexts of earlier
    sessions, newest last, in place of the sessions that ``previous`` remembers. ``components`` by key, all by default.
    ``until`` is a minute of the day: only
    bars that start at or before it are read, and the frame ends there. ``peer`` [bars of the session] closes of the
    other symbol's underlying; ``parameters`` the declared defaults without them. UsageError for an unknown component or
    engine, DataError for a context that is not earlier.
    """
    stream = FeatureStream(
        session,
        symbol=symbol,
        previous=previous,
        history=history,
        components=components,
        engine=engine,
        parameters=parameters,
        roomy=False,
    )
    return stream.push(core, until=int(session.bar_minutes[-1]) if until is None else until, peer=peer)


class FeatureStream:
    """The tick entry: feed a session's new rows as they come, get the features of the new minutes.

    Rows become a dense chain; recursions are carried, so a push computes the new minutes alone. The frames of all
    pushes, one after another, are bit for bit the frame of ``compute_features``.
    """

    def __init__(
        self,
        session: Session,
        *,
        symbol: str | None = None,
        previous: DailyContext | None = None,
        history: Sequence[DailyContext] = (),
        components: Sequence[str] | None = None,
        engine: str = "auto",
        parameters: ParameterSet | None = None,
        roomy: bool = True,
    ) -> None:
        """``roomy``: make room for strikes that later rows may name; a whole session at once needs none."""
        for context in (*history, *([previous] if previous is not None else [])):
            if context.trade_date >= session.trade_date:
                raise DataError(
                    rule="features read contexts of earlier sessions only",
                    value=f"context of {context.trade_date}",
                    place=f"features of {session.trade_date}",
                    remedy="pass the contexts before that date",
                )
        self.session = session
        self._minutes = session.bar_minutes.tolist()
        self._previous = previous
        self._history = tuple(history)
        self._wanted = tuple(components or (entry.key for entry in known()))
        self._components = with_what_they_read(self._wanted, engine, parameters)
        self._states: dict[str, Any] = {}
        self._done = 0
        self._chain: OptionChainDay | None = None
        self._series: SessionInputs | None = None
        self._book = ChainBook(session, symbol=symbol, roomy=roomy, **CHAIN_READ)
        self._outputs = {
            key: ComponentOutput.empty(session.n_bars, len(one.features)) for key, one in self._components.items()
        }
        self._inputs = InputStream(
            session.n_bars,
            passes=passes_of(self._components),
            outputs=self._outputs,
            using=kernels_of(engine),
            limits=build(DailyContextParameters, parameters or declared_set()),
        )

    def push(self, rows: pa.Table, *, until: int, peer: NDArray[np.float64] | None = None) -> FeatureFrame:
        """Take new core rows; give the minutes up to the bar that starts at ``until`` that were not given yet.

        ``peer`` closes of the other symbol's underlying, from the session's first bar on. Rows after ``until`` are
        kept for later. UsageError when ``until`` lies before the session or goes back.
        """
        stop = bisect_right(self._minutes, until)
        if stop == 0 or stop < self._done:
            raise UsageError(
                rule="until is a bar of the session at or after the last one computed",
                value=f"{until // 60:02d}:{until % 60:02d}",
                place=f"features of {self.session.trade_date}",
                remedy=f"the session opens at {self.session.open:%H:%M}",
            )
        chain, moved = self._book.take(rows)
        self._chain = chain
        self._series = series = self._inputs.advance(chain, stop, peer=peer, afresh=moved)
        start, self._done = self._done, stop
        if not self._states and (series.dte >= 0).any():
            # the session begins with its first rows: what is learned depends on the days to expiry they show
            self._states = self._begin(chain, series)
            first = 0
        else:
            first = start
        for key, state in self._states.items():
            self._components[key].compute(series, self._outputs[key], first, stop, state)
        return FeatureFrame(
            symbol=chain.symbol,
            session=self.session,
            minutes=series.minutes[start:stop],
            dte=series.dte[start:stop],
            outputs={entry: self._outputs[entry].part(start, stop) for entry in self._wanted},
            first_bar=start,
        )

    def so_far(self) -> tuple[OptionChainDay, Run]:
        """The chain of the minutes computed so far, and the components run over them. UsageError before any push."""
        if self._chain is None or self._series is None:
            raise UsageError(
                rule="a session is looked back upon after its first push",
                value="no push",
                place=f"features of {self.session.trade_date}",
                remedy="push its rows first",
            )
        chain = self._chain.until(int(self.session.bar_minutes[self._done - 1]))
        outputs = {key: out.part(0, self._done) for key, out in self._outputs.items()}
        states = self._states or self._begin(chain, self._series)
        return chain, Run(self._components, self._series.until(self._done), outputs, states)

    def _begin(self, chain: OptionChainDay, series: SessionInputs) -> dict[str, Any]:
        """What was known before the first bar: days to the nearest expiry come from the first minute with rows."""
        known = series.dte[series.dte >= 0]
        start = SessionStart(
            trade_date=self.session.trade_date,
            n_bars=self.session.n_bars,
            dte=int(known[0]) if known.size else -1,
            underlying=chain.underlying,
            previous=self._previous,
            history=self._history,
            symbol=chain.symbol,
        )
        return {key: one.begin(start) for key, one in self._components.items()}
