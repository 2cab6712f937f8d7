"""The embedded market behaves like a market: determinism, regimes, path, and what one session's chain looks like."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mr_platform.errors import CalendarError, UsageError
from mr_platform.lake.digest import table_digest
from mr_platform.market.simulator import path as paths
from mr_platform.market.simulator.generator import (
    SimulatedDay,
    default_sessions,
    generate_sessions,
    replay_path,
    simulate_session,
)
from mr_platform.market.simulator.layout import PLATFORM_CHAIN
from mr_platform.market.simulator.parameters import EmbeddedMarket, load_embedded_market
from mr_platform.market.simulator.timeline import VIX_SYMBOL, Timeline, build_timeline
from schemas.tables import REGIMES

SEED = 20240701
# 2024-07-04 is a Thursday on which NIFTY's weekly contract expires; 07-25 ends its month.
EXPIRY_DAY, PLAIN_DAY = date(2024, 7, 4), date(2024, 7, 8)


@pytest.fixture(scope="module")
def config() -> EmbeddedMarket:
    return load_embedded_market()


@pytest.fixture(scope="module")
def timeline(config: EmbeddedMarket) -> Timeline:
    return build_timeline(config, default_sessions(config), SEED)


@pytest.fixture(scope="module")
def minute_paths(config: EmbeddedMarket, timeline: Timeline) -> np.ndarray:
    """The path at the close of each minute of the 60 sessions [session, symbol, minute, N_PATH]."""
    steps = [replay_path(config, timeline.inputs[day], SEED)[0] for day in sorted(timeline.inputs)]
    return np.stack([path[:, paths.STEPS_PER_MINUTE - 1 :: paths.STEPS_PER_MINUTE] for path in steps])


@pytest.fixture(scope="module")
def regimes(timeline: Timeline) -> np.ndarray:
    """Latent regime of each five-minute bar [session, symbol, bar]."""
    return np.stack([timeline.inputs[day].regime for day in sorted(timeline.inputs)])


@pytest.fixture(scope="module")
def days(config: EmbeddedMarket) -> dict[tuple[str, date], SimulatedDay]:
    made = generate_sessions(config, symbols=["NIFTY", "BANKNIFTY"], sessions=[EXPIRY_DAY, PLAIN_DAY], seed=SEED)
    return {(day.symbol, day.trade_date): day for day in made}


def test_same_seed_same_bytes_and_another_seed_another_market(
    config: EmbeddedMarket, days: dict[tuple[str, date], SimulatedDay]
) -> None:
    (again,) = generate_sessions(config, symbols=["NIFTY"], sessions=[PLAIN_DAY], seed=SEED)
    (other,) = generate_sessions(config, symbols=["NIFTY"], sessions=[PLAIN_DAY], seed=SEED + 1)
    first = days["NIFTY", PLAIN_DAY]
    assert table_digest(again.table) == table_digest(first.table)
    assert table_digest(again.truth) == table_digest(first.truth)
    assert table_digest(again.daily_bars) == table_digest(first.daily_bars)
    assert again.planted == first.planted
    assert table_digest(other.table) != table_digest(first.table)


def test_a_day_does_not_depend_on_the_days_and_symbols_generated_beside_it(
    config: EmbeddedMarket, timeline: Timeline, days: dict[tuple[str, date], SimulatedDay]
) -> None:
    (alone,) = simulate_session(config, timeline.inputs[PLAIN_DAY], ["BANKNIFTY"], SEED)
    assert table_digest(alone.table) == table_digest(days["BANKNIFTY", PLAIN_DAY].table)
    assert alone.planted == days["BANKNIFTY", PLAIN_DAY].planted


def test_as_of_gives_the_bars_closed_by_then_unchanged(
    config: EmbeddedMarket, days: dict[tuple[str, date], SimulatedDay]
) -> None:
    noon = datetime(2024, 7, 8, 12, 2, 30)
    (cut,) = generate_sessions(config, symbols=["NIFTY"], sessions=[PLAIN_DAY], seed=SEED, as_of=noon)
    whole = days["NIFTY", PLAIN_DAY]
    assert str(cut.table["trade_time"][-1]) == "12:01:00"
    assert cut.table.equals(whole.table.slice(0, cut.table.num_rows))
    assert cut.truth.equals(whole.truth.slice(0, cut.truth.num_rows))
    assert cut.truth.num_rows == 33
    assert all(cut.planted[kind] <= count for kind, count in whole.planted.items())
    morning = datetime(2024, 7, 8, 9, 15, 59)
    assert list(generate_sessions(config, symbols=["NIFTY"], sessions=[PLAIN_DAY], seed=SEED, as_of=morning)) == []


def test_every_regime_has_its_share_and_lasts(regimes: np.ndarray) -> None:
    for symbol in range(2):
        shares = np.bincount(regimes[:, symbol].ravel(), minlength=8) / regimes[:, symbol].size
        assert shares.min() >= 0.03
        assert shares.max() <= 0.40
    leader = regimes[:, 0]
    switches = (leader[:, 1:] != leader[:, :-1]).sum(axis=1)
    minutes_per_spell = 375 / (switches.mean() + 1)
    assert 40 <= minutes_per_spell <= 120
    lengths = [run for session in leader for run in np.diff(np.flatnonzero(np.diff(session, prepend=-1, append=-1)))]
    assert min(lengths) >= 4


def test_realised_volatility_follows_the_regimes(
    regimes: np.ndarray, minute_paths: np.ndarray, config: EmbeddedMarket
) -> None:
    spot = minute_paths[:, 0, :, paths.PATH_SPOT]
    shape = paths.session_shape(375, config.market.u_shape).reshape(375, -1).sum(axis=1)
    moves = np.diff(np.log(spot), axis=1) / np.sqrt(shape[1:])
    by_bar = np.sqrt((moves[:, 4:].reshape(60, 74, 5) ** 2).mean(axis=2))
    level = {name: np.mean(by_bar[regimes[:, 0, 1:] == k]) for k, name in enumerate(REGIMES)}
    assert level["LVLD"] < level["VCPE"] * 1.05 < level["SCGS"] * 1.05
    assert level["SCGS"] < level["PSED"] < level["CBV"]
    assert level["TBVE"] > 1.6 * level["TBVS"]
    assert level["HVC"] > 1.5 * level["LVLD"]


def test_trends_run_where_planted_and_symbols_part_in_divergence(regimes: np.ndarray, minute_paths: np.ndarray) -> None:
    closes = np.log(minute_paths[..., paths.PATH_SPOT])
    five = np.diff(closes[:, :, 4::5], axis=2)
    bars = regimes[:, 0, 1:]
    shared = bars == regimes[:, 1, 1:]

    def correlation(name: str) -> float:
        chosen = (bars == REGIMES.index(name)) & shared
        return float(np.corrcoef(five[:, 0][chosen], five[:, 1][chosen])[0, 1])

    assert correlation("SCGS") > 0.9
    assert correlation("PSED") < 0.65
    assert correlation("SCGS") > correlation("CBV") > correlation("PSED") - 0.15
    mean_move = {name: five[:, 0][bars == k].mean() for k, name in enumerate(REGIMES)}
    assert mean_move["SCGS"] > 0 > mean_move["PSED"]


def test_the_two_indices_move_together_and_volatility_rises_when_they_fall(
    timeline: Timeline, minute_paths: np.ndarray
) -> None:
    moves = np.diff(np.log(minute_paths[..., paths.PATH_SPOT]), axis=2)
    assert 0.6 < np.corrcoef(moves[:, 0].ravel(), moves[:, 1].ravel())[0, 1] < 0.95
    assert timeline.names == ("NIFTY", "BANKNIFTY", VIX_SYMBOL)
    returns = np.diff(np.log(timeline.daily[..., 3]), axis=1)
    assert np.corrcoef(returns[0], returns[1])[0, 1] > 0.7
    assert np.corrcoef(returns[0], returns[2])[0, 1] < -0.25
    annual = returns[:2].std(axis=1) * np.sqrt(252)
    assert 0.09 < annual[0] < annual[1] < 0.22
    excess = ((returns[0] - returns[0].mean()) ** 4).mean() / returns[0].var() ** 2
    assert excess > 3.2


def test_moves_and_volume_are_u_shaped_over_the_session(
    minute_paths: np.ndarray, days: dict[tuple[str, date], SimulatedDay]
) -> None:
    moves = np.abs(np.diff(np.log(minute_paths[:, 0, :, paths.PATH_SPOT]), axis=1)).mean(axis=0)
    assert moves[:15].mean() > 1.25 * moves[150:250].mean()
    assert moves[-15:].mean() > 1.08 * moves[150:250].mean()
    shape = paths.session_shape(375, load_embedded_market().market.u_shape)
    assert shape.sum() == pytest.approx(1.0)
    assert shape[0] > shape[-1] > shape[2000]


def test_daily_bars_reach_three_years_back_and_end_before_the_session(
    days: dict[tuple[str, date], SimulatedDay],
) -> None:
    bars = pl.from_arrow(days["BANKNIFTY", EXPIRY_DAY].daily_bars)
    assert set(bars["symbol"]) == {"BANKNIFTY", VIX_SYMBOL}
    assert bars["trade_date"].max() == date(2024, 7, 3)
    assert bars["trade_date"].min() <= EXPIRY_DAY - timedelta(days=3 * 365)
    assert bars.filter(pl.col("symbol") == "BANKNIFTY")["trade_date"].is_duplicated().sum() == 0
    ordered = (pl.col("low") <= pl.min_horizontal("open", "close")) & (
        pl.max_horizontal("open", "close") <= pl.col("high")
    )
    assert bars.filter(~ordered).height == 0
    vix = bars.filter(pl.col("symbol") == VIX_SYMBOL)["close"]
    assert 5 < vix.min() < vix.mean() < 20
    assert vix.max() < 60


def test_the_day_s_open_follows_from_the_daily_close_before_it(
    config: EmbeddedMarket, days: dict[tuple[str, date], SimulatedDay]
) -> None:
    table = pl.from_arrow(days["NIFTY", PLAIN_DAY].table)
    bars = pl.from_arrow(days["NIFTY", PLAIN_DAY].daily_bars).filter(pl.col("symbol") == "NIFTY")
    first = table.filter(pl.col("spot") > 0)["spot"][0]
    assert abs(first / bars["close"][-1] - 1) < 0.03


def test_truth_names_a_regime_for_every_five_minutes(days: dict[tuple[str, date], SimulatedDay]) -> None:
    truth = pl.from_arrow(days["NIFTY", PLAIN_DAY].truth)
    assert truth.height == 75
    assert str(truth["event_ts"][0]) == "2024-07-08 09:15:00+05:30"
    assert str(truth["known_ts"][-1]) == "2024-07-08 15:30:00+05:30"
    assert set(truth["regime"]) <= set(REGIMES)
    assert set(truth["volatility_state"]) <= {"low", "mid", "high"}
    signs = {"LVLD": {0}, "HVC": {0}, "CBV": {0}, "SCGS": {1}, "PSED": {-1}}
    for regime, direction in truth.select("regime", "direction").rows():
        assert direction in signs.get(regime, {-1, 1})


def test_table_has_the_48_columns_sorted_with_18_to_28_thousand_rows(
    days: dict[tuple[str, date], SimulatedDay],
) -> None:
    for day in days.values():
        assert day.table.schema == PLATFORM_CHAIN
        assert day.table.num_columns == 48
        assert 16_000 <= day.table.num_rows <= 28_500
        rows = pl.from_arrow(day.table)
        assert rows.select("trade_time", "expiry_date", "strike").equals(
            rows.select("trade_time", "expiry_date", "strike").sort("trade_time", "expiry_date", "strike")
        )
        near = rows.filter(pl.col("expiry_date") == pl.col("expiry_date").min())
        a_minute = near.group_by("trade_time").agg(pl.col("strike").n_unique().alias("n"))["n"]
        assert 19 <= a_minute.mean() <= 27
        assert a_minute.n_unique() >= 6
        assert 45 <= near["strike"].n_unique() <= 77


def test_history_that_is_too_short_and_dates_without_a_session_are_refused(config: EmbeddedMarket) -> None:
    with pytest.raises(UsageError, match="3 years of daily bars"):
        build_timeline(config, [date(2023, 12, 29)], SEED)
    with pytest.raises(CalendarError, match="2024-07-06"):
        build_timeline(config, [date(2024, 7, 6)], SEED)
    with pytest.raises(UsageError, match="it has NIFTY, BANKNIFTY"):
        list(generate_sessions(config, symbols=["SENSEX"], sessions=[PLAIN_DAY], seed=SEED))
