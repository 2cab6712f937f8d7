"""C7 on bars small enough to work out by hand, and its learning against an oracle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.optimize import minimize

from mr_platform.errors import UsageError
from mr_platform.features.c7_support_resistance import (
    Level,
    calculate_dual_asset_confluence,
    detect_multi_method_levels,
    predict_breakout_probability,
    score_level_strength,
)
from mr_platform.features.c7_support_resistance.component import SupportResistance, _prior
from mr_platform.features.c7_support_resistance.learning import BreakLearning, method_weights
from mr_platform.features.c7_support_resistance.reference_touches import zones_of
from mr_platform.features.c7_support_resistance.state import (
    ATR,
    CHANCE,
    FIRST_OF_METHOD,
    LABEL,
    N_LEVELS,
    N_METHODS,
    RETURN,
    SIDE,
    UNDERLYING,
    VALUE,
    Carried,
    DayConstants,
    Z,
)
from mr_platform.features.c7_support_resistance.touches import detect, fill_zones, history, resolve
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.support_resistance import SupportResistanceParameters
from tests.features.test_c1_values import TUESDAY, context

NAN = float("nan")
SETTINGS = defaults(SupportResistanceParameters)
Columns = dict[str, np.ndarray]


def inputs_of(
    closes: list[float], *, volumes: list[float] | None = None, straddle: list[float] | None = None, step: float = 50.0
) -> SessionInputs:
    """Flat bars of a listed future and of a straddle whose contract never changes; no chain."""
    m = len(closes)
    under = np.full((m, 5), np.nan)
    under[:, :4] = np.array(closes)[:, None]
    under[:, 4] = volumes or [10.0] * m
    bars, held = np.full((m, 9, 5), np.nan), np.full((m, 9, 5), np.nan)
    premium = np.array(straddle or [100.0] * m)
    bars[:, 0, :4], bars[:, 0, 4] = premium[:, None], 10.0
    held[1:, 0, 0], held[5:, 0, 2] = premium[:-1], premium[:-5]
    return SessionInputs(
        trade_date=TUESDAY,
        minutes=np.arange(555, 555 + m),
        n_bars=375,
        underlying_kind="future",
        bars=bars,
        held=held,
        underlying=under,
        dte=np.full(m, 4),
        expiry=np.zeros(m, np.int64),
        strikes=np.zeros((m, 3), np.int64),
        forward=np.full(m, np.nan),
        chain_volume=np.empty((m, 0, 2)),
        chain_oi=np.empty((m, 0, 2)),
        around=np.full((m, 31), -1, np.int64),
        steps=np.full(m, step),
    )


def start_of(previous: DailyContext | None = None) -> SessionStart:
    return SessionStart(TUESDAY, 375, 4, "future", previous, symbol="NIFTY")


def monday() -> DailyContext:
    """Underlying between 100 and 110, last at 108; ATR 4 of both assets."""
    return context(underlying="future", daily_date=np.array([19_300]), daily_ohlc=np.array([[1.0, 2.0, 1.0, 1.0]]))


@pytest.fixture(params=["cpu", "reference"])
def compute(request: pytest.FixtureRequest) -> Callable[..., Columns]:
    """Features by name without the component's, each [M], on either engine."""

    def run(inputs: SessionInputs, previous: DailyContext | None = None) -> Columns:
        component = SupportResistance(engine=request.param)
        m = inputs.minutes.size
        out = ComponentOutput.empty(m, 72)
        component.compute(inputs, out, 0, m, component.begin(start_of(previous)))
        return {s.name.removeprefix("c7_"): x for s, x in zip(component.features, out.values.T, strict=True)}

    return run


def test_distances_are_in_the_assets_own_atr(compute: Callable[..., Columns]) -> None:
    # PP = (110 + 100 + 108) / 3 = 106; BC 105, TC 107; R1 112, S1 102. The first bar is flat and has no close before:
    # its true range is 0, ATR = 4 + (0 - 4) / 14 = 26 / 7.
    found = compute(inputs_of([106.4]), monday())
    atr = 26 / 7
    assert found["detection_pivot_underlying"][0] == pytest.approx((106.4 - 106) / atr)
    assert found["detection_gap_underlying"][0] == pytest.approx((106.4 - 108) / atr)
    # round numbers of NIFTY: every second strike of 50; 100 is nearer than 200
    assert found["detection_round_underlying"][0] == pytest.approx(6.4 / atr)


