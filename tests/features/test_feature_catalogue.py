"""The catalogue and the tables made from it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.errors import UsageError
from mr_platform.features.catalogue import as_json, catalogue, component
from mr_platform.features.engine import compute_features
from mr_platform.features.tables import table_schema

if TYPE_CHECKING:
    from tests.features.conftest import Market


def test_c1_has_its_budget_by_group() -> None:
    groups = Counter(spec.group for spec in catalogue() if spec.component == "c1")
    assert groups == {"ema": 40, "vwap": 30, "pivot": 25, "timeframe": 25}


def test_names_are_unique_and_well_formed() -> None:
    names = [spec.name for spec in catalogue()]
    assert len(set(names)) == len(names)
    for spec in catalogue():
        assert re.fullmatch(rf"{spec.component}_{spec.group}(?:_[a-z0-9]+)+", spec.name)


def test_every_entry_says_what_it_is() -> None:
    for spec in catalogue():
        assert len(spec.description.split()) >= 4 and spec.unit and spec.warmup_minutes >= 1, spec.name
        assert spec.range[0] < spec.range[1], spec.name
    assert len({spec.description for spec in catalogue()}) == len(catalogue())


def test_json_has_no_infinities() -> None:
    first = as_json()[0]
    assert first["name"] == "c1_ema_deviation_atm_20" and first["range"] == [None, None] and first["version"] == 1
    assert first["mirror"] == {"counterpart": "c1_ema_deviation_atm_20", "sign": 1}


def test_an_unknown_component_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean c1"):
        component("c11")


def test_the_catalogue_loads_no_compiler() -> None:
    code = (
        "import sys; from mr_platform.features.catalogue import catalogue; catalogue(); print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_minute_gives_symbol_event_ts_and_the_catalogue(market: Market) -> None:
    frame = compute_features(market.cores[0], market.sessions[0])
    table = frame.to_table()
    assert table.column_names == ["symbol", "event_ts", *(spec.name for spec in catalogue())]
    assert table.num_rows == 375
    assert table.schema.field("event_ts").type == pa.timestamp("us", tz="Asia/Kolkata")
    assert str(table["event_ts"][0]) == "2022-11-14 09:15:00+05:30"
    assert set(table.schema.types[2:]) == {pa.float64()}


def test_five_minute_bars_stand_as_of_their_last_minute(market: Market) -> None:
    frame = compute_features(market.cores[0], market.sessions[0])
    table = frame.lake_table("c1", every=5)
    assert table.num_rows == 75
    assert str(table["event_ts"][1]) == "2022-11-14 09:20:00+05:30"
    assert str(table["known_ts"][1]) == "2022-11-14 09:25:00+05:30"
    name = "c1_vwap_deviation_atm_session"
    assert np.array_equal(table[name].to_numpy(), frame.to_table()[name].to_numpy()[4::5], equal_nan=True)


def test_an_unfinished_five_minute_bar_is_not_given(market: Market) -> None:
    frame = compute_features(market.cores[0], market.sessions[0], until=567)
    assert frame.to_table(every=5).num_rows == 2


def test_the_published_table_keeps_its_contract(market: Market) -> None:
    frame = compute_features(market.cores[1], market.sessions[1], previous=market.contexts[0])
    table = frame.lake_table("c1")
    assert table.schema.equals(table_schema("c1").arrow())
    table.validate(full=True)
    assert table.schema.metadata[b"feature_schema_version"].startswith(b"c1-")
    assert set(table["health"].to_pylist()) <= {"unavailable", "degraded", "healthy"}


def test_features_every_two_minutes_are_refused(market: Market) -> None:
    frame = compute_features(market.cores[0], market.sessions[0])
    with pytest.raises(UsageError, match="every 1 or 5 minutes"):
        frame.to_table(every=2)
