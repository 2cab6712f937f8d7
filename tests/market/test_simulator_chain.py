"""The simulated chain: prices without arbitrage, bars that fit the path, open interest and volume, expiries, flaws."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import date

import numpy as np
import polars as pl
import pytest

from mr_platform.kernels.cpu import black76
from mr_platform.market.instruments import instrument
from mr_platform.market.sessions import nse_calendar
from mr_platform.market.simulator import path as paths
from mr_platform.market.simulator.chain import SymbolSession, expiry_inputs, expiry_life, listed_strikes
from mr_platform.market.simulator.dirt import FLAWS
from mr_platform.market.simulator.expiries import listed_contracts
from mr_platform.market.simulator.flow import life_level
from mr_platform.market.simulator.generator import SymbolDay, describe_session, replay_path, simulate_session
from mr_platform.market.simulator.parameters import EmbeddedMarket, load_embedded_market
from mr_platform.market.simulator.surface import smile_variance
from mr_platform.market.simulator.timeline import Timeline, build_timeline
from mr_platform.market.simulator.trades import fair_premiums, quotes
from mr_platform.quality.rules import validate
from schemas.tables import CORE_OPTION_CHAIN

SEED = 20240701
TUESDAY, WEDNESDAY, THURSDAY = date(2024, 7, 2), date(2024, 7, 3), date(2024, 7, 4)
CLOSES = slice(paths.STEPS_PER_MINUTE - 1, None, paths.STEPS_PER_MINUTE)


@pytest.fixture(scope="module")
def config() -> EmbeddedMarket:
    return load_embedded_market()


@pytest.fixture(scope="module")
def timeline(config: EmbeddedMarket) -> Timeline:
    return build_timeline(config, [TUESDAY, WEDNESDAY, THURSDAY], SEED)


@pytest.fixture(scope="module")
def nifty(config: EmbeddedMarket, timeline: Timeline) -> SymbolSession:
    inputs = timeline.inputs[WEDNESDAY]
    path, shape = replay_path(config, inputs, SEED)
    return describe_session(config, inputs, "NIFTY", path, shape, SEED)


@pytest.fixture(scope="module")
def made(config: EmbeddedMarket, timeline: Timeline) -> dict[date, SymbolDay]:
    return {day: simulate_session(config, timeline.inputs[day], ["NIFTY"], SEED)[0] for day in timeline.inputs}


@pytest.fixture(scope="module")
def clean(made: dict[date, SymbolDay]) -> pl.DataFrame:
    """Rows of the Wednesday without a planted flaw that shows in a price."""
    rows = pl.from_arrow(made[WEDNESDAY].table).filter((pl.col("spot") > 0) & (pl.col("ce_low") <= pl.col("ce_high")))
    return rows.filter(pl.col("pe_low") <= pl.col("pe_high")).unique(
        ["trade_time", "expiry_date", "strike"], maintain_order=True
    )


def test_no_butterfly_or_calendar_arbitrage_at_any_time_of_the_day(
    nifty: SymbolSession, config: EmbeddedMarket
) -> None:
    inputs = [expiry_inputs(nifty, contract, config) for contract in nifty.contracts]
    spot = nifty.path[0, paths.PATH_SPOT]
    k = np.linspace(-0.15, 0.15, 301)
    for step in (0, 700, 2500, 4300):
        for entry in inputs:
            forward = entry.forward[step]
            strikes = forward * np.exp(k)
            at = np.full(k.size, step)
            call, put = fair_premiums(entry, at, strikes)
            slope = np.diff(call) / np.diff(strikes)
            assert np.all(np.diff(slope) > -1e-9)
            assert np.all((slope <= 1e-9) & (slope >= -entry.discount[step] - 1e-9))
            assert np.all(call >= np.maximum(entry.discount[step] * (forward - strikes), 0) - 1e-9)
            assert np.all(put >= np.maximum(entry.discount[step] * (strikes - forward), 0) - 1e-9)
        variances = [smile_variance(k, e.theta[[step]], e.rho[[step]], e.eta) for e in inputs]
        for nearer, later in itertools.pairwise(variances):
            assert np.all(later > nearer)
    assert spot > 10_000


def test_density_of_the_smile_is_positive_where_gatheral_s_function_says_so(
    nifty: SymbolSession, config: EmbeddedMarket
) -> None:
    # g(k) of Gatheral and Jacquier (2014), equation 2.1, by central differences
    k, h = np.linspace(-0.3, 0.3, 241), 1e-4
    entry = expiry_inputs(nifty, nifty.contracts[0], config)
    theta, rho = entry.theta[[100]], entry.rho[[100]]

    def w(x: np.ndarray) -> np.ndarray:
        return smile_variance(x, theta, rho, entry.eta)

    first, second = (w(k + h) - w(k - h)) / (2 * h), (w(k + h) - 2 * w(k) + w(k - h)) / h**2
    g = (1 - k * first / (2 * w(k))) ** 2 - first**2 / 4 * (1 / w(k) + 0.25) + second / 2
    assert g.min() > 0


def test_fair_premiums_are_discounted_black76_at_the_smile_s_volatility(
    nifty: SymbolSession, config: EmbeddedMarket
) -> None:
    entry = expiry_inputs(nifty, nifty.contracts[1], config)
    step, strike = np.array([1200]), np.array([round(entry.forward[1200] / 50) * 50 - 200.0])
    variance = smile_variance(np.log(strike / entry.forward[step]), entry.theta[step], entry.rho[step], entry.eta)
    volatility = np.sqrt(variance / entry.years[step])
    call, put = fair_premiums(entry, step, strike)
    arguments = (entry.forward[step], strike, entry.years[step], volatility)
    assert call == pytest.approx(entry.discount[step] * black76.price(*arguments, np.array([0])), rel=1e-9)
    assert put == pytest.approx(entry.discount[step] * black76.price(*arguments, np.array([1])), rel=1e-9)


def test_mids_keep_put_call_parity_and_quotes_stand_on_ticks(nifty: SymbolSession, config: EmbeddedMarket) -> None:
    entry = expiry_inputs(nifty, nifty.contracts[0], config)
    strikes = listed_strikes(entry.forward[0], 50.0, config)
    step = np.full(strikes.size, 2000)
    call, put = fair_premiums(entry, step, strikes)
    parity = entry.discount[2000] * (entry.forward[2000] - strikes)
    mids = []
    for premium, intrinsic in ((call, np.maximum(parity, 0)), (put, np.maximum(-parity, 0))):
        bid, ask = quotes(premium, intrinsic, 0.05)
        assert np.all(bid < ask) or np.all(bid <= ask)
        assert np.all(bid >= 0.05)
        assert np.allclose(np.round(bid / 0.05), bid / 0.05, atol=1e-9)
        mids.append((bid + ask) / 2)
    near = np.abs(strikes - entry.forward[2000]) <= 400
    assert np.abs(mids[0] - mids[1] - parity)[near].max() <= 0.1


def test_parity_forward_of_the_month_s_contract_is_the_listed_future(clean: pl.DataFrame) -> None:
    month = clean.filter(pl.col("expiry_bucket") == "CM").drop_nulls(["ce_close", "pe_close"])
    near = month.filter((pl.col("strike") - pl.col("spot")).abs() <= 250)
    forward = near.group_by("trade_time").agg(
        (pl.col("strike") + pl.col("ce_close") - pl.col("pe_close")).median().alias("forward"),
        pl.col("future_close").first(),
        pl.col("spot").first(),
    )
    gap = (forward["forward"] / forward["future_close"] - 1).abs()
    assert gap.median() < 0.0003
    assert gap.quantile(0.99) < 0.002
    assert ((forward["future_close"] / forward["spot"] - 1).mean() or 0) == pytest.approx(0.052 * 22 / 365, abs=6e-4)


def test_bars_are_ordered_on_ticks_and_consistent_with_the_path_inside_the_minute(
    clean: pl.DataFrame, nifty: SymbolSession, config: EmbeddedMarket
) -> None:
    for leg in ("ce", "pe"):
        bars = clean.filter(pl.col(f"{leg}_close").is_not_null())
        low, high = pl.col(f"{leg}_low"), pl.col(f"{leg}_high")
        assert bars.filter((low > pl.min_horizontal(f"{leg}_open", f"{leg}_close")) | (low <= 0)).height == 0
        assert bars.filter(high < pl.max_horizontal(f"{leg}_open", f"{leg}_close")).height == 0
        ticks = bars[f"{leg}_close"].to_numpy() / 0.05
        assert np.allclose(ticks, np.round(ticks), atol=1e-6)
    contract = nifty.contracts[0]
    entry = expiry_inputs(nifty, contract, config)
    minute = 120
    rows = clean.filter(
        (pl.col("expiry_date") == contract.expiry)
        & (pl.col("trade_time").dt.hour().cast(pl.Int32) * 60 + pl.col("trade_time").dt.minute() == 555 + minute)
        & ((pl.col("strike") - pl.col("spot")).abs() <= 100)
    )
    assert rows.height >= 3
    steps = np.arange(minute * 12, minute * 12 + 12)
    for strike, low, high in rows.select("strike", "ce_low", "ce_high").rows():
        fair, _ = fair_premiums(entry, steps, np.full(12, strike))
        slack = 0.12 + 0.003 * fair.max()
        assert fair.min() - slack <= low <= high <= fair.max() + slack
        assert high - low >= 0.5 * (fair.max() - fair.min())


def test_vendor_volatility_reproduces_the_close(
    clean: pl.DataFrame, nifty: SymbolSession, config: EmbeddedMarket
) -> None:
    near = clean.filter((pl.col("call_strike_type") == "ATM") & pl.col("ce_iv").is_between(0.01, 1.0))
    near = near.filter(pl.col("expiry_bucket") == "CM")
    entry = expiry_inputs(nifty, nifty.contracts[-1], config)
    minute = (near["trade_time"].dt.hour().cast(pl.Int32) * 60 + near["trade_time"].dt.minute() - 555).to_numpy()
    end = minute * 12 + 11
    price = entry.discount[end] * black76.price(
        entry.forward[end], near["strike"].to_numpy(), entry.years[end], near["ce_iv"].to_numpy(), np.zeros(end.size)
    )
    assert np.abs(price - near["ce_close"].to_numpy()).max() < 0.3
    assert near["ce_delta"].is_between(0.3, 0.75).all()
    assert (near["ce_theta"] < 0).all()


def test_open_interest_is_whole_contracts_moves_every_three_minutes_and_carries_overnight(
    made: dict[date, SymbolDay],
) -> None:
    frames = {day: pl.from_arrow(entry.table).filter(pl.col("spot") > 0) for day, entry in made.items()}
    day = frames[WEDNESDAY]
    lot = instrument("NIFTY").lot_size(WEDNESDAY, THURSDAY)
    for leg in ("ce", "pe"):
        held = day[f"{leg}_oi"].drop_nulls()
        assert held.min() >= 0
        assert (held % lot).sum() == 0
        assert day[f"{leg}_volume"].drop_nulls().min() >= 0
        assert (day[f"{leg}_volume"].drop_nulls() % lot).sum() == 0
    atm = day.filter(pl.col("expiry_date") == THURSDAY).group_by("strike").len().sort("len")["strike"][-1]
    series = day.filter((pl.col("strike") == atm) & (pl.col("expiry_date") == THURSDAY)).sort("trade_time")
    minute = (series["trade_time"].dt.hour().cast(pl.Int32) * 60 + series["trade_time"].dt.minute()).to_numpy()
    moved = np.flatnonzero(np.diff(series["pe_oi"].to_numpy()) != 0) + 1
    assert moved.size > 60
    assert np.mean((minute[moved] - 555) % 3 == 2) > 0.95
    # what Wednesday ended with is what Thursday's changes are counted from
    start = frames[THURSDAY].with_columns(base=pl.col("pe_oi") - pl.col("pe_coi")).drop_nulls("base")
    start = start.group_by("expiry_date", "strike").agg(pl.col("base").first())
    last = day.filter(pl.col("trade_time").dt.hour() == 15, pl.col("trade_time").dt.minute() == 29)
    both = last.join(start, on=["expiry_date", "strike"])
    assert both.height > 20
    assert (both["pe_oi"] - both["base"]).abs().max() <= lot


def test_open_interest_gathers_out_of_the_money_and_rolls_to_the_next_expiry(
    made: dict[date, SymbolDay], nifty: SymbolSession
) -> None:
    day = pl.from_arrow(made[WEDNESDAY].table).filter(pl.col("spot") > 0, pl.col("expiry_bucket") == "CW")
    total = day.group_by("strike").agg(pl.col("ce_oi").median(), pl.col("pe_oi").median(), pl.col("spot").first())
    above, below = total.filter(pl.col("strike") > pl.col("spot")), total.filter(pl.col("strike") < pl.col("spot"))
    assert above["ce_oi"].sum() > 2 * below["ce_oi"].sum()
    assert below["pe_oi"].sum() > 2 * above["pe_oi"].sum()
    near, following = (expiry_life(nifty, contract) for contract in nifty.contracts[:2])
    progress = np.array([0.0, 1.0])
    assert near.sessions_left == 2
    assert life_level(following, progress)[1] > life_level(following, progress)[0]
    ending = life_level(type(near)(monthly=False, sessions_left=1, before_left=0), np.array([0.0, 0.3, 1.0]))
    assert ending[0] > ending[2]


def test_volume_peaks_at_the_money_and_after_the_open(made: dict[date, SymbolDay]) -> None:
    rows = pl.from_arrow(made[WEDNESDAY].table).filter(pl.col("spot") > 0, pl.col("expiry_bucket") == "CW")
    depth = ((pl.col("strike") - pl.col("spot")).abs() / 50).round()
    by_depth = (
        rows.with_columns(depth=depth).group_by("depth").agg(pl.col("ce_volume", "pe_volume").mean()).sort("depth")
    )
    assert by_depth["ce_volume"][0] > 3 * by_depth["ce_volume"][12]
    busy = np.stack([_volume_by_minute(made[day]) for day in made]).mean(axis=0)
    assert busy[:15].mean() > 1.3 * busy[120:240].mean()


def _volume_by_minute(day: SymbolDay) -> np.ndarray:
    rows = pl.from_arrow(day.table)
    minute = rows["trade_time"].dt.hour().cast(pl.Int32) * 60 + rows["trade_time"].dt.minute() - 555
    volume = (rows["ce_volume"].fill_null(0) + rows["pe_volume"].fill_null(0)).to_numpy()
    sums = np.bincount(minute.to_numpy(), volume, minlength=375)
    return sums / sums.mean()


@pytest.mark.parametrize(
    ("symbol", "day", "expected"),
    [
        ("NIFTY", date(2024, 7, 2), ["2024-07-04 CW", "2024-07-11 NW", "2024-07-25 CM"]),
        ("BANKNIFTY", date(2024, 7, 11), ["2024-07-16 CW", "2024-07-24 NW", "2024-07-31 CM"]),  # the 17th is a holiday
        ("NIFTY", date(2024, 7, 25), ["2024-07-25 CM", "2024-08-01 NW", "2024-08-29 NM"]),
        ("BANKNIFTY", date(2024, 11, 12), ["2024-11-13 CW", "2024-11-27 CM", "2024-12-24 NM"]),
        ("BANKNIFTY", date(2024, 11, 14), ["2024-11-27 CM", "2024-12-24 NM", "2025-01-30 NM"]),  # Christmas
        ("NIFTY", date(2025, 8, 28), ["2025-08-28 CM", "2025-09-02 NW", "2025-09-30 NM"]),
        ("NIFTY", date(2025, 9, 3), ["2025-09-09 CW", "2025-09-16 NW", "2025-09-30 CM"]),
        ("BANKNIFTY", date(2024, 2, 27), ["2024-02-29 CM", "2024-03-06 NW", "2024-03-27 NM"]),
    ],
)
def test_listed_expiries_follow_the_exchange_s_dated_rules(
    config: EmbeddedMarket, symbol: str, day: date, expected: list[str]
) -> None:
    found = listed_contracts(day, config.weekly[symbol], config.monthly[symbol], nse_calendar())
    assert [f"{contract.expiry} {contract.bucket}" for contract in found] == expected


def test_validation_finds_exactly_the_planted_flaws(made: dict[date, SymbolDay]) -> None:
    caught = {"key_duplicate", "both_legs_empty", "low_above_high", "iv_out_of_range", "frozen_snapshot"}
    for day, entry in made.items():
        verdict = validate(
            _core_bars(entry, day),
            session=nse_calendar().session(day),
            instrument=instrument("NIFTY"),
            trade_date=day,
        )
        assert verdict.status == "ok"
        for code in caught:
            assert verdict.counts[code] == entry.planted[code], (day, code)
        refused = {"key_duplicate", "both_legs_empty", "low_above_high"}
        others = ["below_intrinsic", "above_forward", "strike_off_grid", "close_outside_range", "negative_value"]
        assert {code: verdict.counts[code] for code in others} == dict.fromkeys(others, 0)
        assert verdict.refused.height == sum(entry.planted[code] for code in refused)
        assert entry.planted["key_duplicate"] > 0
        assert verdict.coverage == pytest.approx(1 - entry.planted["minute_missing"] / 375, abs=1e-9)


def test_validation_finds_a_frozen_chain_and_a_halt_too(config: EmbeddedMarket, timeline: Timeline) -> None:
    dirty = dataclasses.replace(config, dirt=dataclasses.replace(config.dirt, stale_repeat=0.2, partial_session=0.2))
    halted = 0
    for day, inputs in timeline.inputs.items():
        (entry,) = simulate_session(dirty, inputs, ["NIFTY"], SEED)
        verdict = validate(
            _core_bars(entry, day), session=nse_calendar().session(day), instrument=instrument("NIFTY"), trade_date=day
        )
        assert verdict.counts["frozen_snapshot"] == entry.planted["frozen_snapshot"] > 0
        assert verdict.counts["coverage_low"] == int(entry.planted["minute_missing"] > 0.05 * 375)
        halted += entry.planted["partial_session"]
    assert halted <= 3


def test_planted_counts_name_every_flaw(made: dict[date, SymbolDay]) -> None:
    assert set(made[WEDNESDAY].planted) == {*FLAWS[1:], "minute_missing", "partial_session"}
    rows = pl.from_arrow(made[WEDNESDAY].table)
    zero = rows.filter(pl.col("spot") > 0).filter((pl.col("ce_iv") == 0) | (pl.col("pe_iv") == 0))
    keys = ["trade_time", "expiry_date", "strike"]
    assert zero.unique(keys).height == made[WEDNESDAY].planted["iv_missing"]
    assert rows.height - rows.unique(keys).height == made[WEDNESDAY].planted["key_duplicate"]


def _core_bars(entry: SymbolDay, day: date) -> pl.DataFrame:
    """The rows as core bars before validation, IV 0 read as missing (profile platform_chain)."""
    rows = pl.from_arrow(entry.table)
    stamp = (
        pl.lit(day)
        .dt.combine(pl.col("trade_time"))
        .dt.replace_time_zone("Asia/Kolkata")
        .cast(pl.Datetime("us", "Asia/Kolkata"))
    )
    core = pl.from_arrow(CORE_OPTION_CHAIN.empty()).schema
    named = rows.with_columns(
        symbol=pl.col("index_name").cast(pl.String),
        ts=stamp,
        expiry=pl.col("expiry_date"),
        snapshot_made=pl.lit(value=False),
        raw_rows=pl.lit(1, pl.Int32),
        known_ts=stamp,
        ce_iv=pl.when(pl.col("ce_iv") != 0).then("ce_iv"),
        pe_iv=pl.when(pl.col("pe_iv") != 0).then("pe_iv"),
        spot=pl.when(pl.col("spot") > 0).then("spot"),
    )
    for name, kind in core.items():
        if name not in named.columns:
            named = named.with_columns(pl.lit(None, kind).alias(name))
    return (
        named.select(list(core))
        .cast(dict(core))
        .with_row_index("bar_row")
        .with_columns(pl.col("bar_row").cast(pl.Int64))
    )
