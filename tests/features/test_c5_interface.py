"""The named interfaces of C5."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mr_platform.errors import UsageError
from mr_platform.features.c5_atr_ema_cpr import (
    MarketCondition,
    analyze_dual_asset_atr_ema,
    calculate_ema_confluence_zones,
    optimize_atr_periods,
    select_optimal_cpr_method,
)
from mr_platform.features.c5_atr_ema_cpr.component import AtrEmaCpr
from mr_platform.features.c5_atr_ema_cpr.learning import NO_TOUCHES
from mr_platform.parameters.atr_ema_cpr import AtrEmaCprParameters
from mr_platform.parameters.objects import defaults


def walk(seed: int, level: float, step: float, bars: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    close = level + np.cumsum(rng.normal(0, step, bars))
    out = np.full((bars, 5), np.nan)
    out[:, :4] = np.stack([close, close + step * rng.random(bars), close - step * rng.random(bars), close], axis=1)
    return out


def test_the_analysis_of_two_assets_answers_with_their_scores_and_features() -> None:
    rising, falling = walk(0, 18_000, 5.0), walk(1, 200, 1.0)
    rising[:, :4] += np.linspace(0, 300, 120)[:, None]
    falling[:, :4] -= np.linspace(0, 60, 120)[:, None]
    found = analyze_dual_asset_atr_ema(falling, rising, dte=3)
    assert found.relation == "agreement" and found.straddle_score > 0 and found.underlying_score > 0
    assert found.score == pytest.approx(min(1.0, 1.2 * (0.6 * found.straddle_score + 0.4 * found.underlying_score)))
    assert set(found.features) == {spec.name for spec in AtrEmaCpr().features}
    assert found.health == "degraded" and 0 < found.confidence < 1
    assert analyze_dual_asset_atr_ema(rising / 100, rising, dte=3).relation == "conflict"
    unknown = np.full((120, 5), np.nan)
    assert analyze_dual_asset_atr_ema(unknown, rising, dte=3).relation == "one-sided"


def test_the_analysis_takes_the_contract_held_where_it_is_told() -> None:
    straddle, underlying = walk(2, 200, 1.0), walk(3, 18_000, 5.0)
    rolled = straddle.copy()
    rolled[60:, :4] += 25.0
    held = np.append(np.nan, rolled[:-1, 3])
    held[60] = straddle[59, 3] + 25.0
    blind = analyze_dual_asset_atr_ema(rolled, underlying, dte=3).features["c5_atr_percent_straddle_14"]
    told = analyze_dual_asset_atr_ema(rolled, underlying, dte=3, straddle_held=held)
    whole = analyze_dual_asset_atr_ema(straddle + 25.0, underlying, dte=3)
    name = "c5_atr_percent_straddle_14"
    assert told.features[name] == pytest.approx(whole.features[name]) and blind > told.features[name]


def test_bars_of_another_shape_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\[M, 5\]"):
        analyze_dual_asset_atr_ema(walk(0, 200, 1.0), walk(1, 200, 1.0, bars=60), dte=3)


@pytest.mark.parametrize(("regime", "period"), [(0, 50), (1, 50), (2, 21), (3, 21), (4, 14), (5, 14)])
def test_the_higher_the_regime_the_shorter_the_atr(regime: int, period: int) -> None:
    found = optimize_atr_periods(regime)
    assert (found.period, found.errors) == (period, {})


def test_the_atr_that_tells_the_next_range_best_is_chosen() -> None:
    rng = np.random.default_rng(4)
    steady = np.exp(rng.normal(0, 0.5, 2000))
    moving = np.exp(np.sin(np.arange(2000) / 12) + rng.normal(0, 0.1, 2000))
    assert optimize_atr_periods(5, steady).period == 50
    found = optimize_atr_periods(0, moving)
    assert found.period == 14 and found.errors[14] < found.errors[21] < found.errors[50]
    assert optimize_atr_periods(0, steady[:30]).period == 50
    with pytest.raises(UsageError, match="0 to 5"):
        optimize_atr_periods(6)


def test_averages_within_two_percent_are_one_zone() -> None:
    closes = np.append(np.full(250, 100.0), np.full(60, 106.0))
    found = calculate_ema_confluence_zones(closes)
    wanted = {n: pd.Series(closes).ewm(span=n, adjust=False).mean().iloc[-1] for n in (20, 50, 100, 200)}
    assert found.averages == pytest.approx(wanted)
    # about 102.7, 104.2, 105.5 and 106.0: each within 2 % of the one below
    (zone,) = found.zones
    assert zone.spans == (200, 100, 50, 20)
    assert (zone.low, zone.high) == pytest.approx((wanted[200], wanted[20]))
    narrow = replace(defaults(AtrEmaCprParameters), convergence=0.01)
    assert [zone.spans for zone in calculate_ema_confluence_zones(closes, parameters=narrow).zones] == [(50, 20)]
    assert calculate_ema_confluence_zones(closes[:30]).zones == ()
    with pytest.raises(UsageError, match="at least one close"):
        calculate_ema_confluence_zones(np.array([np.nan]))


def test_the_pivot_method_of_greatest_weight_is_chosen() -> None:
    assert select_optimal_cpr_method(MarketCondition(float("nan"))).name == "classic"
    touches = NO_TOUCHES.copy()
    touches[5, :, 0] = 1000.0
    touches[5, :, 1] = [100.0, 900.0, 100.0, 100.0, 100.0]
    found = select_optimal_cpr_method(MarketCondition(0.9, touches))
    assert (found.name, found.regime) == ("fibonacci", 5)
    assert sum(found.weights.values()) == pytest.approx(1.0)
    assert select_optimal_cpr_method(MarketCondition(0.25)).regime == 1
