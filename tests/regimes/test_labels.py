"""Label rules by hand, cuts frozen before the session, stamps, and labels that no later bar can change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from mr_platform.errors import UsageError
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.cuts import trailing_cuts
from mr_platform.regimes.labels import class_shares, label_schema_version, label_session, label_windows
from mr_platform.regimes.windows import SessionBars, Windows
from schemas.labels import LABEL_TABLES

NAN = np.nan
D1, D2, D3, D4, D5 = (date(2022, 11, 14) + timedelta(days=k) for k in range(5))
# q33 and q67 of 1, 2, 3 are 1.667 and 2.333
PARAMETERS = replace(defaults(RegimeParameters).labels, sessions=3, min_sessions=3, pool_bars=0)


def next_day(before: date, after: date) -> bool:
    return after - before == timedelta(days=1)


def windows_of(sigma_p=2.0, sigma_f=2.0, er_f=2.0, s_p=0.0, s_f=0.0, rho_f=2.0, history=(1.0, 2.0, 3.0)) -> Windows:
    """One bar at 09:15 in each of the history sessions, whose four quantities are ``history``, and one on D4."""
    days = tuple(D4 - timedelta(days=len(history) - k) for k in range(len(history)))
    n = len(history) + 1
    past = np.array(history, dtype=float)
    return Windows(
        dates=(*days, D4),
        session=np.arange(n),
        minute=np.full(n, 555),
        known_session=np.arange(n),
        known_minute=np.full(n, 615),
        sigma_p=np.append(past, sigma_p),
        sigma_f=np.append(past, sigma_f),
        er_f=np.append(past, er_f),
        s_p=np.append(np.zeros(n - 1), s_p),
        s_f=np.append(np.zeros(n - 1), s_f),
        rho_f=np.append(past, rho_f),
    )


# quantities not named are mid (2.0) and the trends undefined (0): the rest, CBV
RULE_ROWS = [
    # trend break: signs opposed and both defined
    ({"s_p": 1, "s_f": -1, "sigma_f": 2.5}, "TBVE"),
    ({"s_p": -1, "s_f": 1, "sigma_f": 2.5}, "TBVE"),
    ({"s_p": 1, "s_f": -1, "sigma_p": 2.0, "sigma_f": 2.4}, "TBVS"),  # ratio 1.2 exactly
    ({"s_p": -1, "s_f": 1, "sigma_f": 2.0}, "TBVS"),
    ({"s_p": 1, "s_f": 0, "sigma_f": 2.5}, "CBV"),
    # price expansion: efficient, in the old direction or a new one, quieter
    ({"er_f": 2.5, "s_f": 1, "s_p": 1, "sigma_f": 1.7}, "VCPE"),
    ({"er_f": 2.5, "s_f": 1, "s_p": 0, "sigma_f": 1.7}, "VCPE"),
    ({"er_f": 2.5, "s_f": 0, "s_p": 0, "sigma_f": 1.7}, "VCPE"),  # both undefined count as s_p undefined
    ({"er_f": 2.5, "s_f": 0, "s_p": 1, "sigma_f": 1.7}, "CBV"),
    ({"er_f": 2.5, "s_f": 1, "s_p": 1, "sigma_f": 1.8}, "CBV"),  # ratio 0.9 exactly
    ({"er_f": 2.0, "s_f": 1, "s_p": 1, "sigma_f": 1.7}, "CBV"),
    ({"er_f": 2 + 1 / 3, "s_f": 1, "s_p": 1, "sigma_f": 1.7}, "VCPE"),  # a cut belongs to the upper class
    # contraction: from high volatility
    ({"sigma_p": 3.0, "sigma_f": 2.3}, "HVC"),
    ({"sigma_p": 2.5, "sigma_f": 2.0}, "CBV"),  # ratio 0.8 exactly
    ({"sigma_p": 2.3, "sigma_f": 1.7}, "CBV"),
    ({"sigma_p": 3.0, "sigma_f": 1.0, "s_p": 1, "s_f": 1, "er_f": 3.0}, "VCPE"),  # the earlier rule wins
    # correlation and sentiment
    ({"rho_f": 2.5, "s_f": 1, "s_p": 1}, "SCGS"),
    ({"rho_f": 2.5, "s_f": -1, "s_p": -1}, "CBV"),
    ({"rho_f": 1.5, "s_f": -1, "s_p": -1}, "PSED"),
    ({"rho_f": 1.5, "s_f": 1, "s_p": 1}, "CBV"),
    ({"rho_f": 2.5, "s_f": 0}, "CBV"),
    # quiet
    ({"sigma_f": 1.0, "sigma_p": 1.0, "er_f": 1.0}, "LVLD"),
    ({"sigma_f": 1.0, "sigma_p": 1.0, "er_f": 2.0}, "CBV"),
    ({"sigma_f": 2.0, "er_f": 1.0}, "CBV"),
    ({}, "CBV"),
    # what is missing: undecidable rules end the search, decidable ones do not
    ({"rho_f": NAN}, "CBV"),  # s_f undefined: correlation cannot matter
    ({"rho_f": NAN, "s_f": 1, "s_p": 1}, None),
    ({"rho_f": NAN, "s_f": 1, "s_p": -1}, "TBVS"),
    ({"sigma_p": NAN, "s_p": NAN, "s_f": 1}, None),
    ({"er_f": NAN, "sigma_f": 1.7}, None),
    ({"er_f": NAN, "s_f": NAN}, "CBV"),  # no rule could come true, whatever they are
    ({"sigma_p": 0.0, "er_f": 2.5}, None),
    ({"sigma_p": 0.0}, "CBV"),
]


@pytest.mark.parametrize(("quantities", "expected"), RULE_ROWS)
def test_the_first_rule_that_matches_names_the_label(quantities, expected):
    table = label_windows("NIFTY", windows_of(**quantities), D4, "h12", PARAMETERS)
    assert table["label"].to_pylist() == [expected]


def test_the_order_of_the_rules_is_configuration():
    both = windows_of(sigma_p=3.0, sigma_f=1.0, s_p=1, s_f=1, er_f=3.0)
    turned = replace(PARAMETERS, order=("contraction", "price_expansion", "trend_break", "correlation", "quiet"))
    assert label_windows("NIFTY", both, D4, "h12", turned)["label"].to_pylist() == ["HVC"]
    assert label_schema_version("h12", turned) != label_schema_version("h12", PARAMETERS)


@pytest.mark.parametrize(
    ("sigma_f", "expected"), [(1.0, "low"), (5 / 3, "mid"), (2.0, "mid"), (7 / 3, "high"), (9.0, "high"), (NAN, None)]
)
def test_the_volatility_label_places_the_forward_volatility_among_its_cuts(sigma_f, expected):
    table = label_windows("NIFTY", windows_of(sigma_f=sigma_f), D4, "h12", PARAMETERS)
    assert table["volatility_label"].to_pylist() == [expected]


@pytest.mark.parametrize(("s_f", "expected"), [(1, "up"), (0, "flat"), (-1, "down"), (NAN, None)])
def test_the_direction_label_is_the_sign_of_the_forward_trend(s_f, expected):
    table = label_windows("NIFTY", windows_of(s_f=s_f), D4, "h12", PARAMETERS)
    assert table["direction_label"].to_pylist() == [expected]


def test_below_the_least_sessions_there_is_no_label_but_the_row_says_how_many_there_were():
    table = label_windows("NIFTY", windows_of(s_p=1, s_f=-1, history=(1.0, 2.0)), D4, "h12", PARAMETERS)
    assert table["label"].to_pylist() == [None]
    assert table["volatility_label"].to_pylist() == [None]
    assert table["direction_label"].to_pylist() == ["down"]
    assert table["cut_sessions"].to_pylist() == [2]


def test_cut_sessions_counts_the_correlation_cuts_only_where_the_label_rests_on_them():
    w = windows_of(s_p=1, s_f=1, rho_f=2.5, history=(0.5, 1.0, 2.0, 3.0))
    w = replace(w, rho_f=np.append([NAN], w.rho_f[1:]))
    assert label_windows("NIFTY", w, D4, "h12", PARAMETERS)["cut_sessions"].to_pylist() == [3]
    w = replace(w, s_f=np.append(w.s_f[:-1], -1), sigma_f=np.append(w.sigma_f[:-1], 9.0))
    assert label_windows("NIFTY", w, D4, "h12", PARAMETERS)["label"].to_pylist() == ["TBVE"]
    assert label_windows("NIFTY", w, D4, "h12", PARAMETERS)["cut_sessions"].to_pylist() == [4]


def test_cuts_take_the_latest_sessions_at_the_same_minute():
    w = windows_of(history=(100.0, 1.0, 2.0, 3.0))
    cuts = trailing_cuts(w, "sigma_f", D4, np.array([555, 560]), replace(PARAMETERS, sessions_most=3))
    np.testing.assert_allclose(cuts.low, [5 / 3, NAN])
    np.testing.assert_allclose(cuts.high, [7 / 3, NAN])
    assert cuts.sessions.tolist() == [3, 0]


def test_the_provisional_cut_pools_neighbouring_minutes():
    w = windows_of(history=(1.0, 2.0, 3.0))
    pooled = replace(PARAMETERS, sessions=60, sessions_most=252, min_sessions=3, pool_bars=2)
    cuts = trailing_cuts(w, "sigma_f", D4, np.array([565, 570]), pooled)
    np.testing.assert_allclose(cuts.low, [5 / 3, NAN])
    assert cuts.sessions.tolist() == [3, 0]


def test_a_value_not_yet_known_at_the_open_is_in_no_cut():
    w = windows_of(history=(1.0, 2.0, 3.0, 50.0))
    # the forward windows of the session before end inside D4, as those of h75 do
    crossing = replace(w, known_session=np.array([0, 1, 2, 4, 4]))
    assert trailing_cuts(crossing, "sigma_f", D4, np.array([555]), PARAMETERS).sessions.tolist() == [3]
    assert trailing_cuts(crossing, "sigma_f", D4, np.array([555]), PARAMETERS).high[0] == pytest.approx(7 / 3)
    assert trailing_cuts(crossing, "sigma_p", D4, np.array([555]), PARAMETERS).sessions.tolist() == [4]


def walk(day: date, seed: int) -> SessionBars:
    rng = np.random.default_rng(seed)
    scale = 1e-3 * (1 + seed % 3)
    return SessionBars(
        day,
        555 + 5 * np.arange(75, dtype=np.int64),
        17_000 * np.exp(np.cumsum(rng.normal(0, scale, 75))),
        np.append([NAN], rng.normal(0, 0.01, 74)),
        0.14 + np.cumsum(rng.normal(0, 1e-3, 75)),
        "future",
    )


def cut(bars: SessionBars, n: int) -> SessionBars:
    return replace(
        bars,
        minutes=bars.minutes[:n],
        underlying_close=bars.underlying_close[:n],
        straddle_return=bars.straddle_return[:n],
        atm_iv=bars.atm_iv[:n],
    )


DAYS = [date(2022, 10, 3) + timedelta(days=k) for k in range(12)]
MARKET = [walk(day, seed) for seed, day in enumerate(DAYS)]


@pytest.mark.parametrize(
    ("task", "rows", "first_known", "last"),
    [
        ("h12", 63, (0, 10, 20), ((14, 25), (0, 15, 30))),
        ("nowcast", 69, (0, 9, 50), ((14, 55), (0, 15, 30))),
        ("h75", 75, (1, 9, 20), ((15, 25), (1, 15, 30))),
    ],
)
def test_a_row_is_stamped_by_the_start_of_its_bar_and_known_when_its_window_closes(task, rows, first_known, last):
    table = label_session("NIFTY", MARKET, DAYS[9], task, PARAMETERS, follows=next_day)
    assert table.num_rows == rows
    assert table.schema.names == LABEL_TABLES[task].arrow().names
    day = datetime(2022, 10, 12)

    def at(stamp, nights, hour, minute):
        assert stamp.utcoffset() == timedelta(hours=5, minutes=30)
        assert stamp.replace(tzinfo=None) == day + timedelta(days=nights, hours=hour, minutes=minute)

    at(table["event_ts"][0].as_py(), 0, 9, 15)
    at(table["known_ts"][0].as_py(), *first_known)
    at(table["event_ts"][-1].as_py(), 0, *last[0])
    at(table["known_ts"][-1].as_py(), *last[1])


@pytest.mark.parametrize("task", ["h12", "h75", "nowcast"])
@pytest.mark.parametrize("bars", [13, 40, 74])
def test_labels_known_by_then_do_not_change_when_the_future_is_cut_off(task, bars):
    full = label_session("NIFTY", MARKET, DAYS[8], task, PARAMETERS, follows=next_day)
    stop = DAYS[9] if task == "h75" else DAYS[8]
    at = DAYS.index(stop)
    part = label_session("NIFTY", [*MARKET[:at], cut(MARKET[at], bars)], DAYS[8], task, PARAMETERS, follows=next_day)
    clock = datetime(stop.year, stop.month, stop.day) + timedelta(minutes=555 + 5 * bars)
    known = [stamp.replace(tzinfo=None) <= clock for stamp in full["known_ts"].to_pylist()]
    assert part.num_rows == sum(known) > 0
    assert full.filter(known).equals(part)
    assert part["label"].null_count < part.num_rows


@pytest.mark.parametrize("task", ["h12", "h75", "nowcast"])
def test_bars_that_still_lie_ahead_are_as_good_as_absent(task):
    stop = DAYS[9] if task == "h75" else DAYS[8]
    at = DAYS.index(stop)
    whole, ahead = MARKET[at], np.arange(75) >= 40
    padded = replace(
        whole,
        underlying_close=np.where(ahead, NAN, whole.underlying_close),
        straddle_return=np.where(ahead, NAN, whole.straddle_return),
        atm_iv=np.where(ahead, NAN, whole.atm_iv),
    )
    found = [
        label_session("NIFTY", [*MARKET[:at], bars], DAYS[8], task, PARAMETERS, follows=next_day)
        for bars in (cut(whole, 40), padded)
    ]
    assert found[0].num_rows > 0
    assert found[1].equals(found[0])


def test_labels_do_not_depend_on_sessions_after_the_forward_window():
    part = label_session("NIFTY", MARKET[:10], DAYS[8], "h75", PARAMETERS, follows=next_day)
    full = label_session("NIFTY", MARKET, DAYS[8], "h75", PARAMETERS, follows=next_day)
    assert part.equals(full)


def test_index_history_carries_the_cuts_of_volatility_back_but_not_those_of_correlation():
    nothing = np.full(75, NAN)
    index = [replace(bars, straddle_return=nothing, atm_iv=nothing, kind="index") for bars in MARKET[:6]]
    table = label_session("NIFTY", MARKET[6:], DAYS[8], "h12", PARAMETERS, history=index, follows=next_day)
    # 8: all; 6: the first hour, for which the first session of each kind has no past; 2: where rho decides
    assert set(table["cut_sessions"].to_pylist()) == {2, 6, 8}
    without = label_session("NIFTY", MARKET[6:], DAYS[8], "h12", PARAMETERS, follows=next_day)
    assert set(without["cut_sessions"].to_pylist()) == {1, 2}
    assert without["label"].null_count == without.num_rows


def test_shares_of_the_classes_sum_to_one_over_the_labelled_rows():
    tables = [label_session("NIFTY", MARKET, day, "h12", PARAMETERS, follows=next_day) for day in DAYS[6:9]]
    shares = class_shares(tables)
    assert list(shares) == ["LVLD", "HVC", "VCPE", "TBVE", "TBVS", "SCGS", "PSED", "CBV"]
    assert sum(shares.values()) == pytest.approx(1)
    assert class_shares(LABEL_TABLES["h12"].empty()) == dict.fromkeys(shares, 0.0)
    assert set(class_shares(tables, "direction_label")) == {"down", "flat", "up"}


def test_an_unknown_task_or_session_is_refused_by_name():
    with pytest.raises(UsageError, match="h13"):
        label_session("NIFTY", MARKET, DAYS[8], "h13", PARAMETERS, follows=next_day)
    with pytest.raises(UsageError, match="2022-12-01"):
        label_session("NIFTY", MARKET, date(2022, 12, 1), "h12", PARAMETERS, follows=next_day)
