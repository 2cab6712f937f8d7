"""One pass over a symbol-day publishes the tables of all components and the memory that the next session has."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest

from mr_platform import stations
from mr_platform.features.catalogue import components
from mr_platform.features.context import daily_context
from mr_platform.features.inputs import session_inputs
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import CHAIN_READ
from mr_platform.lake.digest import table_digest
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.chain import OptionChainDay, underlying_closes
from mr_platform.market.sessions import ORDINARY_WINDOW, Session
from tests.features.conftest import MONDAY, core_table

DAYS = (MONDAY, MONDAY + timedelta(days=1))
PEERED = ["c6_cross_peer_50", "c6_cross_peer_spread_15"]
CONTEXT = "core/daily_context"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two sessions of NIFTY; of its peer the second alone."""
    made = Lake(tmp_path_factory.mktemp("lake"))
    for i, day in enumerate(DAYS):
        made.publish("core/option_chain", Partition("NIFTY", day), core_table(day, seed=i))
    made.publish("core/option_chain", Partition("BANKNIFTY", DAYS[1]), core_table(DAYS[1], seed=9))
    for day in DAYS:
        stations.publish_features(made, Partition("NIFTY", day))
    return made


def test_every_component_and_the_context_are_published(lake: Lake) -> None:
    for day in DAYS:
        of_day = Partition("NIFTY", day)
        rows = [lake.read(entry.table, of_day).num_rows for entry in components()]
        assert rows == [75] * 8
        assert lake.read(CONTEXT, of_day).num_rows == 1


def test_the_context_is_that_of_the_session_alone(lake: Lake) -> None:
    session = Session(DAYS[0], "ordinary", (ORDINARY_WINDOW,))
    core = lake.read("core/option_chain", Partition("NIFTY", DAYS[0]))
    chain = OptionChainDay.from_core(core, session, symbol="NIFTY", **CHAIN_READ)
    published = lake.read(CONTEXT, Partition("NIFTY", DAYS[0]))
    assert table_digest(published) == table_digest(daily_context(chain).to_table())


def test_a_stopped_clock_leaves_the_context_of_the_bars_until_then(lake: Lake, tmp_path: Path) -> None:
    day, noon = Partition("NIFTY", DAYS[0]), datetime.combine(DAYS[0], time(12, 0))
    stopped, cut = Lake(tmp_path / "stopped"), Lake(tmp_path / "cut")
    core = lake.read("core/option_chain", day)
    stopped.publish("core/option_chain", day, core)
    stations.publish_features(stopped, day, as_of=noon)
    local = core["ts"].to_pandas().dt.tz_localize(None)
    cut.publish("core/option_chain", day, core.filter((local < noon).to_numpy()))
    stations.publish_features(cut, day, as_of=noon)
    found = DailyContext.from_table(stopped.read(CONTEXT, day))
    assert (found.priced_bars, found.known_at) == (165, noon)
    assert table_digest(stopped.read(CONTEXT, day)) == table_digest(cut.read(CONTEXT, day))


def test_a_clock_stopped_before_the_first_row_leaves_a_context_without_a_price(tmp_path: Path) -> None:
    day, made = Partition("NIFTY", DAYS[0]), Lake(tmp_path)
    made.publish("core/option_chain", day, core_table(DAYS[0], seed=0).slice(0, 0))
    stations.publish_features(made, day, as_of=datetime.combine(DAYS[0], time(9, 30)))
    assert DailyContext.from_table(made.read(CONTEXT, day)).priced_bars == 0


def test_the_peer_is_compared_where_the_lake_has_its_session(lake: Lake) -> None:
    without, beside = (
        stations.compute_features(lake, Partition("NIFTY", day)).to_table().select(PEERED).to_pandas() for day in DAYS
    )
    assert without.isna().all().all()
    closes = [lake.read("core/option_chain", Partition(symbol, DAYS[1])) for symbol in ("NIFTY", "BANKNIFTY")]
    own, other = (underlying_closes(table, Session(DAYS[1], "ordinary", (ORDINARY_WINDOW,))) for table in closes)
    expected = np.log(own[15:] / own[:-15]) - np.log(other[15:] / other[:-15])
    np.testing.assert_allclose(beside[PEERED[1]].to_numpy()[15:], expected, rtol=0, atol=1e-12)
    assert beside[PEERED[0]].notna().any()


def test_closes_of_an_underlying_are_the_futures_or_the_spots_as_the_source_has_it() -> None:
    session = Session(DAYS[0], "ordinary", (ORDINARY_WINDOW,))
    by_future, by_spot, by_forward = (core_table(DAYS[0], seed=0, kind=kind) for kind in ("future", "spot", "forward"))
    np.testing.assert_allclose(underlying_closes(by_future, session) - underlying_closes(by_spot, session), 20.0)
    assert np.isnan(underlying_closes(by_forward, session)).all()


def test_a_peer_without_future_and_spot_is_compared_by_the_forward_of_its_nearest_expiry(tmp_path: Path) -> None:
    made, session = Lake(tmp_path), Session(DAYS[0], "ordinary", (ORDINARY_WINDOW,))
    for symbol, seed in (("NIFTY", 0), ("BANKNIFTY", 9)):
        said = {"symbol": symbol, "underlying": "forward"}
        made.publish("core/option_chain", Partition(symbol, DAYS[0]), core_table(DAYS[0], seed=seed), metadata=said)
    own, other = (
        session_inputs(OptionChainDay.from_core(core, session, symbol=symbol), 375, passes=()).forward
        for symbol in ("NIFTY", "BANKNIFTY")
        for core in (made.read("core/option_chain", Partition(symbol, DAYS[0])),)
    )
    for until in (None, 11 * 60):
        found = stations.compute_features(made, Partition("NIFTY", DAYS[0]), components=["c6"], until=until)
        spread = found.to_table()[PEERED[1]].to_numpy()
        expected = (np.log(own[15:] / own[:-15]) - np.log(other[15:] / other[:-15]))[: spread.size - 15]
        np.testing.assert_allclose(spread[15:], expected, rtol=0, atol=1e-12)
        assert np.isfinite(expected).mean() > 0.5