def test_the_value_area_grows_towards_the_fuller_neighbour(compute: Callable[..., Columns]) -> None:
    # bins of .05 (.0005 of 100): 10 at 100, 30 at 100.05, 20 at 100.10, 5 at 100.20; 70 % of 65 is within 30 + 20
    inputs = inputs_of([100.0, 100.05, 100.10, 100.20], volumes=[10.0, 30.0, 20.0, 5.0])
    found = compute(inputs, monday())
    # true ranges 0, .05, .05, .10 one after the other
    atr = 4.0
    for true_range in (0.0, 0.05, 0.05, 0.10):
        atr += (true_range - atr) / 14
    assert found["detection_control_underlying"][3] == pytest.approx((100.20 - 100.05) / atr)
    assert found["detection_value_area_underlying"][3] == pytest.approx(0.05 / atr)


def test_walls_are_strikes_with_open_interest_above_the_quantile_of_their_side(compute: Callable[..., Columns]) -> None:
    # calls: 85 % lies between 6 and 50, walls 18,100 and 18,150; puts: between 5 and 40, walls 17,800 and 17,850
    calls = [1, 2, 3, 4, 5, 6, 50, 60]
    puts = [70, 40, 5, 4, 3, 2, 1, 1]
    oi = np.array([calls, puts], float).T[None]
    strikes = 17_800 + 50.0 * np.arange(8)
    inputs = replace(inputs_of([18_010.0]), chain_oi=oi, chain_volume=np.zeros((1, 8, 2)), strikes_listed=strikes)
    found = compute(inputs, monday())
    assert found["detection_wall_position_underlying"][0] == pytest.approx((18_010 - 17_850) / (18_100 - 17_850))
    # ATR 4 + (0 - 4) / 14
    assert found["detection_wall_width_underlying"][0] == pytest.approx(250 / (26 / 7))


def test_a_swing_point_is_known_five_bars_later_and_never_before(compute: Callable[..., Columns]) -> None:
    # five-minute bars: up from 98 by 2 to a peak of 110 in bar 6, down by 1 to a trough of 104 in bar 12, up by .5
    bars = [98 + 2.0 * i for i in range(7)] + [110.0 - i for i in range(1, 7)] + [104 + 0.5 * i for i in range(1, 7)]
    found = compute(inputs_of(np.repeat(bars, 5).tolist()))
    retracement = found["detection_retracement_underlying"]
    # the trough of bar 12 needs bars 13 to 17, the last of which ends at minute 89
    assert np.isnan(retracement[:89]).all()
    assert retracement[89] == pytest.approx((106.5 - 104) / (110 - 104))


def test_the_range_of_a_timeframe_is_of_finished_bars_alone(compute: Callable[..., Columns]) -> None:
    # five bars of five minutes at 100, 102, 101, 104, 103; in the sixth, unfinished, 109
    found = compute(inputs_of([*np.repeat([100.0, 102.0, 101.0, 104.0, 103.0], 5).tolist(), 109.0]))
    assert found["detection_range_underlying_5"][24] == pytest.approx((103 - 100) / (104 - 100))
    assert found["detection_range_underlying_5"][25] == pytest.approx((109 - 100) / (104 - 100))
    assert np.isnan(found["detection_range_underlying_5"][:19]).all()


def test_prior_levels_are_of_the_last_day_week_and_month_that_were_over() -> None:
    days = np.array(["2022-10-31", "2022-11-07", "2022-11-11", "2022-11-14"], "datetime64[D]").astype(np.int64)
    hlc = np.array([[10.0, 5.0, 7.0], [12.0, 6.0, 8.0], [14.0, 9.0, 13.0], [15.0, 11.0, 12.0]])
    assert _prior(date(2022, 11, 15), days, hlc).tolist() == [15, 11, 12, 14, 6, 13, 10, 5, 7]


def place() -> tuple[DayConstants, Carried]:
    """A zone at 100 of weight .3, ATR 2 of the underlying, nothing else known."""
    state = SupportResistance().begin(start_of())
    carried = state.carried
    carried.zones[UNDERLYING, 0] = 100.0, 0.3
    carried.zone_masks[UNDERLYING, 0], carried.zone_count[UNDERLYING] = 1, 1
    carried.atr[UNDERLYING], carried.atr_bars[UNDERLYING] = 2.0, 14
    carried.step[0] = 50.0
    return state.day, carried


