"""Compiles the feature kernels once, at install: ``python -m mr_platform.features.warmup``.

Compiled code is cached beside the sources, one entry for each list of argument types. So the calls are the platform's
own, on a made market of few minutes: a session read at once, one that grows by a minute and then by five, a market with
one expiry, one whose nearest expiry comes late, the daily context between two sessions, and the named interfaces.

The eight components take minutes to compile. Given to two processes, half of them each, they take half of that; the
process that started them then takes every path, and compiles what is left.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa

from mr_platform import logs
from mr_platform.features import made_day
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.context import daily_context
from mr_platform.features.engine import FeatureStream
from mr_platform.features.inputs import SessionInputs, session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import CHAIN_READ, all_components
from mr_platform.kernels.engine import engine
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.rolling import rolling
from mr_platform.market.sessions import Session

HALVES = (("c1", "c2", "c3", "c5", "c8"), ("c4", "c6", "c7"))
"""Components that one process compiles, of about equal work."""
_BARS, _STRIKES = 20, 31
_LATE = 8
_END = 24 * 60


def compile_kernels() -> None:
    """Takes every path from a core table to features with the argument types the platform uses."""
    session = made_day.made_session(_BARS)
    core = made_day.core_table(made_day.made_chain(_BARS, _STRIKES))
    first = _at_once(session, core)
    peer = np.full(_BARS, 40_000.0)
    _by_ticks(first, peer)
    _at_once(session, made_day.core_table(made_day.made_chain(_BARS, _STRIKES, expiries=1)))
    nearest = core["expiry"].to_numpy().min()
    minute = core["ts"].to_numpy().astype("datetime64[m]").astype(np.int64)
    late = (core["expiry"].to_numpy() != nearest) | (minute >= minute.min() + _LATE)
    _at_once(session, core.filter(pa.array(late)))
    _call_interfaces(_inputs(session, core, {}))


def compile_components(keys: Sequence[str]) -> None:
    """Compiles the kernels of these components alone; what they read of others is there, but says nothing."""
    components = all_components()
    outputs = {key: ComponentOutput.empty(_BARS, len(one.features)) for key, one in components.items()}
    session = made_day.made_session(_BARS)
    inputs = _inputs(session, made_day.core_table(made_day.made_chain(_BARS, _STRIKES)), outputs)
    start = SessionStart(session.trade_date, _BARS, int(inputs.dte[0]), inputs.underlying_kind, symbol="NIFTY")
    for key in keys:
        with logs.stage("compile component", component=key):
            state = components[key].begin(start)
            components[key].compute(inputs, outputs[key], 0, _BARS, state)


def _inputs(session: Session, core: pa.Table, outputs: dict[str, ComponentOutput]) -> SessionInputs:
    chain = OptionChainDay.from_core(core, session, **CHAIN_READ)
    return session_inputs(chain, session.n_bars, outputs=outputs)


def _at_once(session: Session, core: pa.Table) -> DailyContext:
    """A whole session in one push, and the context that it leaves."""
    stream = FeatureStream(session, roomy=False)
    stream.push(core, until=_END)
    chain, ran = stream.so_far()
    return daily_context(chain, ran=ran)


def _by_ticks(previous: DailyContext, peer: np.ndarray) -> None:
    """The session after, a minute a push and then five; then its whole chain as every expiry is read elsewhere."""
    on = previous.trade_date + timedelta(days=1)
    session = made_day.made_session(_BARS, on)
    core = made_day.core_table(made_day.made_chain(_BARS, _STRIKES, seed=3), on)
    stream = FeatureStream(session, previous=previous, history=[previous])
    rows = core.num_rows // _BARS
    start = 0
    while start < _BARS:
        stop = start + 1 if start < 5 else start + 5
        until = int(session.bar_minutes[stop - 1])
        stream.push(core.slice(start * rows, (stop - start) * rows), until=until, peer=peer[:stop])
        start = stop
    chain, ran = stream.so_far()
    daily_context(chain, previous, ran=ran)
    rolling(OptionChainDay.from_core(core, session))


def _call_interfaces(inputs: SessionInputs) -> None:
    """The named interfaces that call kernels of their own, beside those that run a component."""
    from mr_platform.features.c1_triple_straddle.interface import TimeframeReading, integrate_multi_timeframe_analysis
    from mr_platform.features.c2_greeks_sentiment.interface import classify_sentiment_with_adaptive_thresholds
    from mr_platform.features.c3_oi_price_action import interface as c3
    from mr_platform.features.c4_iv_skew import interface as c4
    from mr_platform.features.c5_atr_ema_cpr import interface as c5
    from mr_platform.features.c6_correlation import interface as c6
    from mr_platform.features.c6_correlation.layout import N_TRACKED
    from mr_platform.features.c7_support_resistance import interface as c7
    from mr_platform.features.c8_master_integration import interface as c8

    walk = np.asarray(100.0 + np.arange(_BARS) % 7, np.float64)
    integrate_multi_timeframe_analysis([TimeframeReading(3, 0.5, 1.0), TimeframeReading(5, 0.4, 1.0)])
    classify_sentiment_with_adaptive_thresholds(0.2)
    c3.analyze_cumulative_atm_strikes(inputs)
    c3.detect_institutional_flow(walk, walk[::-1])
    c3.classify_divergence_patterns(walk - 100.0, walk)
    skew = c4.analyze_dual_dte_iv_skew(inputs, int(inputs.dte[0]))
    c4.classify_iv_regime_7_levels(skew)
    c4.calculate_put_call_skew_differential(0.16, 0.14)
    c5.optimize_atr_periods(2, walk)
    c5.calculate_ema_confluence_zones(walk)
    c6.calculate_progressive_correlation_matrix(0, inputs)
    c6.detect_correlation_breakdowns(None, np.full((_BARS, N_TRACKED), 0.5))
    c6.validate_cross_component_agreement({"c1": 0.5, "c2": 0.4, "c3": 0.3}, {"c1": 1.0, "c2": 1.0, "c3": 1.0})
    c7.detect_multi_method_levels(inputs)
    c7.predict_breakout_probability(101.0, 100.0, 1.0, atr=1.0)
    c7.score_level_strength(3, 2, 1.0)
    reading = c8.ComponentReading(0.2, 0.8, "healthy")
    answer = c8.integrate_all_components({f"c{n}": reading for n in range(1, 8)}, 3)
    probabilities = c8.classify_8_regime_system(answer).probabilities
    in_force = c8.RegimeInForce(next(iter(probabilities)), probabilities)
    c8.classify_8_regime_system(answer, in_force=in_force)
    engine("cpu").moving.wilder(walk[None, :, None], 5)


def main(keys: Sequence[str]) -> int:
    """Entry point of the install step; ``keys`` of components compile those alone."""
    logs.configure(level="INFO")
    if keys:
        compile_components(keys)
        return 0
    with logs.stage("compile feature kernels"):
        halves = [subprocess.Popen([sys.executable, "-m", "mr_platform.features.warmup", *half]) for half in HALVES]
        codes = [half.wait() for half in halves]
        if any(codes):
            return 1
        compile_kernels()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
