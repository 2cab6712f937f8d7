"""C5 on bars small enough to work out by hand, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest
import talib
from scipy import stats

from mr_platform.features.c5_atr_ema_cpr.component import AtrEmaCpr
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.history import QuantityHistory
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.memory import DailyContext
from mr_platform.parameters.atr_ema_cpr import AtrEmaCprParameters
from mr_platform.parameters.objects import defaults

NAN = float("nan")
TUESDAY = date(2022, 11, 15)
SETTINGS = defaults(AtrEmaCprParameters)
Bar = tuple[float, float, float, float]
Values = dict[str, np.ndarray]
Compute = Callable[..., Values]
# Yesterday's daily ATR is its range, 10; today weighs 1/14.
UNIT_AT_109 = 10 + (1 - 10) / 14


def context(**changes: object) -> DailyContext:
    """Monday's: the straddle between 90 and 120, last at 105; the underlying between 100 and 110, 104 to 108."""
    ohlc = np.tile([100.0, 120.0, 90.0, 105.0], (10, 1))
    ohlc[9] = [104.0, 110.0, 100.0, 108.0]
    base = DailyContext(
        symbol="NIFTY",
        trade_date=date(2022, 11, 14),
        underlying="future",
        dte=5,
        priced_bars=375,
        rolling_ohlc=ohlc,
        session_sums=np.zeros((10, 2)),
        week_sums=np.zeros((10, 2)),
        ema_value=np.full((9, 4), NAN),
        ema_bars=np.zeros((9, 4)),
        slow_ema_value=np.full((3, 4, 4), NAN),
        slow_ema_bars=np.zeros((3, 4, 4)),
        atr_value=np.full((2, 3), 4.0),
        atr_bars=np.full((2, 3), 100.0),
        component_return=np.zeros(10),
        timeframe_return=np.zeros(4),
        past_dte=np.empty(0),
        past_component_return=np.empty((0, 10)),
        past_timeframe_return=np.empty((0, 4)),
        atm_iv_close=0.15,
        daily_date=np.empty(0, np.int64),
        daily_ohlc=np.empty((0, 4)),
        bar5_minute=np.empty(0, np.int64),
        bar5_underlying_close=np.empty(0),
        bar5_straddle_return=np.empty(0),
        bar5_atm_iv=np.empty(0),
        memory={},
        known_at=datetime(2022, 11, 14, 15, 30),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def flat(closes: Sequence[float]) -> list[Bar]:
    return [(x, x, x, x) for x in closes]


def session(straddle: list[Bar], underlying: list[Bar], held: list[float] | None = None) -> SessionInputs:
    """Bars of both assets from the open; ``held`` closes of the straddle's contract before each minute."""
    m = len(straddle)
    bars = np.full((m, 9, 5), NAN)
    bars[:, 0, :4] = straddle
    before = np.full((m, 9, 5), NAN)
    before[:, 0, 0] = [NAN, *(bar[3] for bar in straddle[:-1])] if held is None else held
    under = np.full((m, 5), NAN)
    under[:, :4] = underlying
    years = np.full((m, 3), 4 / 365)
    return SessionInputs(
        trade_date=TUESDAY,
        minutes=np.arange(555, 555 + m),
        n_bars=375,
        underlying_kind="future",
        bars=bars,
        held=before,
        underlying=under,
        dte=np.full(m, 4),
        expiry=np.zeros(m, np.int64),
        strikes=np.zeros((m, 3), np.int64),
        forward=np.full(m, NAN),
        years=years,
    )


@pytest.fixture(params=["cpu", "reference"])
def compute(request: pytest.FixtureRequest) -> Compute:
    """Features by name without the component's, each [M], on either engine."""

    def run(
        inputs: SessionInputs, previous: DailyContext | None = None, settings: AtrEmaCprParameters = SETTINGS
    ) -> Values:
        component = AtrEmaCpr(settings, engine=request.param)
        state = component.begin(SessionStart(TUESDAY, inputs.n_bars, 4, inputs.underlying_kind, previous))
        out = ComponentOutput.empty(inputs.minutes.size, 94)
        component.compute(inputs, out, 0, inputs.minutes.size, state)
        return {spec.name[3:]: column for spec, column in zip(component.features, out.values.T, strict=True)}

    return run


def test_atr_takes_the_contracts_own_close_and_runs_on(compute: Compute) -> None:
    # 1st bar: no close before, range 112 - 108 = 4; ATR14 = 4 + (4 - 4) / 14
    # 2nd bar: held contract closed at 105, range 113 - 105 = 8; ATR14 = 4 + (8 - 4) / 14
    straddle = [(110.0, 112.0, 108.0, 110.0), (111.0, 113.0, 110.0, 112.0)]
    found = compute(session(straddle, flat([109.0, 109.0]), held=[NAN, 105.0]), context())
    assert found["atr_percent_straddle_14"] == pytest.approx([4 / 110, (4 + 4 / 14) / 112])
    assert found["dual_asset_thrust_straddle"][1] == pytest.approx((112 - 105) / (4 + 4 / 14))
    # ATR50 moves by 4/50
    assert found["atr_ratio_straddle_14_50"][1] == pytest.approx((4 + 4 / 14) / (4 + 4 / 50))


def test_atr_is_that_of_talib(compute: Compute) -> None:
    rng = np.random.default_rng(0)
    close = 100 + np.cumsum(rng.normal(0, 1, 80))
    high, low = close + rng.random(80), close - rng.random(80)
    bars = [(c, h, b, c) for c, h, b in zip(close, high, low, strict=True)]
    found = compute(session(bars, bars))
    # TA-Lib leaves its first bar out: one before, closing inside the first bar's range, makes ours its second
    wanted = talib.ATR(*(np.append(x[0], x) for x in (high, low, close)), timeperiod=14)[1:] / close
    np.testing.assert_allclose(found["atr_percent_underlying_14"], wanted, rtol=1e-12)
    np.testing.assert_allclose(found["atr_percent_straddle_14"], wanted, rtol=1e-12)


def test_ema_ratio_is_that_of_pandas(compute: Compute) -> None:
    close = pd.Series(100 + np.cumsum(np.random.default_rng(1).normal(0, 1, 60)))
    found = compute(session(flat(close), flat(close)))
    average = close.ewm(span=20, adjust=False).mean()
    wanted = ((close - average) / average).where(np.arange(60) >= 19)
    np.testing.assert_allclose(found["ema_ratio_underlying_20"], wanted, rtol=1e-9)


def test_levels_of_five_methods_around_a_price(compute: Compute) -> None:
    # H 110, L 100, C 108, O 104: classic PP 106, R1 112; Fibonacci 106 + 3.82 = 109.82; Camarilla steps 11/12 from 108;
    # Woodie PP 106.5, R1 113; DeMark X = 2 x 110 + 100 + 108 = 428, PP 107, S1 104, R1 114: of two the lower one
    found = compute(session(flat([100.0]), flat([109.0])), context())
    nearest = {"classic": 109 - 112, "fibonacci": 109 - 109.82, "camarilla": 109 - (108 + 11 / 12)}
    nearest |= {"woodie": 109 - 113, "demark": 109 - 104}
    for method, distance in nearest.items():
        assert found[f"cpr_nearest_{method}"][0] == pytest.approx(distance / UNIT_AT_109), method
    assert found["cpr_clearance_up"][0] == pytest.approx(0.82 / UNIT_AT_109)
    assert found["cpr_clearance_down"][0] == pytest.approx((1 - 11 / 12) / UNIT_AT_109)
    # places among the levels: 3.5 of 6 steps, 3 + 3/3.82 of 6, 5 + 1/11 of 8, 3 + 2.5/6.5 of 6, 1 + 2/7 of 2
    places = np.array([3.5 / 3, (3 + 3 / 3.82) / 3, (5 + 1 / 11) / 4, (3 + 2.5 / 6.5) / 3, 1 + 2 / 7]) - 1
    assert found["cpr_score_methods"][0] == pytest.approx(places @ [0.30, 0.25, 0.20, 0.15, 0.10])
    assert found["cpr_dispersion_methods"][0] == pytest.approx(places.std())


def test_a_method_switched_off_has_no_weight(compute: Compute) -> None:
    used = {name: name in ("classic", "woodie") for name in SETTINGS.methods_used}
    found = compute(session(flat([100.0]), flat([109.0])), context(), replace(SETTINGS, methods_used=used))
    wanted = (0.30 * (3.5 / 3 - 1) + 0.15 * ((3 + 2.5 / 6.5) / 3 - 1)) / 0.45
    assert found["cpr_score_methods"][0] == pytest.approx(wanted)


def test_a_breakout_counts_from_its_third_bar_with_its_least_distance(compute: Compute) -> None:
    # central pivot range 105 to 107; ATR14 of 4 before ranges of 0, 1 and 1.5
    found = compute(session(flat([100.0] * 6), flat([109.0, 110.0, 108.5, 106.0, 104.0, 103.0])), context())
    atr = 4 * (13 / 14) ** 3 + (1 * 13 / 14 + 1.5) / 14
    assert np.isnan(found["cpr_breakout"][:2]).all()
    assert found["cpr_breakout"][2] == pytest.approx(1.5 / atr)
    assert found["cpr_breakout"][3:].tolist() == [0.0, 0.0, 0.0]


def test_the_range_used_is_the_true_range_of_the_day_so_far(compute: Compute) -> None:
    bars = [(109.0, 111.0, 108.5, 109.0), (109.0, 109.5, 106.0, 107.0)]
    found = compute(session(flat([100.0, 100.0]), bars), context())
    # from yesterday's close of 108: 111 - 108, then 111 - 106, of 10
    assert found["dual_asset_range_used_underlying"] == pytest.approx([0.3, 0.5])


def test_a_virgin_range_is_forgotten_once_touched(compute: Compute) -> None:
    # today's range 105 to 107, middle 106; the way from 109 to 104 crosses it
    found = compute(session(flat([100.0] * 3), flat([109.0, 108.0, 104.0])), context())
    assert found["cpr_virgin"][0] == pytest.approx((106 - 109) / UNIT_AT_109)
    assert found["cpr_virgin"][1] == pytest.approx((106 - 108) / UNIT_AT_109)
    assert np.isnan(found["cpr_virgin"][2])


def test_the_developing_range_lies_between_narrow_and_wide(compute: Compute) -> None:
    # H 102, L 98, C 101: PP 301/3, middle 100, width 2 x 1/3 of PP
    found = compute(session(flat([100.0]), [(100.0, 102.0, 98.0, 101.0)]))
    width = 200 * (1 / 3) / (301 / 3)
    assert found["cpr_developing_width"][0] == pytest.approx((width - 0.35) / 0.65)


def test_premium_is_measured_in_daily_ranges_and_the_root_of_days(compute: Compute) -> None:
    found = compute(session(flat([20.0]), flat([109.0])), context())
    assert found["dual_asset_premium_to_range"][0] == pytest.approx(20 / (UNIT_AT_109 * 2))


def test_slow_bars_follow_the_contract_held_over_a_roll(compute: Compute) -> None:
    # The level falls from 100 to 90 by a roll in the third minute; the contract then held had stood at 91.
    close = [100.0, 101.0, 90.0, 92.0, 91.0]
    held = [NAN, 100.0, 91.0, 90.0, 92.0]
    memory = {"c5_slow_atr": np.full((2, 2), 3.0), "c5_slow_bars": np.full((2, 2), 20.0)}
    found = compute(session(flat(close), flat([109.0] * 5), held=held), context(memory=memory))
    # the way: 0, +1, 0, +2, +1: a range of 2; ATR = 3 + (2 - 3) / 14
    assert found["dual_asset_atr_straddle_5"][:4] == pytest.approx(3 / np.array(close[:4]))
    assert found["dual_asset_atr_straddle_5"][4] == pytest.approx((3 - 1 / 14) / 91)
    assert found["dual_asset_atr_underlying_5"][4] == pytest.approx((3 - 3 / 14) / 109)


@pytest.mark.parametrize(
    ("factor", "side"),
    [(1.06, 1), (1.04, 0), (0.96, 0), (0.94, -1)],
)
def test_atr_rises_above_and_falls_below_its_earlier_mean(compute: Compute, factor: float, side: int) -> None:
    # ranges of 4 for 28 bars keep ATR14 at 4; then one range makes it 4 x factor
    last = 4 * factor * 14 - 4 * 13
    bars = [(100.0, 102.0, 98.0, 100.0)] * 28 + [(100.0, 100 + last / 2, 100 - last / 2, 100.0)]
    found = compute(session(bars, bars), context())
    assert found["atr_momentum_underlying"][28] == pytest.approx(factor)
    assert found["atr_trend_age_underlying"][28] == side
    assert found["atr_trend_age_underlying"][27] == 0
    assert found["atr_expansion_underlying"][28] == pytest.approx(
        np.clip((factor / (19 + factor) * 20 - 1) / 0.2, -1, 1)
    )


def test_momentum_and_squeeze_stay_unknown_where_they_are_switched_off(compute: Compute) -> None:
    bars = flat(100 + np.random.default_rng(2).normal(0, 1, 60))
    off = compute(session(bars, bars), context(), replace(SETTINGS, track_momentum=False, detect_squeeze=False))
    on = compute(session(bars, bars), context())
    for name in ("atr_momentum_straddle", "atr_trend_age_underlying", "atr_squeeze_age_straddle"):
        assert np.isnan(off[name]).all() and np.isfinite(on[name]).any(), name


def test_a_squeeze_ages_while_atr_is_below_the_quarter_of_its_window(compute: Compute) -> None:
    # constant ranges keep ATR at 4, which is not below its own p25; then ever narrower ones
    bars = [(100.0, 102.0, 98.0, 100.0)] * 25 + [(100.0, 101.0, 99.0, 100.0)] * 4
    found = compute(session(bars, bars), context())
    assert found["atr_squeeze_age_underlying"][15:].tolist() == [0.0] * 10 + [1.0, 2.0, 3.0, 4.0]
    assert np.isnan(found["atr_squeeze_age_underlying"][:15]).all()


@pytest.mark.parametrize(
    ("share", "percentile", "regime"),
    [(0.005, 0.0, 0), (0.015, 0.25, 1), (0.025, 0.5, 2), (0.035, 0.75, 4), (0.045, 1.0, 5)],
)
def test_a_cut_of_the_atr_regime_belongs_to_the_class_above(
    compute: Compute, share: float, percentile: float, regime: int
) -> None:
    history = QuantityHistory.empty(8)
    for seen in (0.01, 0.02, 0.03, 0.04):
        history = history.with_session(4, np.full((30, 8), seen))
    # a flat first bar leaves 13/14 of the ATR before
    previous = context(memory=history.as_memory("c5_history_future"), atr_value=np.full((2, 3), share * 100 * 14 / 13))
    found = compute(session(flat([100.0]), flat([100.0])), previous)
    assert found["atr_percentile_underlying_dte"][0] == percentile
    assert found["atr_percentile_straddle_range"][0] == percentile
    assert found["atr_regime_underlying"][0] == regime


def test_without_history_the_session_ranks_itself_from_thirty_values_on(compute: Compute) -> None:
    # ranges that grow: each ATR share is above all before it
    bars = [(100.0, 100 + 0.1 * i, 100 - 0.1 * i, 100.0) for i in range(1, 46)]
    found = compute(session(bars, bars))
    # the first ATR is told at the 14th bar; thirty before it are there at the 44th
    assert np.isnan(found["atr_regime_underlying"][:43]).all()
    assert found["atr_regime_underlying"][43:].tolist() == [5.0, 5.0]
    assert np.isnan(found["atr_percentile_underlying_range"]).all()


def test_correlation_and_beta_are_those_of_scipy(compute: Compute) -> None:
    rng = np.random.default_rng(3)
    move = rng.normal(0, 1e-3, 60)
    premium = -3 * move + rng.normal(0, 2e-3, 60)
    underlying, straddle = 100 * np.exp(np.cumsum(move)), 50 * np.exp(np.cumsum(premium))
    found = compute(session(flat(straddle), flat(underlying)))
    line = stats.linregress(move[10:], premium[10:])
    assert found["dual_asset_correlation_50"][-1] == pytest.approx(line.rvalue, rel=1e-9)
    assert found["dual_asset_beta_50"][-1] == pytest.approx(line.slope, rel=1e-9)
    short = stats.pearsonr(move[40:], premium[40:]).statistic
    assert found["dual_asset_correlation_20"][-1] == pytest.approx(short, rel=1e-9)
    size = stats.pearsonr(np.abs(move[10:]), premium[10:]).statistic
    assert found["dual_asset_convexity_50"][-1] == pytest.approx(size, rel=1e-9)


def test_the_lead_is_positive_where_premium_follows_the_underlying(compute: Compute) -> None:
    move = np.random.default_rng(4).normal(0, 1e-3, 60)
    underlying = 100 * np.exp(np.cumsum(move))
    straddle = 50 * np.exp(-2 * np.cumsum(np.append(0.0, move[:-1])))
    found = compute(session(flat(straddle), flat(underlying)))
    # the straddle mirrors the minute before: -1 against chance the other way round
    assert found["dual_asset_lead_50"][-1] < -0.7


def test_trend_and_score_of_the_underlying_by_hand(compute: Compute) -> None:
    # 200 warm bars behind EMAs of 100, noise of 1 a minute; one flat bar at 104 after the gap moves each EMA by
    # 4 x 2/(n + 1); yesterday's levels are unknown, so trend .40 and range .25 share the score, range not yet known
    memory = {
        "c5_ema": np.full((2, 4), 100.0),
        "c5_ema_bars": np.full((2, 4), 300.0),
        "c5_noise": np.full((2, 1), 1.0),
        "c5_noise_bars": np.full((2, 1), 300.0),
    }
    ohlc = np.full((10, 4), NAN)
    previous = context(memory=memory, rolling_ohlc=ohlc)
    found = compute(session(flat([100.0]), flat([104.0])), previous)
    trend = np.mean(
        [np.tanh(2 * np.sqrt(2 / np.pi) * 4 * (1 - 2 / (n + 1)) / np.sqrt(n + 1)) for n in (20, 50, 100, 200)]
    )
    assert found["dual_asset_trend_underlying"][0] == pytest.approx(trend)
    assert found["dual_asset_score_underlying"][0] == pytest.approx(trend)
    assert found["dual_asset_alignment_underlying"][0] == 1.0
    # one part of six: its weight .4 x .4, nothing to disagree with
    assert found["dual_asset_score"][0] == pytest.approx(trend)
    assert found["dual_asset_confidence"][0] == pytest.approx(0.16)


def test_premium_per_root_of_time_has_no_trend_while_it_only_decays(compute: Compute) -> None:
    inputs = session(flat([100.0] * 60), flat([109.0] * 60))
    years = (4 - np.arange(60) / 1440) / 365
    decaying = inputs.bars.copy()
    decaying[:, 0, :4] = 1000 * np.sqrt(years)[:, None]
    held = inputs.held.copy()
    held[1:, 0, 0] = decaying[:-1, 0, 3]
    roles = np.repeat(years[:, None], 3, axis=1)
    found = compute(replace(inputs, bars=decaying, held=held, years=roles))
    assert np.abs(found["dual_asset_trend_straddle"][20:]).max() < 1e-6
    assert (found["ema_stretch_straddle_20"][20:] < 0).all()


@pytest.mark.parametrize(
    ("premium", "price", "factor"),
    [(96.0, 104.0, 1.2), (104.0, 96.0, 1.2), (104.0, 104.0, 0.8), (96.0, 96.0, 0.8)],
)
def test_falling_premium_agrees_with_a_rising_underlying(
    compute: Compute, premium: float, price: float, factor: float
) -> None:
    memory = {
        "c5_ema": np.full((2, 4), 100.0),
        "c5_ema_bars": np.full((2, 4), 300.0),
        "c5_premium": np.full((1, 4), 100.0 / np.sqrt(4 / 365)),
        "c5_premium_bars": np.full((1, 4), 300.0),
        "c5_noise": np.array([[10.0 / np.sqrt(4 / 365)], [10.0]]),
        "c5_noise_bars": np.full((2, 1), 300.0),
    }
    found = compute(session(flat([premium]), flat([price])), context(memory=memory, rolling_ohlc=np.full((10, 4), NAN)))
    straddle, underlying = found["dual_asset_score_straddle"][0], found["dual_asset_score_underlying"][0]
    assert np.sign(straddle) == np.sign(100 - premium) and np.sign(underlying) == np.sign(price - 100)
    assert found["dual_asset_score"][0] == pytest.approx(factor * (0.6 * straddle + 0.4 * underlying))
    assert found["dual_asset_disagreement"][0] == pytest.approx(abs(straddle - underlying) / 2)


def test_a_price_of_nothing_but_one_value_gives_no_range_and_no_score(compute: Compute) -> None:
    found = compute(session(flat([100.0] * 60), flat([109.0] * 60)))
    for name in (
        "atr_percent_straddle_14",
        "dual_asset_score",
        "dual_asset_correlation_50",
        "dual_asset_channel_underlying_20",
    ):
        assert np.isnan(found[name]).all(), name
