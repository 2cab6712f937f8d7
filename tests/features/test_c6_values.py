"""C6 against numbers worked out by hand, and the decision tables of its definition, row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from mr_platform.errors import UsageError
from mr_platform.features.c6_correlation import (
    calculate_progressive_correlation_matrix,
    changes,
    detect_correlation_breakdowns,
    graph,
    optimize_with_reinforcement_learning,
    reference_changes,
    reference_graph,
    validate_cross_component_agreement,
)
from mr_platform.features.c6_correlation.breakdown import confidence, departure, slope
from mr_platform.features.c6_correlation.cross import _gap_weight
from mr_platform.features.c6_correlation.layout import NAMES, PAIR_NAMES
from mr_platform.features.c6_correlation.windows import shift_of
from mr_platform.features.inputs import REACH, SessionInputs
from mr_platform.parameters.correlation import CorrelationParameters
from mr_platform.parameters.objects import defaults

NAN = float("nan")
RULE = defaults(CorrelationParameters)
STRIKES = np.array([50.0, 100.0, 150.0, 200.0])


def small_chain() -> SessionInputs:
    """Three minutes, four strikes, calls and puts; ATM is 100, then 150 twice: the money has rolled.

    | minute | ATM | calls at 50, 100, 150, 200 | puts                  | call OI        | put OI         |
    |--------|-----|----------------------------|-----------------------|----------------|----------------|
    | 0      | 100 | 60, 20, 8, 2               | 3, 12, 50, 90         | 10, 20, 30, 40 | 40, 30, 20, 10 |
    | 1      | 150 | 80, 40, 16, 4              | 2, 6, 24, 60          | 10, 25, 30, 50 | 40, 30, 30, 10 |
    | 2      | 150 | 80, 40, 20, nothing        | 2, 6, 20, 60          | 10, 25, 36, 50 | 44, 30, 30, 10 |
    """
    calls = np.array([[60, 20, 8, 2], [80, 40, 16, 4], [80, 40, 20, NAN]])
    puts = np.array([[3, 12, 50, 90], [2, 6, 24, 60], [2, 6, 20, 60]])
    call_oi = np.array([[10, 20, 30, 40], [10, 25, 30, 50], [10, 25, 36, 50]])
    put_oi = np.array([[40, 30, 20, 10], [40, 30, 30, 10], [44, 30, 30, 10]])
    m, k = calls.shape
    volatility = np.full((m, 3, k, 2), NAN)
    volatility[:, 0] = np.array([0.20, 0.21, 0.26])[:, None, None] + np.array([0.04, 0.0, 0.0, 0.02])[None, :, None]
    volatility[:, 1] = np.array([0.22, 0.22, 0.24])[:, None, None]
    at = np.array([1, 2, 2])
    around = np.full((m, 2 * REACH + 1), -1)
    for t in range(m):
        for offset in range(-REACH, REACH + 1):
            if 0 <= at[t] + offset < k:
                around[t, REACH + offset] = at[t] + offset
    delta = np.broadcast_to(
        np.stack([np.array([0.8, 0.6, 0.4, 0.2]), np.array([-0.2, -0.4, -0.6, -0.8])], axis=1), (m, k, 2)
    ).copy()
    return SessionInputs(
        trade_date=date(2022, 11, 14),
        minutes=np.arange(555, 555 + m),
        n_bars=m,
        underlying_kind="forward",
        bars=np.full((m, 9, 5), NAN),
        held=np.full((m, 9, 5), NAN),
        underlying=np.full((m, 5), NAN),
        dte=np.full(m, 3),
        expiry=np.zeros(m, np.int64),
        strikes=np.stack([at, at - 1, at + 1], axis=1),
        forward=np.array([110.0, 140.0, 145.0]),
        strikes_listed=STRIKES,
        chain_close=np.stack([calls, puts], axis=2),
        chain_oi=np.stack([call_oi, put_oi], axis=2).astype(float),
        around=around,
        days=np.tile([3, 10, -1], (m, 1)),
        at_money=np.stack([at, at, np.full(m, -1)], axis=1),
        volatility=volatility,
        delta=delta,
        gamma=np.full((m, k, 2), 0.5),
        theta=np.full((m, k, 2), -1.0),
        vega=np.full((m, k, 2), 2.0),
        peer=np.full(m, NAN),
    )


def changes_of(chain: SessionInputs, overlay: np.ndarray, *, engine: str, reach: int = 1, least: int = 2) -> np.ndarray:
    """Changes over one and two minutes [2, M, 30]."""
    lags, m = (1, 2), chain.minutes.size
    rule = {"reach": reach, "least": least, "wing_delta": 0.3, "least_wing": 2}
    if engine == "reference":
        return reference_changes.changes(chain, overlay, lags, **rule)[0]  # type: ignore[arg-type]
    out, wings = np.full((2, len(NAMES), m), NAN), np.full((m, 2), NAN)
    greeks = (chain.delta, chain.gamma, chain.theta, chain.vega)
    strikes = chain.strikes_listed
    where = (chain.around, chain.strikes, chain.expiry, chain.days, chain.at_money, chain.forward)
    changes.fill(
        chain.chain_close,
        chain.chain_oi,
        chain.volatility,
        *greeks,
        strikes,
        np.log(strikes),
        *where,
        overlay,
        0,
        m,
        np.array(lags),
        reach,
        least,
        0.3,
        2,
        wings,
        out,
    )
    return out.transpose(0, 2, 1)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_changes_of_a_small_chain_by_hand(engine: str) -> None:
    found = changes_of(small_chain(), np.array([0.1, 0.1, 0.4]), engine=engine)
    first = dict(zip(NAMES, found[0, 1], strict=True))
    # minute 1 holds the strike 150, which cost 8 + 50 a minute ago and costs 16 + 24 now
    assert first["straddle_atm"] == pytest.approx(np.log(40 / 58))
    assert first["ce_atm"] == pytest.approx(np.log(2.0))
    assert first["pe_atm"] == pytest.approx(np.log(24 / 50))
    assert first["ce_itm1"] == pytest.approx(np.log(40 / 20))
    assert first["pe_otm1"] == pytest.approx(np.log(60 / 90))
    assert first["overlay"] == 0.0
    # sums over 100, 150 and 200 at both minutes: calls 20 + 30 + 40 = 90 -> 105, puts 30 + 20 + 10 = 60 -> 70
    assert (first["oi_ce"], first["oi_pe"]) == (15.0, 10.0)
    assert first["oi_ratio"] == pytest.approx(70 / 105 - 60 / 90, abs=1e-15)
    # prices: calls 20 + 8 + 2 = 30 -> 60, puts 12 + 50 + 90 = 152 -> 90
    assert first["price_ce"] == pytest.approx(np.log(2.0))
    assert first["price_ratio"] == pytest.approx(90 / 60 - 152 / 30)
    # exposures: gamma half the OI, vega twice, delta 20 x .6 + 30 x .4 + 40 x .2 = 32 -> 37, to 17 bits
    assert (first["gamma_ce"], first["vega_pe"], first["theta_ce"]) == (7.5, 20.0, -15.0)
    assert first["delta_ce"] == pytest.approx(5.0, abs=37 * 2**-17)
    # the strike 150: .20 -> .21; ITM1 100 the same, OTM1 200 two points higher at both
    assert first["iv_atm"] == pytest.approx(0.01, abs=1e-12)
    assert first["iv_otm1"] == pytest.approx(0.01, abs=1e-12)
    # the next expiry stands at .22 throughout
    assert first["term"] == pytest.approx(0.22 / 0.21 - 0.22 / 0.20)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_wings_stand_at_a_delta_and_their_atm_is_held(engine: str) -> None:
    # calls out of the money at minutes 1 and 2: 150 (delta .4) and 200 (.2); .3 lies half way: ATM + .01
    # puts: 100 (.4) and 50 (.2): half way ATM + .02
    found = changes_of(small_chain(), np.zeros(3), engine=engine)
    second = dict(zip(NAMES, found[0, 2], strict=True))
    assert second["iv_atm"] == pytest.approx(0.05, abs=1e-12)
    assert second["put_skew"] == pytest.approx(0.0, abs=1e-12)
    assert second["call_skew"] == pytest.approx(0.0, abs=1e-12)
    # at minute 0 (forward 110) only 50 and 100 are puts, as before; calls 150 and 200
    first = dict(zip(NAMES, found[0, 1], strict=True))
    assert first["put_skew"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_a_strike_that_lacks_a_price_leaves_the_sums_of_prices_alone(engine: str) -> None:
    # minute 2 has no call at 200: its sum has 100 and 150 at both minutes, 40 + 20 over 40 + 16
    second = dict(zip(NAMES, changes_of(small_chain(), np.zeros(3), engine=engine)[0, 2], strict=True))
    assert second["price_ce"] == pytest.approx(np.log(60 / 56))
    assert np.isnan(second["ce_otm1"]) and np.isnan(second["straddle_otm1"])
    assert second["oi_ce"] == 6.0
    fewer = dict(zip(NAMES, changes_of(small_chain(), np.zeros(3), engine=engine, least=3)[0, 2], strict=True))
    assert np.isnan(fewer["price_ce"]) and fewer["price_pe"] == pytest.approx(np.log(86 / 90))


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_longer_changes_hold_the_last_contract_and_minutes_of_another_expiry_are_not_compared(engine: str) -> None:
    chain = small_chain()
    found = changes_of(chain, np.array([0.1, 0.1, 0.4]), engine=engine)
    long = dict(zip(NAMES, found[1, 2], strict=True))
    assert long["straddle_atm"] == pytest.approx(np.log(40 / 58))
    assert long["overlay"] == pytest.approx(0.3)
    assert long["oi_ce"] == 111.0 - 90.0
    assert np.isnan(long["gamma_ce"])
    other = changes_of(replace(chain, expiry=np.array([0, 1, 1])), np.zeros(3), engine=engine)
    assert np.isnan(np.delete(other[0, 1], NAMES.index("overlay"))).all()
    assert np.isfinite(other[0, 2, NAMES.index("oi_ce")])


@pytest.mark.parametrize(
    ("size", "threshold", "mean", "spread", "decline", "expected"),
    [
        (0.50, 0.10, NAN, NAN, NAN, 0.0),
        (0.10, 0.10, NAN, NAN, NAN, 0.0),
        (0.04, 0.10, NAN, NAN, NAN, 0.6),
        (0.00, 0.10, NAN, NAN, NAN, 1.0),
        # mean .9, deviation .1: the cut is .7, two deviations wide
        (0.60, 0.10, 0.90, 0.10, NAN, 0.5),
        (0.75, 0.10, 0.90, 0.10, NAN, 0.0),
        (0.20, 0.10, 0.90, 0.10, NAN, 1.0),
        # a fall of .15 a bar lies half as deep again below -.1
        (0.75, 0.10, NAN, NAN, -0.15, 0.5),
        (0.75, 0.10, NAN, NAN, -0.05, 0.0),
        (0.60, 0.10, 0.90, 0.10, -0.15, 0.75),
        (0.00, 0.00, NAN, NAN, NAN, 0.0),
    ],
)
def test_confidence_of_a_breakdown(
    size: float, threshold: float, mean: float, spread: float, decline: float, expected: float
) -> None:
    assert confidence(size, threshold, mean, spread, 2.0, decline, -0.1) == pytest.approx(expected)


def test_slope_of_five_values_by_hand() -> None:
    # (-2 x 1 - 1 x .9 + 1 x .8 + 2 x .3) / 10
    assert slope(np.array([1.0, 0.9, 0.7, 0.8, 0.3]), 4, 5) == pytest.approx(-0.15)
    assert np.isnan(slope(np.array([1.0, 0.9, NAN, 0.8, 0.3]), 4, 5))
    assert np.isnan(slope(np.array([1.0, 0.9]), 1, 5))


def test_shift_leaves_the_value_itself_out_of_its_history() -> None:
    # mean 2, deviation sqrt(2 / 3) of 1, 2, 3
    assert shift_of(np.array([1.0, 2.0, 3.0, 5.0]), 3, 1, 3, 3.0) == pytest.approx(3 / np.sqrt(2 / 3))
    assert np.isnan(shift_of(np.array([1.0, NAN, 3.0, 5.0]), 3, 1, 3, 3.0))


def test_a_departure_is_told_in_deviations_of_what_has_moved() -> None:
    assert departure(0.5, 0.9, 0.1) == pytest.approx(-4.0)
    # |r| stood at 1 to four digits
    assert np.isnan(departure(0.5, 0.9999, 0.0009))
    assert np.isnan(departure(0.5, NAN, NAN))


def falling(*last: float) -> np.ndarray:
    """|r| of the first pair minute by minute after ten of .9; the others stand at .9."""
    first = np.array([*[0.9] * 10, *last])
    return np.column_stack([first, *[np.full(first.size, 0.9)] * 5])


@pytest.mark.parametrize(
    ("last", "level", "raised"),
    [
        ((0.9,), "none", 0),
        # |r| .04: .6 of the threshold, and a fall of .172 a bar, .72 of the slope's cut: critical together
        ((0.04,), "critical", 1),
        # .08: .2 and .64: 1 - .8 x .36 = .712, a warning
        ((0.08,), "warning", 1),
        # another one within five minutes waits
        ((0.04, 0.04, 0.04, 0.04, 0.04), "critical", 1),
        ((0.04, 0.04, 0.04, 0.04, 0.04, 0.04), "warning", 2),
        # five minutes after the last one, and sound again
        ((0.08, 0.9, 0.9, 0.9, 0.9, 0.9), "none", 1),
    ],
)
def test_alerts_and_their_cool_down(last: tuple[float, ...], level: str, raised: int) -> None:
    found = detect_correlation_breakdowns(None, falling(*last))
    assert (found.level, found.raised) == (level, raised)


def test_a_session_has_no_more_than_ten_alerts() -> None:
    found = detect_correlation_breakdowns(None, np.zeros((120, 6)))
    assert found.raised == 10 and found.level == "none"
    assert found.confidences == dict.fromkeys(PAIR_NAMES[:6], 1.0)


def test_a_given_threshold_is_the_one_in_force() -> None:
    steady = np.full((20, 6), -0.45)
    assert detect_correlation_breakdowns(0.5, steady).confidences["ce_pe"] == pytest.approx(0.1)
    assert detect_correlation_breakdowns(None, steady).confidences["ce_pe"] == 0.0
    with pytest.raises(UsageError, match=r"correlations are \[minutes, 6\]"):
        detect_correlation_breakdowns(0.5, np.zeros((4, 5)))


@pytest.mark.parametrize(
    ("scores", "coherence", "level"),
    [
        # net over gross: 1.5 of 1.5
        ((0.5, 0.5, 0.5), 1.0, "sound"),
        # .5 of 1.1, then .2 of 1.4
        ((0.6, 0.2, -0.3), 0.5 / 1.1, "warning"),
        ((0.6, 0.2, -0.6), 0.2 / 1.4, "critical"),
        # .5 and .3 belong to the level above: .75 less .25, and .65 less .35, of one
        ((0.5, 0.25, -0.25), 0.5, "sound"),
        ((0.4, 0.25, -0.35), 0.3, "warning"),
        ((0.5, 0.5, NAN), NAN, ""),
    ],
)
def test_coherence_of_scores(scores: tuple[float, float, float], coherence: float, level: str) -> None:
    keys = ("c1", "c2", "c3")
    found = validate_cross_component_agreement(dict(zip(keys, scores, strict=True)), dict.fromkeys(keys, 0.5))
    assert found.coherence == pytest.approx(coherence, nan_ok=True)
    assert found.level == level


def test_consensus_and_agreement_weigh_by_confidence() -> None:
    scores, sure = {"c1": 1.0, "c2": 0.5, "c4": -1.0}, {"c1": 0.5, "c2": 1.0, "c4": 0.25}
    found = validate_cross_component_agreement(scores, sure)
    assert found.consensus == pytest.approx((0.5 + 0.5 - 0.25) / 1.75)
    # pairs: c1 c2 .5 x .75; c1 c4 .125 x 0; c2 c4 .25 x .25
    assert found.agreement == pytest.approx((0.5 * 0.75 + 0.25 * 0.25) / (0.5 + 0.125 + 0.25))


@pytest.mark.parametrize(
    ("opened", "weight"),
    [
        (100.1, 1.0),
        (99.9, 1.0),
        (100.2, 0.8),
        (99.6, 0.8),
        (100.5, 0.6),
        (99.0, 0.4),
        (101.9, 0.4),
        (98.0, 0.2),
        (105.0, 0.2),
    ],
)
def test_gap_weights_and_a_cut_belongs_to_the_smaller(opened: float, weight: float) -> None:
    cuts, weights = np.array(RULE.gap_cuts), np.array(RULE.gap_weights)
    # of a hundred, so that a gap of .2 % is one of .2 up to rounding, taken off here
    gap = round(100.0 * abs(opened / 100.0 - 1.0), 9)
    assert RULE.gap_weight(gap) == weight
    bar = np.array([opened, opened, opened, 1.0, NAN])
    if gap not in RULE.gap_cuts:
        assert _gap_weight(bar, 100.0, cuts, weights) == weight
    assert np.isnan(_gap_weight(bar, NAN, cuts, weights))


def test_the_exponentiated_gradient_by_hand() -> None:
    # rate .1, equal weights: exp(.1), 1, 1, exp(-.1) over their sum
    found = optimize_with_reinforcement_learning([[1.0, 0.0, NAN, -1.0]]).weights
    total = np.exp(0.1) + 2 + np.exp(-0.1)
    expected = [np.exp(0.1) / total, 1 / total, 1 / total, np.exp(-0.1) / total]
    assert list(found.values()) == pytest.approx(expected)
    assert optimize_with_reinforcement_learning(np.empty((0, 4))).weights["coherence"] == 0.25
    with pytest.raises(UsageError, match="a reward for each"):
        optimize_with_reinforcement_learning([[1.0, 2.0]])


def test_the_matrix_of_a_phase_names_what_dropped_out() -> None:
    found = calculate_progressive_correlation_matrix(0, small_chain(), window=3)
    assert found.names == () and "overlay" in found.dropped and found.values.shape == (0, 0)
    with pytest.raises(UsageError, match="a phase is one of 0 to 3"):
        calculate_progressive_correlation_matrix(4, small_chain())


def test_a_graph_of_five_series_by_hand() -> None:
    # a triangle 0 1 2, 3 hangs on 2, 4 is alone; groups {0, 1, 2} and {3, 4}
    strengths = np.zeros((5, 5))
    for i, j, r in ((0, 1, 0.9), (0, 2, 0.8), (1, 2, 0.7), (2, 3, 0.6), (3, 4, 0.3), (0, 4, 0.1)):
        strengths[i, j] = strengths[j, i] = r
    groups, out = np.array([0, 0, 0, 1, 1]), np.full(15, NAN)
    graph.threshold_graph(strengths, groups, 5, 0.5, out)
    # edges 4 of 10; degrees 2 2 3 1 0: 1 + 1 + 0 + 2 + 3 = 7 of 12; local 1, 1, 1/3; triangles 3 of triples 5
    assert out[:5].tolist() == pytest.approx([0.4, 7 / 12, (1 + 1 + 1 / 3) / 5, 3 / 5, 4 / 5])
    # both directions: inside the first group 4.8, in all 6; its ends weigh 5.4, the second's .6
    assert out[graph.MODULARITY] == pytest.approx(4.8 / 6 - (5.4 / 6) ** 2 - (0.6 / 6) ** 2)
    parents, order = np.empty(5, np.int64), np.empty(5, np.int64)
    graph.spanning_tree(strengths, 5, parents, order)
    assert parents.tolist() == [-1, 0, 0, 2, 3] and order.tolist() == [0, 1, 2, 3, 4]
    graph.tree_columns(strengths, groups, 5, parents, order, 0, out)
    assert out[graph.LENGTH] == pytest.approx(np.sqrt(2 * np.array([0.1, 0.2, 0.4, 0.7])).mean())
    assert out[graph.LONGEST] == pytest.approx(np.sqrt(1.4))
    # degrees 2 1 2 2 1; steps from 0: 1 1 2 3, from 1: 2 3 4, from 2: 1 2, from 3: 1
    assert out[graph.HUB] == 0.5 and out[graph.LEAVES] == 0.4 and out[graph.PURITY] == 0.75
    assert out[graph.STEPS] == pytest.approx(20 / 10) and out[graph.CLOSENESS] == pytest.approx(4 / 7)
    assert reference_graph.spanning_tree(strengths) == [(0, 1), (0, 2), (2, 3), (3, 4)]