def touched() -> tuple[DayConstants, Carried]:
    """At minute 5 the bar from 99 reaches 100 and closes at 99.8; five minutes before it stood at 98.8."""
    day, carried = place()
    detect(UNDERLYING, 5, 100.0, 99.0, 99.8, 99.0, 98.8, 2.0, day.strength_weights[0], day, carried, np.empty(4))
    return day, carried


def resolved(day: DayConstants, carried: Carried, closes: list[float]) -> None:
    before = 99.8
    for t, price in enumerate(closes, start=6):
        resolve(UNDERLYING, t, price, before, day, carried)
        before = price


def test_a_touch_keeps_what_its_chance_was_given_on() -> None:
    _, carried = touched()
    assert carried.touch_count[UNDERLYING] == 1
    touch = carried.touches[UNDERLYING, :, 0]
    assert (touch[VALUE], touch[SIDE], touch[ATR]) == (100.0, 1.0, 2.0) and np.isnan(touch[LABEL])
    # strength: no touch (0 of weight .25), no age (0 of .10), 100 is round (1 of .10), the rest unknown: .1 / .45
    strength = 0.10 / 0.45
    left = (375 - 1 - 5) / 375
    assert touch[Z : Z + 6].tolist() == pytest.approx([-0.1, 0.1, strength, 0.0, 0.0, left])
    # start: -.2 + .5 (-.1) + .5 (.1) - .5 strength
    assert touch[CHANCE] == pytest.approx(1 / (1 + np.exp(0.2 + 0.5 * strength)))


@pytest.mark.parametrize(
    ("before", "high", "low", "price"),
    [(99.6, 100.0, 99.6, 99.8), (98.0, 99.4, 98.0, 99.0), (101.0, 101.0, 100.6, 100.7), (NAN, 101.0, 99.0, 100.0)],
)
def test_no_touch_from_within_the_band_nor_short_of_it_nor_from_nowhere(
    before: float, high: float, low: float, price: float
) -> None:
    day, carried = place()
    detect(UNDERLYING, 5, high, low, price, before, NAN, 2.0, day.strength_weights[0], day, carried, np.empty(4))
    assert carried.touch_count[UNDERLYING] == 0


def test_three_closes_in_a_row_beyond_break_a_level_and_not_before_the_third() -> None:
    day, carried = touched()
    resolved(day, carried, [100.6, 100.7])
    assert np.isnan(carried.touches[UNDERLYING, LABEL, 0])
    resolve(UNDERLYING, 8, 100.9, 100.7, day, carried)
    assert carried.touches[UNDERLYING, LABEL, 0] == 1.0
    assert carried.marks[2:].tolist() == [8.0, 1.0] and carried.counts[UNDERLYING].tolist() == [1, 0, 0]
    # who had traded against the break lost the way from 99.8 to 100.9
    assert carried.touches[UNDERLYING, RETURN, 0] == pytest.approx(-np.log(100.9 / 99.8))
    chance = carried.touches[UNDERLYING, CHANCE, 0]
    assert carried.errors.tolist() == pytest.approx([(chance - 1) ** 2, 1])


def test_a_level_that_was_not_broken_within_fifteen_bars_held_and_counts_from_then_on() -> None:
    day, carried = touched()
    # twice beyond 100.5, back, then below: bars 5 to 19 are the fifteen
    resolved(day, carried, [100.6, 100.7, 100.4, *[99.0] * 10])
    found = np.empty(4)
    history(UNDERLYING, 100.1, day, carried, found)
    assert found[0] == 0
    resolve(UNDERLYING, 19, 99.0, 99.0, day, carried)
    history(UNDERLYING, 100.1, day, carried, found)
    assert found[:2].tolist() == [1, 1] and found[3] == 5
    assert carried.counts[UNDERLYING].tolist() == [1, 1, 1]
    history(UNDERLYING, 100.3, day, carried, found)  # .2 % of 100.3 is .2006
    assert found[0] == 0


