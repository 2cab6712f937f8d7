"""C1 on bars small enough to work out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mr_platform.features.c1_triple_straddle import (
    PerformanceHistory,
    TimeframeReading,
    apply_rolling_straddle_technical_analysis,
    integrate_multi_timeframe_analysis,
    learn_dte_specific_weights,
)
from mr_platform.features.c1_triple_straddle.component import TripleStraddle, day_constants
from mr_platform.features.c1_triple_straddle.learning import performance
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.engine import compute_features
from mr_platform.features.memory import DailyContext
from mr_platform.features.series import SessionSeries
from mr_platform.market.chain import OptionChainDay
from mr_platform.market.sessions import ORDINARY_WINDOW, Session
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.triple_straddle import TripleStraddleParameters

NAN = float("nan")
TUESDAY = date(2022, 11, 15)


def series(
    closes: list[float], *, volumes: list[float] | None = None, underlying: list[float] | None = None
) -> SessionSeries:
    """All nine series alike: flat bars at ``closes``; no contract was held before."""
    m = len(closes)
    bars = np.full((m, 9, 5), np.nan)
    bars[:, :, :4] = np.array(closes)[:, None, None]
    bars[:, :, 4] = np.array(volumes or [10.0] * m)[:, None]
    under = np.full((m, 5), np.nan)
    under[:, :4] = np.array(underlying or [100.0] * m)[:, None]
    return SessionSeries(
        trade_date=TUESDAY,
        minutes=np.arange(555, 555 + m),
        n_bars=375,
        underlying_kind="spot",
        bars=bars,
        held=np.full((m, 9, 5), np.nan),
        underlying=under,
        dte=np.full(m, 4),
        expiry=np.zeros(m, np.int64),
        strikes=np.zeros((m, 3), np.int64),
        forward=np.full(m, np.nan),
    )


def context(**changes: object) -> DailyContext:
    """Monday's: straddles traded between 90 and 120, last at 105; the underlying between 100 and 110, last at 108."""
    ohlc = np.tile([100.0, 120.0, 90.0, 105.0], (10, 1))
    ohlc[9] = [104.0, 110.0, 100.0, 108.0]
    empty = np.empty(0)
    base = DailyContext(
        symbol="NIFTY",
        trade_date=date(2022, 11, 14),
        underlying="spot",
        dte=5,
        priced_bars=375,
        rolling_ohlc=ohlc,
        session_sums=np.tile([10_000.0, 100.0], (10, 1)),
        week_sums=np.tile([10_000.0, 100.0], (10, 1)),
        ema_value=np.tile([103.0, 102.0, 101.0, 100.0], (9, 1)),
        ema_bars=np.full((9, 4), 375.0),
        slow_ema_value=np.full((3, 4, 4), 100.0),
        slow_ema_bars=np.full((3, 4, 4), 200.0),
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
        bar5_underlying_close=empty,
        bar5_straddle_return=empty,
        bar5_atm_iv=empty,
        memory={},
        known_at=pd.Timestamp("2022-11-14 15:30").to_pydatetime(),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def compute_with(engine: str, inputs: SessionSeries, previous: DailyContext | None) -> np.ndarray:
    """All columns, score, confidence [M, 122]."""
    component = TripleStraddle(engine=engine)
    state = component.begin(SessionStart(TUESDAY, inputs.n_bars, 4, inputs.underlying_kind, previous))
    m = inputs.minutes.size
    out = ComponentOutput.empty(m, 120)
    component.compute(inputs, out, 0, m, state)
    return np.column_stack([out.values, out.score, out.confidence])


@pytest.mark.parametrize("grid", [0.05, 1.0, 15.0])
def test_engines_decide_ties_alike_on_a_coarse_price_grid(grid: float) -> None:
    rng = np.random.default_rng(3)
    prices = np.round((105 + np.cumsum(rng.normal(0, 2, 300))) / grid) * grid
    prices[rng.random(300) < 0.1] = NAN
    inputs = series(prices.tolist(), volumes=rng.integers(0, 3, 300).astype(float).tolist())
    fast, slow = (compute_with(engine, inputs, context()) for engine in ("cpu", "reference"))
    np.testing.assert_allclose(fast, slow, rtol=1e-9, atol=1e-12)


@pytest.fixture(params=["cpu", "reference"])
def compute(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    """Features by name, each [M], for a series and a previous context, on either engine."""

    def run(inputs: SessionSeries, previous: DailyContext | None = None) -> dict[str, np.ndarray]:
        component = TripleStraddle(engine=request.param)
        state = component.begin(SessionStart(TUESDAY, inputs.n_bars, 4, inputs.underlying_kind, previous))
        m = inputs.minutes.size
        out = ComponentOutput.empty(m, 120)
        component.compute(inputs, out, 0, m, state)
        named = {spec.name.removeprefix("c1_"): out.values[:, i] for i, spec in enumerate(component.features)}
        return named | {"score": out.score, "confidence": out.confidence, "health": out.health}

    return run


def test_ema_continues_from_the_previous_session(compute) -> None:
    found = compute(series([110.0]), context())
    # EMA20 = 103 + 2/21 * 7 = 103.6667, EMA200 = 100 + 2/201 * 10 = 100.0995
    assert found["ema_deviation_atm_20"][0] == pytest.approx(110 / (103 + 14 / 21) - 1)
    assert found["ema_deviation_atm_200"][0] == pytest.approx(110 / (100 + 20 / 201) - 1)
    assert [found[f"ema_{part}_atm"][0] for part in ("short", "medium", "long", "trend")] == [1, 1, 1, 1]
    assert found["ema_score_atm"][0] == pytest.approx(1.0)


def test_ema_score_is_half_the_sign_where_the_order_is_broken(compute) -> None:
    emas = np.tile([100.0, 101.0, 102.0, 103.0], (9, 1))
    found = compute(series([110.0]), context(ema_value=emas))
    # the price is above EMA20, which is below EMA50: short is +0.5; the rest is in falling order
    assert found["ema_short_atm"][0] == 0.5
    assert found["ema_medium_atm"][0] == -1.0 and found["ema_long_atm"][0] == -1.0
    assert found["ema_score_atm"][0] == pytest.approx(0.30 * 0.5 - 0.30 - 0.25 - 0.15)


def test_ema_without_a_previous_session_starts_at_the_first_price_and_warms_up(compute) -> None:
    prices = [100.0 + (i % 7) for i in range(60)]
    found = compute(series(prices))
    oracle = pd.Series(prices).ewm(span=20, adjust=False).mean().to_numpy()
    assert np.isnan(found["ema_deviation_atm_20"][:19]).all()
    np.testing.assert_allclose(found["ema_deviation_atm_20"][19:], np.array(prices)[19:] / oracle[19:] - 1, atol=1e-12)
    assert np.isnan(found["ema_deviation_atm_100"]).all()


def test_ema_holds_over_a_minute_without_a_price(compute) -> None:
    with_gap = compute(series([110.0, NAN, 112.0]), context())
    without = compute(series([110.0, 112.0]), context())
    assert np.isnan(with_gap["ema_deviation_atm_20"][1])
    assert with_gap["ema_deviation_atm_20"][2] == without["ema_deviation_atm_20"][1]


def test_ema_neighbours_within_one_percent_are_a_confluence(compute) -> None:
    emas = np.tile([100.0, 100.5, 104.0, 104.5], (9, 1))
    found = compute(series([102.0]), context(ema_value=emas, ema_bars=np.full((9, 4), 1e6)))
    assert found["ema_confluence_atm"][0] == pytest.approx(2 / 3)


def test_vwap_of_session_previous_and_week(compute) -> None:
    found = compute(series([100.0, 104.0], volumes=[10.0, 30.0]), context())
    # session (1000 + 3120) / 40 = 103; previous 100; week (10000 + 4120) / 140 = 100.857
    assert found["vwap_deviation_atm_session"][1] == pytest.approx(104 / 103 - 1)
    assert found["vwap_deviation_atm_previous"][1] == pytest.approx(0.04)
    assert found["vwap_deviation_atm_week"][1] == pytest.approx(104 / (14_120 / 140) - 1)
    assert found["vwap_score_atm"].tolist() == [0.0, 0.3]
    assert found["vwap_cross_age_atm"].tolist() == [0.0, 1.0]


def test_vwap_of_the_week_starts_afresh_on_monday() -> None:
    settings = defaults(TripleStraddleParameters)
    friday, monday = context(trade_date=date(2022, 11, 11)), date(2022, 11, 14)
    for previous in (friday, None):
        start = SessionStart(monday, 375, 1, "spot", previous)
        assert (day_constants(settings, start).week_sums == 0.0).all()


@pytest.mark.parametrize(
    "previous",
    [
        None,  # nothing known before
        context(trade_date=date(2022, 11, 11)),  # Monday's session is missing
        context(week_sums=np.full((10, 2), np.nan)),  # Monday's did not know its own
    ],
)
def test_a_week_with_a_session_missing_has_no_vwap(compute, previous) -> None:
    found = compute(series([100.0, 104.0], volumes=[10.0, 30.0]), previous)
    assert np.isfinite(found["vwap_deviation_atm_session"]).all()
    assert np.isnan(found["vwap_deviation_atm_week"]).all()


def test_holidays_are_no_missing_sessions() -> None:
    monday = context(trade_date=date(2022, 11, 7))  # Tuesday the 8th was a holiday
    start = SessionStart(date(2022, 11, 9), 375, 1, "spot", monday)
    assert (day_constants(defaults(TripleStraddleParameters), start).week_sums == [10_000.0, 100.0]).all()


def test_vwap_leaves_out_bars_without_volume_and_is_unknown_while_there_is_none(compute) -> None:
    found = compute(series([100.0, 104.0, 108.0], volumes=[NAN, 30.0, 0.0]))
    assert np.isnan(found["vwap_deviation_atm_session"][0])
    assert found["vwap_deviation_atm_session"][2] == pytest.approx(108 / 104 - 1)


def test_a_window_needs_four_fifths_of_its_bars(compute) -> None:
    prices = [100.0 + i for i in range(16)]
    assert np.isnan(compute(series(prices))["vwap_deviation_atm_rolling_20"][:15]).all()
    mean = 107.5
    assert compute(series(prices))["vwap_deviation_atm_rolling_20"][15] == pytest.approx(115 / mean - 1)
    prices[3] = NAN
    assert np.isnan(compute(series(prices))["vwap_deviation_atm_rolling_20"]).all()


@pytest.mark.parametrize(
    ("price", "score", "up", "down"),
    [
        # PP 105, R1 120, R2 135, R3 150, S1 90, S2 75, S3 60
        (112.0, 0.3, 120 / 112 - 1, 1 - 105 / 112),
        (121.0, 0.6, 135 / 121 - 1, 1 - 120 / 121),
        (136.0, 0.8, 150 / 136 - 1, 1 - 135 / 136),
        (151.0, 1.0, NAN, 1 - 150 / 151),
        (105.0, -0.3, 120 / 105 - 1, 0.0),
        (80.0, -0.6, 90 / 80 - 1, 1 - 75 / 80),
        (70.0, -0.8, 75 / 70 - 1, 1 - 60 / 70),
        (59.0, -1.0, 60 / 59 - 1, NAN),
    ],
)
def test_pivot_ladder(compute, price: float, score: float, up: float, down: float) -> None:
    found = compute(series([price]), context())
    assert found["pivot_score_atm"][0] == score
    assert found["pivot_resistance_atm"][0] == pytest.approx(up, nan_ok=True)
    assert found["pivot_support_atm"][0] == pytest.approx(down, nan_ok=True)
    assert found["pivot_position_atm"][0] == pytest.approx((price - 105) / 30)
    nearest = down if np.isnan(up) or down <= up else -up
    assert found["pivot_nearest_atm"][0] == pytest.approx(nearest)


def test_pivots_are_unknown_without_a_previous_session(compute) -> None:
    found = compute(series([100.0]))
    assert np.isnan(found["pivot_score_atm"][0]) and np.isnan(found["pivot_cpr_width"][0])


@pytest.mark.parametrize(
    ("close", "at", "distance", "score"),
    [
        # high 110, low 100, close 108: PP 106, BC 105, TC 107: width 1.89 %
        (108.0, 109.0, 2 / 106, 0.5),
        (108.0, 106.0, 0.0, 0.0),
        (108.0, 104.0, -1 / 106, -0.5),
        # close 105.3: PP 105.1, from 105.0 to 105.2: width 0.19 %, narrow
        (105.3, 106.2, 1 / 105.1, 0.8),
        (105.3, 104.0, -1 / 105.1, -0.8),
    ],
)
def test_central_pivot_range_of_the_underlying(compute, close: float, at: float, distance: float, score: float) -> None:
    previous = context()
    previous.rolling_ohlc[9, 3] = close
    found = compute(series([100.0], underlying=[at]), previous)
    pp = (210 + close) / 3
    assert found["pivot_cpr_width"][0] == pytest.approx(100 * abs(2 * pp - 210) / pp)
    assert found["pivot_cpr_distance"][0] == pytest.approx(distance)
    assert found["pivot_cpr_score"][0] == score


def test_pivot_levels_crossed_in_fifteen_bars_are_signed(compute) -> None:
    found = compute(series([80.0] + [100.0] * 14 + [121.0, 121.0, 104.0]), context())
    # from 80 over S1 90, PP 105 and R1 120 to 121; then 100 to 121 over two of them; 100 to 104 over none
    assert np.isnan(found["pivot_crossings_atm_15"][14])
    assert found["pivot_crossings_atm_15"][15:].tolist() == [3.0, 2.0, 0.0]


def test_timeframe_quality(compute) -> None:
    found = compute(series([100.0, 100.0, 100.0], volumes=[5.0, 0.0, 5.0]))
    assert found["timeframe_quality_atm_3"][2] == pytest.approx(0.4 + 0.3 + 0.3 * 2 / 3)
    # of five minutes three were there
    assert found["timeframe_quality_atm_5"][2] == pytest.approx(0.4 * 3 / 5 + 0.3 + 0.3 * 2 / 5)


def test_timeframe_ema_takes_in_the_unfinished_bar_at_its_last_price(compute) -> None:
    emas = np.full((3, 4, 4), 100.0)
    emas[:, :, 1] = 99.0
    emas[:, :, 2] = 98.0
    emas[:, :, 3] = 97.0
    previous = context(slow_ema_value=emas, rolling_ohlc=np.full((10, 4), np.nan))
    found = compute(series([101.0, 101.0, 101.0], volumes=[NAN, NAN, NAN]), previous)
    # price above all four EMAs in order, no VWAP and no pivots: the score is the EMA score alone
    assert found["timeframe_score_atm_3"][2] == 1.0
    assert found["timeframe_weighted_score_atm"][2] == 1.0
    assert found["timeframe_confidence_atm"][2] == 1.0


def test_overlay_weighs_techniques_by_days_to_expiry(compute) -> None:
    found = compute(series([112.0]), context())
    # at 4 days: EMA .225, VWAP .315, pivot .46; scores 1, 0 and .3
    assert found["timeframe_overlay_atm"][0] == pytest.approx(0.225 + 0.46 * 0.3)
    # all nine series alike, and the correlation factor is not there yet
    assert found["score"][0] == pytest.approx(0.225 + 0.46 * 0.3)
    assert found["health"][0] == 2


@pytest.mark.parametrize(
    ("dte", "weights"),
    [(0, (0.05, 0.15, 0.80)), (4, (0.225, 0.315, 0.46)), (12, (0.34, 0.36, 0.30)), (200, (0.60, 0.28, 0.12))],
)
def test_technique_weights_are_linear_between_anchors(dte: int, weights: tuple[float, float, float]) -> None:
    assert defaults(TripleStraddleParameters).technique_weights(dte) == pytest.approx(weights)


def roll_core() -> pa.Table:
    """Two minutes, strikes 50 apart; the forward moves from 18,000 to 18,050, and ATM with it."""
    rows = []
    for minute, forward in ((0, 18_000.0), (1, 18_050.0)):
        for strike in np.arange(17_800.0, 18_251.0, 50.0):
            gap = forward - strike
            close = {"ce": max(gap, 0.0) + 40.0 + minute, "pe": max(-gap, 0.0) + 40.0 + minute}
            row: dict[str, object] = {
                "ts": pd.Timestamp("2022-11-15 09:15", tz="Asia/Kolkata") + pd.Timedelta(minutes=minute),
                "expiry": date(2022, 11, 17),
                "strike": strike,
                "spot": forward,
            }
            for leg, price in close.items():
                row |= {f"{leg}_{name}": price for name in ("open", "high", "low", "close")}
                row |= {f"{leg}_volume": 50, f"{leg}_oi": 50, f"{leg}_iv": 0.15}
            row |= {f"future_{name}": None for name in ("open", "high", "low", "close", "volume", "oi")}
            rows.append(row)
    table = pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
    for i, name in enumerate(table.column_names):
        if name.startswith("future_"):
            table = table.set_column(i, name, table[name].cast(pa.float64()))
    return table.replace_schema_metadata({b"symbol": b"NIFTY", b"underlying": b"spot"})


def test_a_roll_of_the_strike_is_not_a_return() -> None:
    from mr_platform.features.inputs import session_inputs

    session = Session(TUESDAY, "ordinary", (ORDINARY_WINDOW,))
    found = session_inputs(OptionChainDay.from_core(roll_core(), session), session.n_bars, passes=())
    # levels roll: the ATM straddle cost 80 at 18,000, and costs 82 at 18,050
    assert found.bars[:2, 0, 3].tolist() == [80.0, 82.0]
    # the contract held at the second minute (18,050) cost 50 + 40 + 40 = 130 a minute before
    assert np.isnan(found.held[0, 0, 0]) and found.held[1, 0, 0] == 130.0
    # ITM1 is one step below, OTM1 one above
    assert found.bars[0, 4, 3] == 90.0 and found.bars[0, 5, 3] == 40.0


def test_a_contract_keeps_its_last_known_close_over_a_missing_minute() -> None:
    core = roll_core()
    third = core.slice(core.num_rows // 2).to_pandas()
    third["ts"] += pd.Timedelta(minutes=2)
    late = pa.Table.from_pandas(third, schema=core.schema, preserve_index=False)
    from mr_platform.features.inputs import session_inputs

    session = Session(TUESDAY, "ordinary", (ORDINARY_WINDOW,))
    both = pa.concat_tables([core, late])
    found = session_inputs(OptionChainDay.from_core(both, session), session.n_bars, passes=())
    assert np.isnan(found.bars[2, 0, 3])
    assert found.held[3, 0, 0] == 82.0


def test_features_of_an_evening_session_cover_its_bars() -> None:
    from datetime import time

    session = Session(TUESDAY, "muhurat", ((time(9, 15), time(9, 17)),))
    frame = compute_features(roll_core(), session, components=("c1",))
    assert frame.minutes.tolist() == [555, 556] and frame.values.shape == (2, 120)


@pytest.mark.parametrize(("dte", "seen"), [(365, 365), (366, -1)])
def test_the_nearest_expiry_counts_up_to_a_year_ahead(dte: int, seen: int) -> None:
    rows = roll_core()
    expiry = pa.array([TUESDAY + timedelta(days=dte)] * rows.num_rows)
    rows = rows.set_column(rows.schema.get_field_index("expiry"), "expiry", expiry)
    frame = compute_features(rows, Session(TUESDAY, "ordinary", (ORDINARY_WINDOW,)), until=556)
    assert frame.dte.tolist() == [seen, seen]
    assert np.isfinite(frame.score("c1")).tolist() == [seen > 0] * 2


def test_technical_scores_of_given_prices() -> None:
    bars = np.array([[112.0, 112.0, 112.0, 112.0, 10.0]])
    found = apply_rolling_straddle_technical_analysis(bars, dte=4, previous=context())
    assert (found.ema, found.vwap, found.pivot) == (1.0, 0.0, 0.3)
    assert found.overlay == pytest.approx(0.225 + 0.46 * 0.3)


def test_timeframes_are_weighed_by_weight_and_quality() -> None:
    found = integrate_multi_timeframe_analysis(
        [TimeframeReading(3, 1.0, 0.5), TimeframeReading(5, 0.0, 1.0), TimeframeReading(10, NAN, 1.0)]
    )
    assert found.score == pytest.approx(0.5 / 1.5)
    assert found.confidence == pytest.approx(0.75)


def test_performance_of_a_series_of_returns() -> None:
    returns = np.log([1.10, 0.90, 1.05])
    sharpe = returns.mean() / returns.std() * np.sqrt(252)
    factor = (np.log(1.10) + np.log(1.05)) / -np.log(0.90)
    expected = 0.35 * sharpe + 0.25 * 0.90 + 0.20 * 2 / 3 + 0.20 * factor / 5
    assert performance(returns, defaults(TripleStraddleParameters).performance) == pytest.approx(expected)


def test_weights_stay_equal_until_there_are_ten_sessions() -> None:
    returns = np.random.default_rng(0).normal(0.01, 0.02, (9, 10))
    found = learn_dte_specific_weights(2, PerformanceHistory([2] * 9, returns))
    assert set(found.weights.values()) == {0.1}


def test_weights_move_to_the_better_component_by_small_steps_and_stay_in_bounds() -> None:
    rng = np.random.default_rng(1)
    returns = rng.normal(0.0, 0.02, (60, 10))
    returns[:, 4] += 0.03
    short = learn_dte_specific_weights(2, PerformanceHistory([2] * 10, returns[:10])).weights
    long = learn_dte_specific_weights(2, PerformanceHistory([2] * 60, returns)).weights
    assert 0.1 < short["itm1_ce"] <= 0.12 + 1e-12 < long["itm1_ce"] <= 0.25
    assert sum(long.values()) == pytest.approx(1.0)
    assert all(0.05 - 1e-12 <= w <= 0.25 + 1e-12 for w in long.values())


def test_the_weaker_of_two_redundant_components_earns_no_share() -> None:
    rng = np.random.default_rng(2)
    returns = rng.normal(0.01, 0.02, (40, 10))
    returns[:, 1] = returns[:, 0] - 0.001
    weights = learn_dte_specific_weights(20, PerformanceHistory([20] * 40, returns)).weights
    assert weights["itm1_straddle"] < 0.1 and weights["itm1_straddle"] == min(weights.values())
