"""The eight components against the contract that all of them must keep to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tests.features.contract import (
    ComponentContract,
    both_engines,
    by_fits,
    by_minute,
    by_reference,
    forgotten,
    from_table,
    prefixes,
    shuffled,
    silent,
    with_a_late_strike,
)

__all__ = [
    "both_engines",
    "by_fits",
    "by_minute",
    "by_reference",
    "forgotten",
    "from_table",
    "prefixes",
    "shuffled",
    "silent",
    "with_a_late_strike",
]


class TestC1TripleStraddle(ComponentContract):
    key = "c1"
    groups: ClassVar[Mapping[str, int]] = {"ema": 40, "vwap": 30, "pivot": 25, "timeframe": 25}
    needs_history = r"pivot_(?!range_position_atm).*|vwap_deviation_.*_previous"
    needs_bars = "pivot_support_(atm|otm1)"
    of_the_future = "pivot_(cpr_.*|position_underlying|support_atm)|vwap_(deviation|score)_future.*"


class TestC2GreeksSentiment(ComponentContract):
    key = "c2"
    groups: ClassVar[Mapping[str, int]] = {"first_order": 35, "second_order": 25, "dte": 20, "sentiment": 18}
    needs_history = "dte_score_percentile"
    least_confidence = 0.1


class TestC3OiPriceAction(ComponentContract):
    key = "c3"
    groups: ClassVar[Mapping[str, int]] = {"cumulative": 45, "rolling": 25, "institutional": 20, "divergence": 15}
    needs_bars = (
        "cumulative_.*_acceleration_.*_45|cumulative_volume_velocity_.*_45|institutional_absorption_50|rolling_.*_100"
    )


class TestC4IvSkew(ComponentContract):
    key = "c4"
    groups: ClassVar[Mapping[str, int]] = {"dual_dte": 35, "skew": 25, "regime": 15, "term": 12}
    needs_history = "dual_dte_(percentile_.*_(specific|range)|rank_atm_specific)"
    needs_bars = ".*_momentum_.*_60|dual_dte_(percentile|rank)_.*_specific"
    of_the_future = "dual_dte_(percentile|rank)_.*_specific"
    lowest_score = 0.0


class TestC5AtrEmaCpr(ComponentContract):
    key = "c5"
    groups: ClassVar[Mapping[str, int]] = {"dual_asset": 40, "atr": 20, "ema": 20, "cpr": 14}
    needs_history = (
        "atr_percentile_.*|cpr_(?!developing_width).*|dual_asset_(ema_)?percentile_.*|ema_(stretch|convergence)_daily.*|"
        "dual_asset_(nearest_.*_straddle|pivot_straddle|premium_to_range|range_used_underlying)|"
        "ema_stretch_(weekly|monthly)_.*"
    )
    needs_bars = "(atr|dual_asset_ema)_percentile_.*(?<!range)"
    of_the_future = (
        "atr_percentile_.*|cpr_(?!developing_width).*|dual_asset_(ema_)?percentile_.*|ema_(stretch|convergence)_daily.*|"
        "dual_asset_(premium_to_range|range_used_underlying)|ema_stretch_(weekly|monthly)_.*"
    )


class TestC6Correlation(ComponentContract):
    key = "c6"
    groups: ClassVar[Mapping[str, int]] = {"matrix": 90, "breakdown": 25, "cross": 20, "graph": 15}
    needs_history = "cross_gap_.*"
    needs_bars = "breakdown_(absorption_shift|departure_iv_itm1_otm1|turbulence_shift)|matrix_stability_50"
    of_the_future = "cross_gap_.*|breakdown_departure_put_call_skew"


class TestC7SupportResistance(ComponentContract):
    key = "c7"
    groups: ClassVar[Mapping[str, int]] = {"detection": 30, "confluence": 20, "strength": 15, "breakout": 7}
    needs_history = "detection_(gap|pivot|week)_.*"
    needs_bars = "detection_range_underlying_(30|60)"
    of_the_future = "detection_(gap|pivot|week)_underlying"


class TestC8MasterIntegration(ComponentContract):
    key = "c8"
    groups: ClassVar[Mapping[str, int]] = {"regime": 20, "dte": 15, "structure": 8, "integration": 5}
    needs_bars = "regime_shift_60|structure_(change_30|performance_shift_60|rotation_60)"