def test_levels_join_from_the_lowest_up_and_weigh_by_distinct_method() -> None:
    day, carried = place()
    levels = carried.levels[UNDERLYING]
    levels[:] = np.nan
    # S3 and S2 (pivots .30), a minor round number (.15), an EMA (.20): 100.21 is further than .2 % from 100
    levels[0], levels[1], levels[17], levels[28] = 100.0, 100.1, 100.2, 100.21
    carried.order[UNDERLYING] = np.argsort(levels, kind="stable")
    fill_zones(UNDERLYING, day, carried)
    assert carried.zone_count[UNDERLYING] == 2
    value = (100.0 * 0.3 + 100.1 * 0.3 + 100.2 * 0.15) / 0.75
    assert carried.zones[UNDERLYING, 0].tolist() == pytest.approx([value, 0.45])
    assert carried.zones[UNDERLYING, 1].tolist() == pytest.approx([100.21, 0.20])
    assert carried.zone_masks[UNDERLYING, :2].tolist() == [0b101, 0b10000]


def test_method_weights_walk_a_tenth_of_themselves_a_session_and_sum_to_one() -> None:
    # one session: the pivots' 60 touches all held, the others' none; no returns, hence no Sharpe ratio nor drawdown:
    # .35 + .25 against .25; shares 6/16 and 2.5/16, each step a tenth at most; what is beyond 1 comes off those that
    # still can fall
    sessions = np.zeros((1, 5, 4))
    sessions[0, :, 0] = 60
    sessions[0, 0, 1] = 60
    got = method_weights(sessions, SETTINGS.method_weights, SETTINGS.method_learning)
    rest = 0.00125 / 3
    assert got.tolist() == pytest.approx([0.33 - rest, 0.225, 0.15625 - rest, 0.11 - rest, 0.18])


def test_with_too_few_touches_of_one_method_the_start_weights_stand() -> None:
    sessions = np.full((3, 5, 4), 20.0)
    sessions[:, 3, 0] = 16.0
    got = method_weights(sessions, SETTINGS.method_weights, SETTINGS.method_learning)
    assert got.tolist() == [0.30, 0.25, 0.15, 0.10, 0.20]


def test_coefficients_are_the_mode_of_the_posterior() -> None:
    rng = np.random.default_rng(2)
    z, rule = rng.normal(size=(200, 6)), SETTINGS.breakout
    labels = (rng.random(200) < 1 / (1 + np.exp(-(0.5 + z @ [1.0, 0.5, -1.0, 0.0, 0.3, 0.0])))).astype(float)
    learned = BreakLearning.start(rule).with_touches(z, labels, rule)
    x, prior, start = np.column_stack([np.ones(200), z]), np.array(rule.prior_precisions), np.array(rule.coefficients)

    def loss(b: np.ndarray) -> float:
        logits = x @ b
        return float(np.logaddexp(0, logits).sum() - labels @ logits + 0.5 * prior @ (b - start) ** 2)

    best = minimize(loss, start, method="BFGS", options={"gtol": 1e-9})
    assert learned.mean == pytest.approx(best.x, abs=1e-5)
    assert learned.labels == 200 and (np.linalg.eigvalsh(learned.precision) > 0).all()
    assert learned.coefficients(rule).tolist() == learned.mean.tolist()
    assert BreakLearning(learned.mean, learned.precision, 59.0).coefficients(rule).tolist() == start.tolist()


def test_strength_of_a_level_by_dte_range() -> None:
    # 3 of 5 touches at .25, 2 of 3 held at .30, 1.2 of 2 volumes at .20, .5 at .10, 1 - .25 at .10, .4 at .05
    known = {"age": 0.5, "off_round": 0.25, "timeframes": 0.4}
    assert score_level_strength(3, 2, 1.2, dte=7, **known).strength == pytest.approx(0.615)
    # the same parts at .15, .20, .15, .25, .10 and .15
    far = score_level_strength(3, 2, 1.2, dte=31, **known)
    assert far.strength == pytest.approx(0.09 + 0.4 / 3 + 0.09 + 0.125 + 0.075 + 0.06) and far.dte_range == "31_plus"


def test_a_part_that_is_not_known_leaves_its_weight_to_the_others() -> None:
    # one touch is no hold rate; no volume, round number nor timeframe known: (.25 (1/5) + .10 (0)) / .35
    found = score_level_strength(1, 1, NAN)
    assert found.strength == pytest.approx(0.05 / 0.35) and np.isnan(found.hold_rate)
    with pytest.raises(UsageError, match="hold_success <= touch_count"):
        score_level_strength(1, 2, 1.0)


