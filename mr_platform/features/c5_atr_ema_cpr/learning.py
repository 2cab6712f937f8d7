"""What C5 learns from finished sessions: how far the levels of each pivot method hold, by ATR regime."""

from __future__ import annotations

import numpy as np

from mr_platform.features.c5_atr_ema_cpr.state import N_LEVELS, N_METHODS, Floats
from mr_platform.parameters.atr_ema_cpr import PIVOT_METHODS, AtrEmaCprParameters

NO_TOUCHES = np.zeros((N_LEVELS + 1, N_METHODS, 2))
"""By ATR regime (the last: unknown) and method: touches, and those of them that held."""


def session_touches(underlying: Floats, regime: Floats, levels: Floats, bars: int) -> Floats:
    """Touches and holds of one session [7, 5, 2].

    ``underlying`` [M, 5] bars, ``regime`` [M] ATR regime (NaN unknown), ``levels`` [5, 9]. A bar touches a level when
    the way from the last close to its high and low reaches it, and no bar of the ``bars`` before did. The level held
    when the close ``bars`` later lies on the side that price came from; a touch too late to know is left out.
    """
    found = np.zeros(NO_TOUCHES.shape)
    known = np.flatnonzero(np.isfinite(underlying[:, 3]))
    close = underlying[known, 3]
    high, low = np.fmax(underlying[known, 1], close)[1:], np.fmin(underlying[known, 2], close)[1:]
    before = close[:-1]
    if before.size == 0:
        return found
    high, low = np.maximum(high, before), np.minimum(low, before)
    row = np.where(np.isfinite(regime[known[1:]]), regime[known[1:]], N_LEVELS).astype(np.int64)
    for method in range(N_METHODS):
        for level in levels[method][np.isfinite(levels[method])]:
            reached = np.flatnonzero((low <= level) & (high >= level) & (before != level))
            last = -bars - 1
            for i in reached.tolist():
                fresh, last = i - last > bars, i
                if fresh and i + bars < before.size:
                    found[row[i], method, 0] += 1.0
                    found[row[i], method, 1] += np.sign(close[1 + i + bars] - level) == np.sign(before[i] - level)
    return found


def faded(touches: Floats, session: Floats, half_life: float) -> Floats:
    """Touches of the sessions before, counting a little less, with those of one session more."""
    return np.asarray(touches * 0.5 ** (1.0 / half_life) + session)


def method_weights(touches: Floats, settings: AtrEmaCprParameters) -> Floats:
    """Weights of the five pivot methods [7, 5], each row summing to 1: by ATR regime, the last row without one.

    A method's start weight times the share of touches that held, shrunk by ``touch_prior`` touches: in a regime towards
    the method's rate in all regimes, and that towards the rate of all methods. Start weights while nothing was touched.
    """
    start = np.array([settings.method_weights[name] * settings.methods_used[name] for name in PIVOT_METHODS])
    prior = settings.touch_prior
    total = touches.sum(axis=0)
    seen, held = total.sum(axis=0)
    pooled = held / seen if seen > 0 else 1.0
    overall = (total[:, 1] + prior * pooled) / (total[:, 0] + prior)
    rates = (touches[..., 1] + prior * overall) / (touches[..., 0] + prior)
    rates[N_LEVELS] = overall
    weights = start * rates
    sums = weights.sum(axis=1, keepdims=True)
    return np.asarray(np.where(sums > 0, weights / np.where(sums > 0, sums, 1.0), start / start.sum()))
