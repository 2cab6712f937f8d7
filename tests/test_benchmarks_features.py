"""The benchmark of features: what its rows say, on a small market. Speeds themselves are not asserted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from mr_platform import benchmarks
from mr_platform.benchmarks import BenchResult
from mr_platform.benchmarks import features as feature_benchmarks
from mr_platform.benchmarks.features import held_bytes, made_market
from mr_platform.errors import DataError

SIZE = (60, 41)


@pytest.fixture(scope="module")
def rows() -> list[BenchResult]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmarks, "_SECONDS", 0.0)
        patch.setattr(benchmarks, "_LEAST_TURNS", 1)
        for name, value in zip(("BARS", "STRIKES"), SIZE, strict=True):
            patch.setattr(feature_benchmarks, name, value)
        return feature_benchmarks.run()


def test_every_stage_of_a_symbol_day_has_its_row(rows: list[BenchResult]) -> None:
    assert [row.name for row in rows] == [
        *(f"features c{n}" for n in range(1, 9)),
        "features c1 to c4",
        "read from Parquet",
        "inputs from the core table",
        "symbol-day from Parquet",
        "tick, p50",
        "tick, p99",
        "memory of a worker",
        "state of a symbol",
    ]


def test_the_twins_have_nearly_all_features_of_their_components(rows: list[BenchResult]) -> None:
    assert [row.peer for row in rows if row.name.startswith("features ") and row.peer] == [
        "pandas, 120 of 120",
        "pandas, 97 of 98",
        "pandas, 90 of 105",
        "pandas, 80 of 87",
        "pandas, 387 of 410",
    ]


def test_the_twins_take_longer(rows: list[BenchResult]) -> None:
    assert all(row.ratio > 1 for row in rows if row.name.startswith("features ") and row.ratio is not None)


def test_memory_is_told_in_megabytes_beside_its_goal(rows: list[BenchResult]) -> None:
    worker, state = rows[-2:]
    assert worker.ours_ms is None and state.ours_ms is None
    assert float(worker.note.split(" MB")[0]) > 20
    assert 0 < float(state.note.split(" MB")[0]) < 32


def test_a_twin_with_another_number_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    market = made_market(*SIZE)
    wrong = np.array(market.outputs["c1"].values[:, 0])
    wrong[-1] += 1e-6
    name = market.components["c1"].features[0].name.removeprefix("c1_")
    monkeypatch.setattr(feature_benchmarks, "TWINS", {"c1": lambda *_: {name: wrong}})
    with pytest.raises(DataError, match="benchmark features c1"):
        feature_benchmarks._components(market)


def test_a_buffer_is_counted_once_however_many_views_there_are() -> None:
    @dataclass(frozen=True)
    class Holder:
        one: np.ndarray
        more: dict[str, object]

    whole = np.zeros(1_000)
    table = pa.table({"x": pa.array(np.zeros(500), from_pandas=False)})
    Holder.__module__ = "mr_platform.tried"
    held = Holder(whole, {"part": whole[10:], "list": [whole[:5].reshape(1, 5), table, table]})
    assert held_bytes(held) == 8_000 + 4_000