def test_confluence_compares_distances_in_each_assets_atr() -> None:
    def level(distance: float, weight: float) -> Level:
        return Level(100.0, distance, weight, ("pivots",))

    straddle = [level(1.0, 0.2), level(-2.0, 0.5), level(11.0, 0.9)]
    # 1.4 and 1.0 differ by .4 ATR; -4 has nothing nearer than 2 ATR; beyond 10 ATR nothing counts
    found = calculate_dual_asset_confluence(straddle, [level(1.4, 0.3), level(-4.0, 0.7), level(10.5, 1.0)])
    assert found.score == pytest.approx(0.3 * 0.6) and found.pairs == ((1.4, 1.0), (-4.0, -2.0))
    assert np.isnan(calculate_dual_asset_confluence([], [level(1.0, 0.3)]).score)


def test_the_chance_of_a_break_uses_the_documented_start() -> None:
    found = predict_breakout_probability(100.0, 99.0, np.e, atr=2.0, earlier_price=98.0, strength=0.4, touches=2)
    # distance -.5, approach 1 / (5 x 2) = .1, log volume 1: -.2 - .25 + .05 - .2 + .2
    assert found.probability == pytest.approx(1 / (1 + np.exp(0.4))) and found.direction == 1
    assert found.conditions["distance"] == pytest.approx(-0.5) and found.conditions["touches"] == pytest.approx(0.4)
    below = predict_breakout_probability(98.0, 99.0, NAN, atr=2.0)
    assert below.direction == -1 and below.distance == pytest.approx(0.5)
    with pytest.raises(UsageError, match="ATR is above 0"):
        predict_breakout_probability(98.0, 99.0, 1.0, atr=0.0)


def test_levels_can_be_asked_for_by_method() -> None:
    inputs = inputs_of([106.4])
    everything = detect_multi_method_levels(inputs, symbol="NIFTY", previous=monday())
    round_ones = detect_multi_method_levels(inputs, ("round",), symbol="NIFTY", previous=monday())
    # minor 100 and 200, major 0 (none) and 500
    assert [zone.value for zone in round_ones.zones["underlying"]] == pytest.approx([100.0, 200.0, 500.0])
    assert round_ones.zones["underlying"][0].distance == pytest.approx(-6.4 / (26 / 7))
    assert {name for zone in everything.zones["underlying"] for name in zone.methods} >= {
        "pivots",
        "round",
        "technical",
    }
    with pytest.raises(UsageError, match="a method is one of"):
        detect_multi_method_levels(inputs, ("stars",))


def test_a_spot_without_volume_takes_the_options_around_the_money(compute: Callable[..., Columns]) -> None:
    # 16 strikes, ATM is the eighth: seven on each side count, the sixteenth does not
    volume = np.ones((1, 16, 2))
    around = np.full((1, 31), -1, np.int64)
    around[0, 15 - 7 : 15 + 9] = np.arange(16)
    closes = [100.0, 100.0, 100.1]
    inputs = replace(
        inputs_of(closes),
        underlying_kind="spot",
        chain_volume=np.concatenate([volume, volume, 3 * volume]),
        chain_oi=np.full((3, 16, 2), np.nan),
        strikes_listed=np.arange(16.0),
        around=np.repeat(around, 3, axis=0),
    )
    component = SupportResistance()
    state = component.begin(SessionStart(TUESDAY, 375, 4, "spot", None, symbol="NIFTY"))
    component.compute(inputs, ComponentOutput.empty(3, 72), 0, 3, state)
    assert state.carried.volume[UNDERLYING, :3].tolist() == [30.0, 30.0, 90.0]
    # 60 at 100 against 90 at 100.1
    assert state.carried.point[UNDERLYING, 0] == pytest.approx(100.1)


def test_a_zone_of_all_methods_weighs_one_and_no_rounding_more() -> None:
    weights = np.array([0.3, 0.25, 0.15, 0.2, 0.1])
    assert float(np.cumsum(weights)[-1]) > 1.0
    day, carried = place()
    day = day._replace(method_weights=weights)
    levels = np.full(N_LEVELS, np.nan)
    levels[list(FIRST_OF_METHOD[:N_METHODS])] = 100.0
    carried.levels[UNDERLYING] = levels
    carried.order[UNDERLYING] = np.argsort(levels, kind="stable")
    fill_zones(UNDERLYING, day, carried)
    assert carried.zone_count[UNDERLYING] == 1 and carried.zones[UNDERLYING, 0, 1] == 1.0
    assert [zone.weight(day) for zone in zones_of(levels, UNDERLYING, day)] == [1.0]
