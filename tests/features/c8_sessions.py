"""Sessions for C8: made-up answers of the seven components, and C8 run over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from mr_platform.features.c8_master_integration.catalogue import COMPONENTS
from mr_platform.features.c8_master_integration.component import MasterIntegration, SessionState
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.memory import DailyContext
from tests.features.contract_sessions import Remembered

Floats = NDArray[np.float64]
DAY = date(2022, 11, 14)
NAMES = tuple(spec.name.removeprefix("c8_") for spec in MasterIntegration().features)
CENTRES = (0.1, 0.0, -0.1, 0.45, 0.1, 0.5, 0.5)


def answer(score: Floats, confidence: Floats, health: NDArray[np.int8] | None = None) -> ComponentOutput:
    """What a component says, without features."""
    known = np.isfinite(score)
    said = np.where(known, 2, 0).astype(np.int8) if health is None else health
    return ComponentOutput(np.empty((score.size, 0)), score, np.where(known, confidence, 0.0), said)


def inputs(outputs: Mapping[str, ComponentOutput], minutes: int, dte: int = 3, trade_date: date = DAY) -> SessionInputs:
    """What C8 reads of a session: the answers, and the days to expiry."""
    return SessionInputs(
        trade_date=trade_date,
        minutes=np.arange(555, 555 + minutes),
        n_bars=minutes,
        underlying_kind="future",
        bars=np.empty((minutes, 9, 5)),
        held=np.empty((minutes, 9, 5)),
        underlying=np.empty((minutes, 5)),
        dte=np.full(minutes, dte, np.int64),
        expiry=np.zeros(minutes, np.int64),
        strikes=np.zeros((minutes, 3), np.int64),
        forward=np.full(minutes, 18_000.0),
        outputs=outputs,
    )


def spoken(scores: Mapping[str, Sequence[float]], confidence: Mapping[str, float], dte: int = 3) -> SessionInputs:
    """A session written down: scores by component, one confidence each."""
    minutes = len(next(iter(scores.values())))
    made = {key: answer(np.array(one, float), np.full(minutes, confidence[key])) for key, one in scores.items()}
    return inputs(made, minutes, dte)


def walking(seed: int, *, minutes: int = 375, dte: int = 3, gaps: float = 0.03, swing: float = 0.09) -> SessionInputs:
    """A seeded session in which all seven scores wander, with gaps and spells of poor health."""
    rng = np.random.default_rng(seed)
    made: dict[str, ComponentOutput] = {}
    for key, centre in zip(COMPONENTS, CENTRES, strict=True):
        noise = swing * rng.standard_normal(minutes)
        score, confidence = np.empty(minutes), np.empty(minutes)
        x = 0.5 * rng.standard_normal()
        for t in range(minutes):
            x = 0.97 * x + noise[t]
            score[t] = np.clip(centre + x, -1, 1)
            confidence[t] = np.clip(0.6 + 0.3 * np.sin((t + 50 * centre) / 40) + 0.02 * rng.standard_normal(), 0, 1)
        score[rng.random(minutes) < gaps] = np.nan
        health = np.where(np.isfinite(score), np.where(rng.random(minutes) < 0.2, 1, 2), 0).astype(np.int8)
        made[key] = answer(score, confidence, health)
    return inputs(made, minutes, dte, DAY + timedelta(days=seed))


def start(session: SessionInputs, memory: Mapping[str, Floats] | None = None) -> SessionStart:
    """The start of the session, with what the one before handed on."""
    previous: DailyContext | None = None if memory is None else Remembered(memory)  # type: ignore[assignment]
    return SessionStart(session.trade_date, session.n_bars, int(session.dte[0]), "future", previous, symbol="NIFTY")


def computed(
    session: SessionInputs,
    component: MasterIntegration | None = None,
    *,
    cuts: Sequence[int] = (),
    memory: Mapping[str, Floats] | None = None,
) -> tuple[ComponentOutput, SessionState]:
    """The session in consecutive calls that end at ``cuts``, then at its last minute."""
    one = component or MasterIntegration()
    state = one.begin(start(session, memory))
    m = session.minutes.size
    out = ComponentOutput.empty(m, len(one.features))
    before = 0
    for stop in (*cuts, m):
        one.compute(session, out, before, stop, state)
        before = stop
    return out, state


def columns(out: ComponentOutput) -> dict[str, Floats]:
    """The columns by name, without the component's prefix."""
    return dict(zip(NAMES, out.values.T.copy(), strict=True))


def remembered(dtes: Sequence[int]) -> dict[str, Floats]:
    """What sessions at these days to expiry leave, one after the other."""
    memory: dict[str, Floats] = {}
    for seed, dte in enumerate(dtes):
        session, one = walking(100 + seed, dte=dte), MasterIntegration()
        out, state = computed(session, one, memory=memory)
        memory = dict(one.leave(session, out, state))
    return memory
