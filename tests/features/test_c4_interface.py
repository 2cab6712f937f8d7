"""The named interfaces of C4 answer with what the features say."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest

from mr_platform.errors import UsageError
from mr_platform.features import c4_iv_skew as c4
from mr_platform.features.c4_iv_skew.surface import surface_at
from mr_platform.features.history import QuantityHistory
from mr_platform.parameters.iv_skew import IV_LEVELS, IvSkewParameters
from mr_platform.parameters.objects import defaults
from tests.features.c4_sessions import columns, computed, remembered, walking
from tests.features.contract_sessions import Remembered

SETTINGS = defaults(IvSkewParameters)


def test_the_analysis_says_what_the_features_say_at_the_last_minute() -> None:
    session, memory = walking(50, minutes=120), remembered((2, 2, 2))
    found = c4.analyze_dual_dte_iv_skew(
        session,
        2,
        "0_7",
        symbol="NIFTY",
        previous=Remembered(memory),  # type: ignore[arg-type]
    )
    out, _ = computed(session, memory=memory)
    last = {name: column[-1] for name, column in columns(out).items()}
    assert found.features == pytest.approx({f"c4_{name}": x for name, x in last.items()}, nan_ok=True)
    assert (found.minute, found.dte, found.dte_range, found.score) == (674, 2, "0_7", out.score[-1])
    assert found.risk_reversal == pytest.approx(found.call_skew - found.put_skew)
    assert found.specific_percentile == last["dual_dte_percentile_atm_specific"]
    assert found.pattern in ("normal", "steep_put", "flat", "reverse", "smile")


def test_a_range_that_does_not_hold_the_days_is_refused() -> None:
    with pytest.raises(UsageError, match="give 0_7"):
        c4.analyze_dual_dte_iv_skew(walking(51, minutes=5), 2, "8_30")


def test_an_analysis_without_a_bar_is_refused() -> None:
    session = walking(51, minutes=5)
    empty = replace(
        session,
        **{f.name: getattr(session, f.name)[:0] for f in fields(session) if f.name in ("minutes", "volatility")},
    )
    with pytest.raises(UsageError, match="at least one bar"):
        c4.analyze_dual_dte_iv_skew(empty, 2)


@pytest.mark.parametrize(("percentile", "index"), [(0.05, 0), (0.10, 1), (0.5, 3), (0.89, 5), (0.90, 6)])
def test_the_seven_levels_are_named_with_their_cuts(percentile: float, index: int) -> None:
    analysis = c4.analyze_dual_dte_iv_skew(walking(52, minutes=3), 2)
    level = c4.classify_iv_regime_7_levels(replace(analysis, percentile=percentile))
    assert (level.index, level.name) == (index, IV_LEVELS[index])
    assert level.low <= percentile < level.high
    unknown = c4.classify_iv_regime_7_levels(replace(analysis, percentile=float("nan")))
    assert (unknown.index, unknown.name) == (-1, "unknown")


@pytest.mark.parametrize(
    ("put", "call", "fear", "state"),
    [
        (0.40, 0.20, 1.0, "extreme_fear"),
        (0.35, 0.20, 1.0, "extreme_fear"),
        (0.28, 0.20, 0.5, "fear"),
        (0.225, 0.20, 0.0, "neutral"),
        (0.17, 0.20, -0.5, "neutral"),
        (0.15, 0.20, -0.7, "greed"),
        (0.10, 0.20, -1.0, "extreme_greed"),
    ],
)
def test_fear_is_graded_between_the_cuts(put: float, call: float, fear: float, state: str) -> None:
    """Cuts .15, .08, -.03, -.08; a cut belongs above (binary fractions put .35 - .20 on either side of .15)."""
    found = c4.calculate_put_call_skew_differential(put + 1e-12, call)
    assert found.fear == pytest.approx(fear, abs=1e-9) and found.state == state
    assert found.differential == pytest.approx(put - call)


def test_an_unknown_wing_has_no_fear() -> None:
    assert c4.calculate_put_call_skew_differential(float("nan"), 0.2).state == "unknown"


def test_thresholds_without_history_are_the_typical_lognormals() -> None:
    """NIFTY .18: the cut of 40 % is .18 exp(.35 x -.253347) = .164727, that of 60 % .196689."""
    found = c4.optimize_percentile_thresholds(c4.MarketCondition("NIFTY", 3))
    assert found.source == "default" and found.learned == (False,) * 6
    assert found.volatilities[2:4] == pytest.approx((0.164727, 0.196689), abs=1e-6)


def test_thresholds_are_learned_at_the_specific_days_first_then_in_the_range() -> None:
    kept = QuantityHistory.empty(4)
    for iv in (0.10, 0.12, 0.14, 0.16, 0.18):
        kept = kept.with_session(3, np.tile([iv, -0.02, 0.0, 0.1], (75, 1)))
    memory = kept.as_memory("c4_history")
    specific = c4.optimize_percentile_thresholds(c4.MarketCondition("NIFTY", 3, memory))
    # 375 observations: .10 of them are 37, .15 are 56, .20 are 75
    assert specific.source == "specific" and specific.observations == (37, 56, 56, 75, 56, 56, 37)
    assert all(specific.learned) and all(a <= b for a, b in pairwise(specific.volatilities))
    assert specific.volatilities[0] == pytest.approx(0.10) and specific.volatilities[-1] == pytest.approx(0.18)
    assert c4.optimize_percentile_thresholds(c4.MarketCondition("NIFTY", 5, memory)).source == "range"
    assert c4.optimize_percentile_thresholds(c4.MarketCondition("NIFTY", 20, memory)).source == "default"


def test_a_cut_between_thin_levels_keeps_its_default_and_the_order_stays() -> None:
    kept = QuantityHistory.empty(4)
    for iv in (0.30, 0.31, 0.32):
        kept = kept.with_session(3, np.tile([iv, -0.02, 0.0, 0.1], (20, 1)))
    found = c4.optimize_percentile_thresholds(c4.MarketCondition("NIFTY", 3, kept.as_memory("c4_history")))
    # 60 observations: levels of 6, 9, 9, 12, 9, 9, 6, all below 15
    assert found.source == "specific" and found.learned == (False,) * 6
    finer = replace(SETTINGS, history=replace(SETTINGS.history, level_observations=9))
    part = c4.optimize_percentile_thresholds(
        c4.MarketCondition("NIFTY", 3, kept.as_memory("c4_history")), parameters=finer
    )
    assert part.learned == (False, True, True, True, True, False)
    assert all(a <= b for a, b in pairwise(part.volatilities)) and part.volatilities[1] == pytest.approx(0.30, abs=0.01)


@pytest.mark.parametrize("method", ["LINEAR", "CUBIC_SPLINE", "PCHIP", "RBF", "SVI"])
def test_every_method_fills_the_surface_near_the_quotes(method: str) -> None:
    session = walking(53, minutes=2, gaps=0.0)
    surface = surface_at(session, 1, replace(SETTINGS, interpolation=method))
    assert surface.volatility.shape == (3, 7) and surface.days.tolist() == [2, 9, 23] and surface.method == method
    plain = surface_at(session, 1, replace(SETTINGS, interpolation="LINEAR"))
    assert np.isfinite(surface.volatility).any(axis=1).all()
    np.testing.assert_array_equal(np.isnan(surface.volatility), np.isnan(plain.volatility))
    assert np.nanmax(np.abs(surface.volatility - plain.volatility)) < 0.006


def test_the_surface_has_as_many_expiries_and_strikes_as_asked_for_and_ends_with_the_quotes() -> None:
    session = walking(54, minutes=1, gaps=0.0)
    surface = surface_at(session, 0, replace(SETTINGS, surface_expiries=2, surface_strikes=11))
    assert surface.volatility.shape == (2, 11)
    narrow = session.volatility.copy()
    narrow[:, 0, :24] = np.nan
    cut = surface_at(replace(session, volatility=narrow), 0, SETTINGS)
    assert np.isnan(cut.volatility[0, 0]) and np.isfinite(cut.volatility[1, 0])


def test_a_minute_without_quotes_has_an_empty_surface() -> None:
    session = walking(56, minutes=1)
    silent = replace(session, volatility=np.full_like(session.volatility, np.nan))
    assert surface_at(silent, 0, SETTINGS).volatility.shape == (0, 7)


def test_an_unknown_name_of_the_room_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        c4.nothing  # noqa: B018
    assert all(getattr(c4, name) is not None for name in c4.__all__)
