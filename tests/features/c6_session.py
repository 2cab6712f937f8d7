"""A session for C6: the small market's inputs, with made-up outputs of the components before it and a peer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mr_platform.features.c1_triple_straddle.catalogue import features as straddle_features
from mr_platform.features.c6_correlation.component import OVERLAY, Correlation, SessionState
from mr_platform.features.c6_correlation.layout import SCORES
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs, session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.series import CLOSE
from mr_platform.market.chain import OptionChainDay
from mr_platform.parameters.correlation import CorrelationParameters
from mr_platform.parameters.objects import defaults

NAMES = tuple(spec.name for spec in Correlation().features)
PARTS = ("values", "score", "confidence", "health")


def made_up_outputs(minutes: int, seed: int = 3) -> dict[str, ComponentOutput]:
    """Walking scores of C1 to C5, and C1's overlay."""
    rng = np.random.default_rng(seed)
    outputs = {}
    for key in SCORES:
        out = ComponentOutput.empty(minutes, len(straddle_features()) if key == "c1" else 1)
        out.score[:] = np.tanh(np.cumsum(0.1 * rng.normal(size=minutes)))
        out.confidence[:] = rng.random(minutes)
        outputs[key] = out
    at = [spec.name for spec in straddle_features()].index(OVERLAY)
    outputs["c1"].values[:, at] = np.round(np.tanh(np.cumsum(0.05 * rng.normal(size=minutes))), 2)
    return outputs


def inputs_of(chain: OptionChainDay) -> SessionInputs:
    """Inputs of a chain with outputs of C1 to C5 and a peer that walks with the underlying."""
    n = chain.minutes.size
    inputs = session_inputs(chain, n, outputs=made_up_outputs(n))
    noise = np.exp(np.cumsum(1e-4 * np.random.default_rng(1).normal(size=n)))
    return replace(inputs, peer=inputs.underlying[:, CLOSE] * noise)


def compute(
    inputs: SessionInputs,
    *,
    engine: str = "cpu",
    cuts: tuple[int, ...] = (),
    previous: DailyContext | None = None,
    rule: CorrelationParameters | None = None,
    n_bars: int = 375,
) -> tuple[ComponentOutput, SessionState]:
    """C6 over a session, in the pieces that end before each of ``cuts``."""
    component = Correlation(rule or defaults(CorrelationParameters), engine)
    m = inputs.minutes.size
    start = SessionStart(inputs.trade_date, n_bars, 3, inputs.underlying_kind, previous, symbol="NIFTY")
    state, out, done = component.begin(start), ComponentOutput.empty(m, len(NAMES)), 0
    for stop in (*cuts, m):
        component.compute(inputs, out, done, stop, state)
        done = stop
    return out, state


def column(out: ComponentOutput, name: str) -> np.ndarray:
    """A feature of every minute, by its name without the component."""
    return np.asarray(out.values[:, NAMES.index(f"c6_{name}")])
