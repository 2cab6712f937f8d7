"""Labels on real NIFTY minutes: what must hold of any market, and sessions with a hole or of one hour."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RegimeParameters
from mr_platform.regimes.labels import class_shares, label_windows
from mr_platform.regimes.windows import SessionBars, bars_from_minutes, measure

PARAMETERS = defaults(RegimeParameters).labels


@pytest.fixture(scope="module")
def sessions(shared_data: Path) -> list[SessionBars]:
    """NIFTY's index sessions of 2021, END-labelled in the file."""
    path = shared_data / "index_1min_2021_2022" / "NIFTY_1min_2021-01_2022-06.parquet"
    rows = pq.ParquetFile(path).read(columns=["date", "time", "close"])
    days = np.array(rows["date"].cast("string").to_pylist())
    clock = rows["time"].cast("string").to_pylist()
    minutes = np.array([60 * int(t[:2]) + int(t[3:5]) - 1 for t in clock])
    closes = np.array(rows["close"], dtype=float)
    made = []
    for day in np.unique(days[days < "20211201"]):
        mine = np.flatnonzero(days == day)
        mine = mine[np.argsort(minutes[mine], kind="stable")]
        made.append(bars_from_minutes(date.fromisoformat(str(day)), minutes[mine], closes[mine]))
    return made


def test_the_trailing_cuts_split_a_quiet_and_a_wild_year_alike(sessions):
    windows = measure(sessions, PARAMETERS.tasks["h12"], PARAMETERS)
    tables = [label_windows("NIFTY", windows, bars.trade_date, "h12", PARAMETERS) for bars in sessions[100:]]
    shares = class_shares(tables, "volatility_label")
    assert all(0.2 < share < 0.5 for share in shares.values())
    # where no trend is ahead, no correlation is asked for: an index has none to show
    flat = [t.filter(pc.equal(t["direction_label"], "flat")) for t in tables if t.num_rows == 63]
    assert min(min(t["cut_sessions"].to_pylist()) for t in flat) >= 60


def test_no_window_bridges_the_outage_of_24_february_2021(sessions):
    windows = measure(sessions, PARAMETERS.tasks["nowcast"], PARAMETERS)
    day = date(2021, 2, 24)
    bars = next(b for b in sessions if b.trade_date == day)
    assert bars.minutes[[0, 28, 29, -1]].tolist() == [555, 695, 945, 1015]
    table = label_windows("NIFTY", windows, day, "nowcast", PARAMETERS)
    stamps = [t.as_py().strftime("%H:%M") for t in table["event_ts"]]
    before = [t for t in stamps if t < "12"]
    # half an hour of bars must follow: up to 11:40, then up to 17:00
    assert (before[-1], stamps[len(before)], stamps[-1]) == ("11:05", "15:45", "16:25")
    assert table["known_ts"][len(before) - 1].as_py().strftime("%H:%M") == "11:40"
    assert table["known_ts"][-1].as_py().strftime("%H:%M") == "17:00"


def test_a_muhurat_evening_has_minutes_of_its_own_and_no_cuts(sessions):
    windows = measure(sessions, PARAMETERS.tasks["nowcast"], PARAMETERS)
    table = label_windows("NIFTY", windows, date(2021, 11, 4), "nowcast", PARAMETERS)
    assert table.num_rows == 6  # bars 18:15 to 18:40, known by 19:15
    assert set(table["cut_sessions"].to_pylist()) == {0}
    assert table["label"].null_count == table["volatility_label"].null_count == 6
    assert table["direction_label"].null_count == 0
