"""C3 on chains small enough to work out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy import stats

from mr_platform.errors import UsageError
from mr_platform.features.c3_oi_price_action import (
    adapt_strike_range,
    analyze_cumulative_atm_strikes,
    classify_divergence_patterns,
    detect_institutional_flow,
    pieces,
)
from mr_platform.features.c3_oi_price_action.component import OIPriceAction
from mr_platform.features.c3_oi_price_action.state import STATES
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import REACH, SessionInputs
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.oi_price_action import OiPriceActionParameters

NAN = float("nan")
STRIKES = np.array([17_900.0, 17_950.0, 18_000.0, 18_050.0, 18_100.0])
# Spans of single bars and a set of ATM +-1, so that a few minutes are enough to work everything out.
SHORT = replace(
    defaults(OiPriceActionParameters),
    strikes=replace(defaults(OiPriceActionParameters).strikes, narrow=0, usual=1, wide=2, least=2),
    velocity_minutes=(1, 2, 3),
    timeframes=(1, 2, 3, 4),
    pcr_change_minutes=(1, 2, 3),
    correlation_windows=(5, 6, 7),
    swing_bars=3,
    buildup_minutes=1,
    flow=replace(defaults(OiPriceActionParameters).flow, z_window=5, price_lookback=1),
)


def inputs(
    calls: list[list[float]],
    puts: list[list[float]],
    *,
    money: list[int] | None = None,
    closes: tuple[list[list[float]], list[list[float]]] | None = None,
    volume: float = 10.0,
    price: list[float] | None = None,
    expiry: list[int] | None = None,
    kind: str = "spot",
) -> SessionInputs:
    """A session of one expiry with five strikes: open interest by minute and strike, ``money`` index of ATM."""
    m, k = len(calls), STRIKES.size
    oi = np.stack([np.array(calls, float), np.array(puts, float)], axis=2)
    close = np.full((m, k, 2), 100.0) if closes is None else np.stack([np.array(one, float) for one in closes], axis=2)
    atm = np.array(money or [2] * m)
    around = atm[:, None] + np.arange(-REACH, REACH + 1)
    around = np.where((around >= 0) & (around < k), around, -1)
    under = np.repeat(np.array(price or [18_000] * m, float)[:, None], 5, axis=1)
    under[:, 4] = NAN
    forwards = np.full((m, 3), NAN)
    forwards[:, 0] = 18_010.0
    return SessionInputs(
        trade_date=date(2022, 11, 15),
        minutes=np.arange(555, 555 + m),
        n_bars=375,
        underlying_kind=kind,
        bars=np.full((m, 9, 5), NAN),
        held=np.full((m, 9, 5), NAN),
        underlying=under,
        dte=np.full(m, 2),
        expiry=np.array(expiry or [0] * m),
        strikes=around[:, [REACH, REACH - 1, REACH + 1]],
        forward=forwards[:, 0],
        strikes_listed=STRIKES,
        chain_close=close,
        chain_volume=np.full((m, k, 2), volume),
        chain_oi=oi,
        around=around.astype(np.int64),
        steps=np.full(m, 50.0),
        forwards=forwards,
        years=np.full((m, 3), 0.01),
        volatility=np.full((m, 3, k, 2), 0.2),
        future=np.full((m, 6), NAN),
    )


@pytest.fixture(params=["cpu", "reference"])
def compute(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """Features by short name, each [M], on either engine."""

    def run(given: SessionInputs, settings: OiPriceActionParameters = SHORT) -> dict[str, np.ndarray]:
        component = OIPriceAction(settings, engine=request.param)
        m = given.minutes.size
        start = SessionStart(given.trade_date, given.n_bars, 2, given.underlying_kind, symbol="NIFTY")
        out = ComponentOutput.empty(m, len(component.features))
        component.compute(given, out, 0, m, component.begin(start))
        found = {spec.name.removeprefix("c3_"): x for spec, x in zip(component.features, out.values.T, strict=True)}
        return found | {"score": out.score, "confidence": out.confidence, "health": out.health.astype(float)}

    return run


CALLS = [[5.0, 100, 200, 300, 7], [5.0, 110, 200, 330, 7], [5.0, 120, 240, 330, 7]]
PUTS = [[9.0, 300, 200, 100, 1], [9.0, 330, 220, 110, 1], [9.0, 330, 220, 110, 1]]


def test_velocity_and_acceleration_of_open_interest(compute) -> None:  # type: ignore[no-untyped-def]
    found = compute(inputs(CALLS, PUTS))
    # calls over 17950..18050: 600, 640, 690; puts 600, 660, 660
    np.testing.assert_allclose(found["cumulative_oi_velocity_ce_5"], [NAN, 40 / 600, 50 / 640])
    np.testing.assert_allclose(found["cumulative_oi_velocity_ce_15"], [NAN, NAN, 90 / 600])
    np.testing.assert_allclose(found["cumulative_oi_acceleration_ce_5"], [NAN, NAN, 50 / 640 - 40 / 600])
    np.testing.assert_allclose(found["cumulative_oi_acceleration_pe_5"], [NAN, NAN, 0 - 0.1])


def test_an_acceleration_keeps_one_set_of_strikes_at_all_three_times(compute) -> None:  # type: ignore[no-untyped-def]
    calls = [list(row) for row in CALLS]
    calls[0][1] = NAN
    found = compute(inputs(calls, PUTS))
    # 17950 was not there at first: the velocity of now has it, the acceleration the other two alone: 500, 530, 570
    assert found["cumulative_oi_velocity_ce_5"][2] == pytest.approx(50 / 640)
    assert found["cumulative_oi_acceleration_ce_5"][2] == pytest.approx(40 / 530 - 30 / 500)


def test_a_roll_compares_the_strikes_of_now_and_too_few_of_them_nothing(compute) -> None:  # type: ignore[no-untyped-def]
    found = compute(inputs(CALLS, PUTS, money=[2, 2, 3]))
    # the money is 18050 now: 18000, 18050, 18100 held 537 a minute ago and hold 577
    assert found["cumulative_oi_velocity_ce_5"][2] == pytest.approx(40 / 537)
    assert found["cumulative_pcr"][2] == pytest.approx(331 / 577)
    edge = compute(inputs(CALLS, PUTS, money=[2, 2, 4]), replace(SHORT, strikes=replace(SHORT.strikes, least=3)))
    assert np.isnan([edge["cumulative_oi_velocity_ce_5"][2], edge["cumulative_pcr"][2]]).all()


def test_two_minutes_of_different_expiries_are_not_compared(compute) -> None:  # type: ignore[no-untyped-def]
    found = compute(inputs(CALLS, PUTS, expiry=[1, 0, 0]))
    np.testing.assert_allclose(found["cumulative_oi_velocity_ce_5"], [NAN, NAN, 50 / 640])
    assert np.isnan(found["cumulative_oi_acceleration_ce_5"]).all()
    # no link of the net flow over the change: (0 - 50) / (640 + 660) alone
    np.testing.assert_allclose(found["cumulative_net_flow"], [0, 0, -50 / 1300])


def test_levels_of_open_interest(compute) -> None:  # type: ignore[no-untyped-def]
    found = compute(inputs(CALLS, PUTS))
    np.testing.assert_allclose(found["cumulative_pcr"], [1.0, 660 / 640, 660 / 690])
    # all strikes: calls 612, 652, 702, puts 610, 670, 670
    np.testing.assert_allclose(found["cumulative_net_oi"], [0.0, 20 / 1322, -30 / 1372])
    np.testing.assert_allclose(found["cumulative_concentration_ce"], [600 / 612, 640 / 652, 690 / 702])
    np.testing.assert_allclose(found["cumulative_net_flow"], [0.0, 20 / 1200, 20 / 1200 - 50 / 1300])
    np.testing.assert_allclose(found["rolling_pcr_change_3"], [NAN, 1.1 / (640 / 600) - 1, 1 / (690 / 640) - 1])


def test_volume_velocity_is_the_log_of_one_plus_the_volumes(compute) -> None:  # type: ignore[no-untyped-def]
    given = inputs(CALLS, PUTS)
    given.chain_volume[1, :, 0] = [0, 20, 30, 50, 0]
    given.chain_volume[2, :, 0] = [0, 20, NAN, 60, 0]
    found = compute(given)
    # the strikes of now that traded in both minutes: 30 then 100; 18000 is not known now: 70 then 80
    np.testing.assert_allclose(found["cumulative_volume_velocity_ce_5"], [NAN, math.log(101 / 31), math.log(81 / 71)])
    assert found["cumulative_volume_acceleration_ce_5"][2] == pytest.approx(math.log(81 / 71) - math.log(71 / 21))


def test_the_strike_range_follows_volatility(compute) -> None:  # type: ignore[no-untyped-def]
    given = inputs(CALLS, PUTS)
    given.volatility[1] = 0.34
    given.volatility[2] = 0.36
    found = compute(given)
    # mean of what is known: 20, 27 and 30 points: ATM +-1, then +-2 (above 25), whose strikes are all there are
    np.testing.assert_allclose(found["cumulative_concentration_range"], [1200 / 1222, 1.0, 1.0])
    expected = 18_010 * np.array([0.20, 0.27, 0.30]) * 0.1
    np.testing.assert_allclose(found["cumulative_range_reach"], np.array([50, 100, 100]) / expected)


def test_build_up_of_calls_puts_and_an_underlying_without_open_interest(compute) -> None:  # type: ignore[no-untyped-def]
    calls = [[100.0] * 5, [100.5] * 5]
    puts = [[100.0] * 5, [108.0] * 5]
    closes = [[50.0] * 5, [49.75] * 5], [[50.0] * 5, [51.0] * 5]
    found = compute(inputs(calls, puts, closes=closes, price=[18_000, 17_991]))
    # calls: price -0.5 %, OI +0.5 %: short build-up of strength sqrt(0.5 x 0.25)
    assert found["rolling_buildup_ce_3"][1] == pytest.approx(-math.sqrt(0.125))
    # puts: price +2 %, OI +8 %, both beyond their cuts: long build-up of puts, bearish
    assert found["rolling_buildup_pe_3"][1] == -1.0
    assert found["rolling_trend"][1] == pytest.approx((-math.sqrt(0.125) - 1) / 2)
    # the underlying -0.05 %, half of the cut of 0.1 %, at half weight; over two minutes nothing is known
    underlying = compute(inputs(calls * 2, puts * 2, price=[18_000, 18_000, 18_000, 17_991]))
    assert underlying["rolling_buildup_underlying_5"][3] == pytest.approx(-0.25 / math.sqrt(2))


def test_build_up_of_a_future_needs_its_open_interest(compute) -> None:  # type: ignore[no-untyped-def]
    given = inputs(CALLS, PUTS, price=[18_000, 18_000, 18_009], kind="future")
    given.future[:, 5] = [1000.0, 1000, 998]
    found = compute(given)
    # over two minutes: price +0.05 %, OI -0.2 %, cuts 0.1 % and 0.2 % times sqrt(2): short covering
    assert found["rolling_buildup_underlying_5"][2] == pytest.approx(0.5 * math.sqrt(0.5 * 1.0 / 2))
    given.future[2, 5] = NAN
    assert np.isnan(compute(given)["rolling_buildup_underlying_5"][2])


def test_walls_and_max_pain(compute) -> None:  # type: ignore[no-untyped-def]
    calls = [[10.0, 20, 30, 40, 100]]
    puts = [[100.0, 40, 30, 20, 10]]
    given = inputs(calls * 20, puts * 20, price=[18_000.0 + 4 * (i % 2) for i in range(20)])
    found = compute(given)
    # 85 % quantile of five: 40 + 0.4 x 60 = 64, one wall of 100 of 200 on each side; true range 0 first, then 4:
    # mean of 14 is 52 / 14, then Wilder's average goes on
    assert found["institutional_wall_share_ce"][0] == 0.5 and found["institutional_wall_share_pe"][0] == 0.5
    assert np.isnan(found["institutional_wall_distance_ce"][:13]).all()
    assert found["institutional_wall_distance_ce"][13] == pytest.approx(90 / (52 / 14))
    assert found["institutional_wall_distance_pe"][14] == pytest.approx(110 / (52 / 14 + (4 - 52 / 14) / 14))
    # holders are paid at 18000: calls 10 x 100 + 20 x 50, puts 20 x 50 + 10 x 100 = 4000; at 18010: calls 10 x 110 +
    # 20 x 60 + 30 x 10 = 2600, puts 20 x 40 + 10 x 90 = 1700
    assert found["institutional_max_pain_distance"][0] == pytest.approx(-10 / 18_010)
    assert found["institutional_pain_excess"][0] == pytest.approx(4300 / 4000 - 1)


def test_max_pain_migrates_from_the_first_of_the_session(compute) -> None:  # type: ignore[no-untyped-def]
    calls = [[0.0, 0, 10, 50, 100], [0.0, 0, 0, 0, 100]]
    puts = [[100.0, 80, 10, 0, 0], [0.0, 0, 0, 90, 100]]
    found = compute(inputs(calls, puts))
    # 18000 at first; then 18050: puts of 18100 pay 5000 there, at 18100 the puts nothing and the calls nothing
    np.testing.assert_allclose(found["institutional_max_pain_migration"], [0.0, 2.0])
    assert math.isnan(found["institutional_pain_excess"][1])


def test_turnover_flow_and_composite_ratio(compute) -> None:  # type: ignore[no-untyped-def]
    calls = [[0.0, 100, 200, 300, 0]] * 4 + [[0.0, 110, 190, 300, 0]]
    puts = [[0.0, 300, 200, 100, 0]] * 4 + [[0.0, 330, 220, 110, 0]]
    closes = [[100.0] * 5] * 5, [[50.0] * 5] * 5
    given = inputs(calls, puts, closes=closes, volume=16.0)
    found = compute(given)
    # 16 a bar and strike in 375 bars over the open interest of now
    assert found["institutional_turnover_ce"][4] == pytest.approx(3 * 16 * 375 / 600)
    # over two bars: puts +60 at 50, calls 0 net at 100; held value 600 x 100 + 660 x 50
    assert found["institutional_money_flow_15"][4] == pytest.approx(3000 / 93_000)
    # 0.4 x 660/600 + 0.4 x 660/600 (equal volumes) + 0.2 x min(60 / 10, 5)
    assert found["institutional_pcr_composite"][4] == pytest.approx(0.8 * 1.1 + 0.2 * 5)


def test_accumulation_is_put_writing_below_a_rising_market(compute) -> None:  # type: ignore[no-untyped-def]
    puts = [[0.0, 100 + i, 200, 100, 0] for i in (0, 0, 0, 0, 0, 4)]
    calls = [[0.0, 100, 200, 100, 0]] * 6
    found = compute(inputs(calls, puts, price=[18_000.0] * 5 + [18_001], volume=5.0))
    # changes 0, 0, 0, 0, 1 % in five bars: mean 0.2, deviation 0.4, z = 2; turnover 3 x 5 x 375 / 404 is within 8..15
    assert found["institutional_flow_z_pe"][5] == pytest.approx(2.0)
    turnover = 3 * 5 * 375 / 404
    assert found["institutional_accumulation"][5] == pytest.approx((2 + (turnover - 8) / 7) / 3)
    assert math.isnan(found["institutional_distribution"][5])
    falling = compute(inputs(calls, puts, price=[18_000.0] * 5 + [17_999], volume=5.0))
    assert falling["institutional_accumulation"][5] == 0.0


def test_open_interest_that_is_missing_leaves_prices_alone(compute) -> None:  # type: ignore[no-untyped-def]
    nothing = [[NAN] * 5] * 3
    closes = [[50.0] * 5, [55.0] * 5, [55.0] * 5], [[50.0] * 5] * 3
    found = compute(inputs(nothing, nothing, closes=closes))
    np.testing.assert_allclose(found["cumulative_price_velocity_ce_5"], [NAN, 0.1, 0.0])
    assert np.isnan(found["cumulative_pcr"]).all() and np.isnan(found["institutional_wall_share_ce"]).all()
    assert found["confidence"].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("x", "expected"),
    [(0.0, 0.0), (0.01, 1 / 6), (0.02, 1 / 3), (-0.04, -0.5), (0.09, 2.5 / 3), (0.12, 1.0), (-3.0, -1.0), (NAN, NAN)],
)
def test_a_rate_is_graded_among_its_cuts(x: float, expected: float) -> None:
    np.testing.assert_allclose(pieces.grade(x, np.array([0.12, 0.06, 0.02])), expected)


@pytest.mark.parametrize(("z", "expected"), [(0.79, 0.0), (0.8, 0.25), (-1.9, -0.75), (2.5, 1.0), (NAN, NAN)])
def test_a_cut_of_the_flow_belongs_to_the_level_above(z: float, expected: float) -> None:
    np.testing.assert_allclose(pieces.level(z, np.array([2.5, 1.8, 1.2, 0.8])), expected)


QUADRANTS = [
    (0.02, 0.03, 1),
    (0.02, -0.03, 2),
    (-0.02, 0.03, 3),
    (-0.02, -0.03, 4),
    (0.01, 0.03, 0),
    (0.02, -0.02, 0),
    (NAN, 0.03, -1),
]


@pytest.mark.parametrize(("price", "oi", "state"), QUADRANTS)
def test_the_build_up_matrix(price: float, oi: float, state: int) -> None:
    assert pieces.quadrant(price, oi, 0.01, 0.02) == state


# Calls, puts (0 none, 1 long build-up, 2 short covering, 3 short build-up, 4 long unwinding), underlying -> state.
THREE_WAY = [
    (1, 3, 1.0, "strong_bull"),
    (2, 4, 1.0, "strong_bull"),
    (3, 1, -1.0, "strong_bear"),
    (4, 2, -1.0, "strong_bear"),
    (1, 3, 0.0, "institutional"),
    (4, 2, 0.0, "institutional"),
    (1, 3, -1.0, "arbitrage"),
    (3, 1, 1.0, "arbitrage"),
    (3, 3, 0.0, "ranging"),
    (3, 3, 1.0, "ranging"),
    (0, 0, 1.0, "ranging"),
    (1, 1, 1.0, "transition"),
    (0, 3, 1.0, "transition"),
    (1, 0, 0.0, "transition"),
]


@pytest.mark.parametrize(("call", "put", "underlying", "state"), THREE_WAY)
def test_the_three_way_states(call: int, put: int, underlying: float, state: str) -> None:
    assert STATES[pieces.three_way(call, put, underlying)] == state


@pytest.mark.parametrize(("call", "put", "underlying"), [(-1, 3, 1.0), (1, -1, 1.0), (1, 3, NAN)])
def test_a_three_way_state_needs_all_three(call: int, put: int, underlying: float) -> None:
    assert pieces.three_way(call, put, underlying) == -1


def test_window_statistics_are_those_of_scipy() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((2, 60))
    x[7] = NAN
    known = ~np.isnan(x[10:60])
    assert pieces.standing(x, 59, 50, 0.8) == pytest.approx(stats.zscore(x[10:60][known])[-1])
    assert pieces.correlation(x, y, 56, 50, 0.8) == pytest.approx(
        stats.pearsonr(np.delete(x[7:57], 0), np.delete(y[7:57], 0)).statistic
    )
    assert math.isnan(pieces.standing(np.ones(60), 59, 50, 0.8))


def test_a_lower_low_against_a_higher_net_flow_is_a_regular_bull() -> None:
    found = classify_divergence_patterns(
        np.arange(5.0), np.array([10.0, 8, 10, 7, 9]), parameters=replace(SHORT, extreme_z=2.0)
    )
    # lows 8 and 7 a bar before they are confirmed, net flow 1 and 3. One-bar deviations: price sqrt((2 ln(.8)^2 +
    # ln(.7)^2 + ln(9/7)^2) / 4) = .269240, flow 1; z = .133531 / .269240 = .495956 and 2, each over 2
    assert found.standing["regular_bull"] == 1.0 and found.standing["hidden_bull"] == 0.0
    assert found.strength["regular_bull"] == pytest.approx(math.sqrt(0.495956 / 2 * 1.0), rel=1e-4)
    assert found.bars_since["regular_bull"] == 0.0 and found.bars_since["hidden_bull"] == 5.0
    # highs 10 and 10: neither higher nor lower
    assert found.standing["regular_bear"] == 0.0 and found.standing["extreme"] == 0.0


@pytest.mark.parametrize(
    ("flow", "price", "name"),
    [
        ([3.0, 3, 3, 1, 1, 1], [10.0, 7, 10, 8, 9, 9], "hidden_bull"),
        ([2.0, 2, 2, 1, 1, 1], [8.0, 10, 8, 11, 9, 9], "regular_bear"),
        ([2.0, 2, 2, 4, 4, 4], [8.0, 11, 8, 10, 9, 9], "hidden_bear"),
    ],
)
def test_the_other_divergences(flow: list[float], price: list[float], name: str) -> None:
    found = classify_divergence_patterns(np.array(flow), np.array(price), parameters=SHORT)
    assert {kind for kind, sign in found.standing.items() if sign > 0} == {name}


def test_an_extreme_divergence_has_both_moves_beyond_the_cut() -> None:
    flow, price = np.arange(5.0), np.array([10.0, 8, 10, 7, 9])
    low = classify_divergence_patterns(flow, price, parameters=replace(SHORT, extreme_z=0.49))
    high = classify_divergence_patterns(flow, price, parameters=replace(SHORT, extreme_z=0.5))
    assert low.standing["extreme"] == 1.0 and high.standing["extreme"] == 0.0
    assert low.strength["extreme"] == pytest.approx(1 - 0.49 / 0.495956, rel=1e-3)
    # it stands for as many bars as the zig-zag has, then it is over
    still = classify_divergence_patterns(
        np.append(flow, [5.0, 6, 7]), np.append(price, [9.0, 9, 9]), parameters=replace(SHORT, extreme_z=0.49)
    )
    assert still.standing["extreme"] == 0.0 and still.bars_since["extreme"] == 3.0


@pytest.mark.parametrize(
    ("volatility", "performance", "side"),
    [
        (0.30, None, 9),
        (0.20, None, 7),
        (0.12, None, 5),
        (NAN, None, 7),
        (0.20, {5: 0.52, 7: 0.51, 9: 0.50}, 5),
        (0.20, {5: 0.51, 7: 0.51, 9: 0.51}, 7),
        (0.12, {5: 0.50, 9: 0.60}, 5),
        (0.30, {7: 0.60}, 9),
    ],
)
def test_the_strike_range_of_a_volatility_and_its_record(
    volatility: float, performance: dict[int, float] | None, side: int
) -> None:
    found = adapt_strike_range(volatility, performance)
    assert (found.side, found.strikes) == (side, 2 * side + 1)


def test_flow_of_two_series_of_open_interest() -> None:
    puts = np.full(50, 1000.0)
    puts[-1] = 1010.0
    found = detect_institutional_flow(np.full(50, 500.0), puts, (1,))
    # 49 changes, the last one 1 %: z = 48 / sqrt(48); calls never moved, so nothing can be said of both
    assert found.put_z[1] == pytest.approx(math.sqrt(48))
    assert math.isnan(found.call_z[1]) and found.direction == "unknown"
    calls = np.array([500.0 + i % 2 for i in range(49)] + [500.5])
    both = detect_institutional_flow(calls, puts, (1,))
    assert both.level == 0.5 and both.direction == "bullish"
    with pytest.raises(UsageError, match="one open interest for each minute"):
        detect_institutional_flow(calls, puts[1:], (1,))


def test_cumulative_analysis_names_what_it_sums() -> None:
    given = inputs(CALLS, PUTS)
    found = analyze_cumulative_atm_strikes(given, 1, parameters=SHORT)
    assert (found.call_oi, found.put_oi, found.strikes) == (690.0, 660.0, (3, 3))
    assert found.pcr == pytest.approx(660 / 690)
    assert found.velocity["oi_ce_5"] == pytest.approx(50 / 640) and len(found.velocity) == 18
    assert len(found.acceleration) == 18 and found.minute == 557
    # calls opened, puts and prices unmoved
    assert found.state == "ranging"
    with pytest.raises(UsageError, match="strikes on each side"):
        analyze_cumulative_atm_strikes(given, 16)
