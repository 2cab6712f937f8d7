"""C4 on a chain written down by hand: expected values worked out on paper and by an independent normal distribution."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from mr_platform.features.c4_iv_skew.component import IVSkew
from mr_platform.features.c4_iv_skew.windows import level_of
from mr_platform.features.history import QuantityHistory
from mr_platform.features.inputs import SessionInputs
from mr_platform.parameters.iv_skew import IvSkewParameters
from mr_platform.parameters.objects import defaults
from tests.features.c4_sessions import Floats, columns, computed, inputs

# Forward 18000, a hundredth of a year to expiry (root .1). |delta| of the out-of-the-money leg at its own volatility:
STRIKES = (17_600.0, 17_700.0, 17_800.0, 17_900.0, 18_000.0, 18_100.0, 18_200.0, 18_300.0, 18_400.0)
CALLS = (0.21, 0.19, 0.17, 0.156, 0.150, 0.145, 0.142, 0.144, 0.150)
PUTS = (0.20, 0.18, 0.165, 0.155, 0.148, 0.146, 0.143, 0.145, 0.151)
#        .1285  .1729  .2465  .3567  .5030  .3539  .2203  .1270  .0725
NEAR, NEXT, FAR = range(3)
LATER = {NEXT: 0.16, FAR: 0.17}
YEARS = (0.01, 0.03, 0.08)
DAYS = (3, 10, 29)


def smile() -> Floats:
    return np.stack([CALLS, PUTS], axis=1)


def written(minutes: int = 1) -> SessionInputs:
    """The chain, unchanged for so many minutes; the later expiries have the same volatility at all strikes."""
    volatility = np.empty((minutes, 3, len(STRIKES), 2))
    volatility[:, NEAR] = smile()
    for role, flat in LATER.items():
        volatility[:, role] = flat
    forwards = np.full((minutes, 3), 18_000.0)
    years = np.tile(YEARS, (minutes, 1))
    return inputs(STRIKES, volatility, forwards, years, DAYS, np.full((minutes, 3), 4), step=100.0)


def last(session: SessionInputs, component: IVSkew | None = None, symbol: str = "NIFTY") -> dict[str, float]:
    found = columns(computed(session, component, symbol=symbol)[0])
    return {name: float(column[-1]) for name, column in found.items()}


# ATM .149 = (.150 + .148) / 2.
# 25 delta: put between 17900 (.356745) and 17800 (.246540): .155 + .010 * (.356745 - .25) / .110205 = .164686
#           call between 18100 (.353893) and 18200 (.220336): .145 - .003 * (.353893 - .25) / .133557 = .142666
# 10 delta: call between 18300 (.127004) and 18400 (.072453): .144 + .006 * .027004 / .054551 = .146970; the put of
#           17600 still has .1285, so nothing encloses the 10-delta put.
BY_HAND = {
    "dual_dte_atm_iv_near": 0.149,
    "dual_dte_atm_iv_next": 0.16,
    "dual_dte_expected_move_near": 0.0149,
    "skew_put_skew_25": 0.15686006e-1,
    "skew_call_skew_25": -0.6333685e-2,
    "skew_risk_reversal_25": -0.22019686e-1,
    "skew_butterfly_25": 0.46761579e-2,
    "skew_call_skew_10": -0.20298453e-2,
    "skew_put_skew_10": math.nan,
    "skew_risk_reversal_10": math.nan,
    "skew_butterfly_10": math.nan,
    "skew_normalised_reversal_25": -0.022019686 / 0.149,
    "skew_parity_gap_atm": 0.002,
    # steps of 100: 50 points of a step of 50 are one strike here, 100 are two, 200 four, 500 beyond the chain
    "skew_distance_reversal_50": 0.145 - 0.155,
    "skew_distance_reversal_100": 0.142 - 0.165,
    "skew_distance_reversal_200": 0.150 - 0.20,
    "skew_distance_reversal_500": math.nan,
    "skew_distance_reversal_1000": math.nan,
    # numpy.polyfit in ln(K/F)/.1 with the root of vega at the ATM volatility as weight
    "skew_smile_slope": -0.10590662587,
    "skew_smile_curvature": 1.01499514039,
    "skew_smile_error": 0.00118009684583,
    "skew_put_slope": -0.25313045996,
    "skew_call_slope": -0.01610681320711,
    "skew_asymmetry": 0.0242724190930739,
    # flat smiles
    "dual_dte_risk_reversal_next": 0.0,
    "dual_dte_butterfly_next": 0.0,
    "dual_dte_smile_slope_next": 0.0,
    "term_reversal_gap": 0.022019686,
    "term_butterfly_gap": -0.0046761579,
    "term_slope_next": 0.16 / 0.149 - 1,
    "term_slope_far": 0.17 / 0.149 - 1,
    # sqrt((.16^2 .03 - .149^2 .01) / .02) and sqrt((.17^2 .08 - .16^2 .03) / .05)
    "term_forward_volatility_next": math.sqrt(0.02729950),
    "term_forward_volatility_far": math.sqrt(0.03088),
    "term_forward_premium": math.sqrt(0.02729950) / 0.149 - 1,
    "term_curvature": 0.16 - 0.149 - 0.021 * math.log(3) / math.log(8),
    "term_variance_share_near": 0.149**2 * 0.01 / (0.17**2 * 0.08),
    # no history: N(ln(.149 / .18) / .35) = N(-.5400)
    "dual_dte_percentile_atm_blend": 0.2945881274808533,
    "regime_level": 2.0,
    # put less call .022020 lies between -.03 (-.5) and .08 (.5): -.5 + .052020 / .11
    "regime_fear": -0.5 + 0.052019686 / 0.11,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_feature_of_the_written_chain_has_its_value_by_hand(name: str) -> None:
    assert last(written())[name] == pytest.approx(BY_HAND[name], rel=1e-6, abs=1e-9, nan_ok=True)


def test_a_missing_leg_at_the_money_is_bridged_in_log_moneyness_and_no_further_than_a_step() -> None:
    session = written()
    one_leg = session.volatility.copy()
    one_leg[:, NEAR, 4, 0] = np.nan
    # neighbours 17900: (.156 + .155) / 2 = .1555, 18100: (.145 + .146) / 2 = .1455
    share = math.log(18_000 / 17_900) / math.log(18_100 / 17_900)
    found = last(replace(session, volatility=one_leg))
    assert found["dual_dte_atm_iv_near"] == pytest.approx(0.1555 - 0.01 * share, rel=1e-12)
    assert math.isnan(found["skew_parity_gap_atm"])
    one_leg[:, NEAR, 3, 1] = np.nan
    assert math.isnan(last(replace(session, volatility=one_leg))["dual_dte_atm_iv_near"])


def test_fewer_than_five_options_make_no_smile() -> None:
    session = written()
    few = session.volatility.copy()
    few[:, NEAR, [0, 1, 6, 7, 8]] = np.nan
    found = last(replace(session, volatility=few))
    assert math.isnan(found["skew_put_skew_25"]) and math.isnan(found["skew_smile_slope"])
    assert math.isnan(found["skew_asymmetry"]) and found["dual_dte_atm_iv_near"] == pytest.approx(0.149)
    # 17800, 17900, 18000 and 18100 are four; with a fifth the 25-delta put is enclosed again
    few[:, NEAR, 6] = session.volatility[:, NEAR, 6]
    assert last(replace(session, volatility=few))["skew_put_skew_25"] == pytest.approx(0.015686006, rel=1e-6)


def test_the_furthest_distance_takes_the_furthest_pair_beyond_the_one_before() -> None:
    strikes = 18_000 + 50.0 * np.arange(-18, 19)
    volatility = np.full((1, 3, strikes.size, 2), 0.15)
    volatility[0, NEAR, :, 1] = 0.15 + 0.001 * np.abs(np.arange(-18, 19))
    session = inputs(strikes.tolist(), volatility, np.full((1, 3), 18_000.0), np.array([YEARS]), DAYS, [[18] * 3])
    found = last(session)
    assert found["skew_distance_reversal_500"] == pytest.approx(-0.010)
    # 1000 points are 20 steps, the chain ends at 18
    assert found["skew_distance_reversal_1000"] == pytest.approx(-0.018)


def test_momentum_holds_the_strike_that_is_at_the_money_now() -> None:
    """The money moves from 18000 to 18100; the volatility of 18100 went from .1455 to .1475 and then .1515."""
    session = written(31)
    volatility, at_money = session.volatility.copy(), session.at_money.copy()
    volatility[15:30, NEAR, 5] += 0.002
    volatility[30, NEAR, 5] += 0.006
    at_money[15:, NEAR] = 5
    found = last(replace(session, volatility=volatility, at_money=at_money))
    assert found["dual_dte_momentum_near_5"] == pytest.approx(0.004)
    assert found["dual_dte_momentum_near_15"] == pytest.approx(0.004)
    assert found["dual_dte_momentum_near_30"] == pytest.approx(0.006)
    assert found["dual_dte_acceleration_near_15"] == pytest.approx(0.002)
    assert math.isnan(found["dual_dte_momentum_near_60"])
    # 5, 15 and 30 minutes rose, 60 is not known
    assert found["regime_momentum_agreement"] == 1.0


def test_a_parallel_move_is_shift_without_tilt() -> None:
    session = written(16)
    volatility = session.volatility.copy()
    volatility[10:, NEAR] += 0.01
    found = columns(computed(replace(session, volatility=volatility))[0])
    assert found["dual_dte_surface_shift_5"][12] == pytest.approx(0.01)
    assert found["dual_dte_surface_velocity_5"][12] == pytest.approx(0.01)
    assert found["dual_dte_surface_tilt_5"][12] == pytest.approx(0.0, abs=1e-12)
    # ATM .149 to .159; the wings at 25 delta move with it, a little further out
    assert found["regime_transition_pressure_15"][15] == pytest.approx(
        max(
            0.01 / 0.05, found["regime_wing_momentum_15"][15] / 0.03, abs(found["skew_momentum_reversal_15"][15]) / 0.02
        )
    )


def test_realised_volatility_is_annualised_by_trading_minutes() -> None:
    """A forward that goes up and down by a thousandth: .001 sqrt(252 375) = .307409 a year."""
    session = written(61)
    forwards = session.forwards.copy()
    forwards[1::2] *= math.exp(0.001)
    found = last(replace(session, forwards=forwards))
    assert found["dual_dte_realised_spread_60"] == pytest.approx(0.149 - 0.001 * math.sqrt(252 * 375), rel=1e-9)
    assert found["dual_dte_realised_ratio_30"] == pytest.approx(0.001 * math.sqrt(252 * 375) / 0.149, rel=1e-9)


def test_the_place_in_the_session_is_counted_among_earlier_minutes() -> None:
    """Thirty minutes whose ATM volatility climbs from .120 by .001, then falls back to .1305."""
    session = written(30)
    volatility = session.volatility.copy()
    volatility[:, NEAR, 4] = np.concatenate([0.120 + 0.001 * np.arange(29), [0.1305]])[:, None]
    found = last(replace(session, volatility=volatility))
    # eleven of 29 lie below; low .120, high .148
    assert found["dual_dte_session_percentile"] == pytest.approx(11 / 29)
    assert found["dual_dte_session_rank"] == pytest.approx(0.0105 / 0.028)
    # mean of 0..28 is 14, sum of squares 2030: mean .133883.., deviation from the 30 values
    values = np.concatenate([0.120 + 0.001 * np.arange(29), [0.1305]])
    assert found["dual_dte_session_zscore"] == pytest.approx((0.1305 - values.mean()) / values.std())
    # 11 / 29 = .379 lies between .25 and .40
    assert found["regime_level_session"] == 2.0 and found["regime_level_run"] == 1.0


@pytest.mark.parametrize(
    ("put", "call", "pattern"),
    [
        (0.07, -0.03, "normal"),
        (0.22, -0.05, "steep_put"),
        (0.005, -0.005, "flat"),
        (-0.03, 0.08, "reverse"),
        (0.13, 0.11, "smile"),
    ],
)
def test_each_pattern_is_likeliest_where_it_is_defined(put: float, call: float, pattern: str) -> None:
    """A smile of straight lines to 25-delta wings at these shares of an ATM volatility of .15."""
    session = written()
    volatility = session.volatility.copy()
    volatility[0, NEAR, :4] = 0.15 * (1 + put)
    volatility[0, NEAR, 4] = 0.15
    volatility[0, NEAR, 5:] = 0.15 * (1 + call)
    found = last(replace(session, volatility=volatility))
    likeness = {name: found[f"regime_pattern_{name}"] for name in ("normal", "steep_put", "flat", "reverse", "smile")}
    assert max(likeness, key=lambda name: likeness[name]) == pattern
    squares = (found["skew_put_skew_25"] / 0.15 - 0.07) ** 2 + (found["skew_call_skew_25"] / 0.15 + 0.03) ** 2
    assert likeness["normal"] == pytest.approx(1 / (1 + squares / 0.05**2))
    assert found["regime_pattern_confidence"] == pytest.approx(max(likeness.values()) / sum(likeness.values()))


@pytest.mark.parametrize(
    ("share", "level"),
    [(0.0, 0), (0.099, 0), (0.10, 1), (0.25, 2), (0.399, 2), (0.40, 3), (0.60, 4), (0.75, 5), (0.90, 6), (1.0, 6)],
)
def test_the_seven_levels_part_at_their_cuts_and_a_cut_belongs_above(share: float, level: int) -> None:
    assert level_of(share, np.array(defaults(IvSkewParameters).level_cuts)) == level


def history(*sessions: tuple[int, float]) -> dict[str, Floats]:
    """Sessions (days to expiry, ATM volatility) of 75 equal observations."""
    kept = QuantityHistory.empty(4)
    for dte, iv in sessions:
        kept = kept.with_session(dte, np.tile([iv, -0.02, 0.005, 0.1], (75, 1)))
    return kept.as_memory("c4_history")


def ranks(memory: dict[str, Floats], component: IVSkew | None = None) -> dict[str, float]:
    out, _ = computed(written(), component, memory=memory)
    return {name: float(column[0]) for name, column in columns(out).items()}


def test_a_percentile_is_the_share_of_observations_below() -> None:
    """ATM .149: at three days 2 of 4 sessions lie below; in the range 5 of 8."""
    found = ranks(history((3, 0.12), (3, 0.14), (3, 0.16), (3, 0.18), (1, 0.10), (2, 0.11), (5, 0.13), (7, 0.20)))
    assert found["dual_dte_percentile_atm_specific"] == pytest.approx(2 / 4)
    assert found["dual_dte_percentile_atm_range"] == pytest.approx(5 / 8)
    # 1 - |.5 - .625| = .875 is above .8: half and half
    assert found["dual_dte_percentile_atm_blend"] == pytest.approx(0.5625)
    assert found["regime_level"] == 3.0
    # .149 between .12 and .18
    assert found["dual_dte_rank_atm_specific"] == pytest.approx(0.029 / 0.06)
    # the risk reversal of -.022020 is below all -.02, the butterfly of .004676 below .005, the slope .0738 below .1
    assert found["dual_dte_percentile_reversal_specific"] == found["dual_dte_percentile_butterfly_range"] == 0.0
    assert found["dual_dte_percentile_term_range"] == 0.0


def test_percentiles_that_disagree_count_by_their_observations() -> None:
    """Specific 0 of 3 sessions, range 5 of 8; with a count of 450 their confidences are 225/450 and 1."""
    memory = history((3, 0.16), (3, 0.17), (3, 0.18), (1, 0.10), (2, 0.11), (5, 0.13), (7, 0.12), (6, 0.11))
    assert ranks(memory)["dual_dte_percentile_atm_blend"] == pytest.approx((0 + 5 / 8) / 2)
    slow = IVSkew(replace(defaults(IvSkewParameters), consistency_count=450))
    assert ranks(memory, slow)["dual_dte_percentile_atm_blend"] == pytest.approx((0.5 * 0 + 5 / 8) / 1.5)


def test_a_percentile_not_yet_learned_counts_as_the_typical_one() -> None:
    """Two sessions at three days are too few, five in the range are enough: .8 there, .294588 expected here."""
    found = ranks(history((3, 0.12), (3, 0.13), (1, 0.10), (2, 0.11), (5, 0.20)))
    assert math.isnan(found["dual_dte_percentile_atm_specific"])
    assert found["dual_dte_percentile_atm_range"] == pytest.approx(4 / 5)
    # 1 - |.294588 - .8| is below .8: weights 30/100 and 1
    assert found["dual_dte_percentile_atm_blend"] == pytest.approx((0.3 * 0.2945881274808533 + 0.8) / 1.3)


def test_a_stock_without_a_typical_volatility_of_its_own_takes_that_of_stocks() -> None:
    """N(ln(.149 / .35) / .35) = N(-2.4399) = .007346."""
    assert last(written(), symbol="RELIANCE")["dual_dte_percentile_atm_blend"] == pytest.approx(0.007346, rel=1e-3)
    # BANKNIFTY .22: N(ln(.149 / .22) / .35) = N(-1.1134) = .13277
    assert last(written(), symbol="BANKNIFTY")["dual_dte_percentile_atm_blend"] == pytest.approx(0.13277, rel=1e-3)


def test_score_and_confidence_are_those_of_their_parts() -> None:
    """Minute 16 of an unchanged chain: momentum 0, fear -.027094, contango graded (1 + 1) / 2."""
    out, _ = computed(written(16))
    # slopes .0738 and .0625 are both beyond .05: contango 1, backwardation part 0
    expected = 0.45 * 0.2945881274808533 + 0.25 * 0.5 * (1 + BY_HAND["regime_fear"]) + 0.15 * 0.5 + 0.15 * 0.0
    assert out.score[15] == pytest.approx(expected, rel=1e-6)
    # before fifteen minutes have passed momentum is missing; before twelve, contango too
    assert out.score[0] == pytest.approx(
        (0.45 * 0.2945881274808533 + 0.25 * 0.5 * (1 + BY_HAND["regime_fear"])) / 0.70, rel=1e-6
    )
    x = np.log(np.array(STRIKES) / 18_000) / 0.1
    v = np.where(np.array(STRIKES) < 18_000, PUTS, CALLS)
    weight = np.exp(-0.5 * (x / 0.149 - 0.5 * 0.149 * 0.1) ** 2)
    explained = 1 - 0.00118009684583**2 / np.average((v - np.average(v, weights=weight)) ** 2, weights=weight)
    # nothing learned: half of the fit, in proportion to what spoke
    assert out.confidence[15] == pytest.approx(0.5 * explained, rel=1e-6)
    assert out.confidence[0] == pytest.approx(0.70 * 0.5 * explained, rel=1e-6)
    assert out.health.tolist() == [1] * 16
