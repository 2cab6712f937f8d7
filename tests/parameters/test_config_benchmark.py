"""The measure of loading: three rows against one read of openpyxl, and none where the two do not agree."""

from __future__ import annotations

import pytest

from mr_platform.errors import DataError
from mr_platform.parameters import benchmark


def test_reading_and_loading_are_measured_against_the_same_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "_ROUNDS", 1)
    rows = benchmark.run()
    assert [row.name for row in rows] == ["config", "config, with validation", "config, cached, with validation"]
    assert len({row.peer_ms for row in rows}) == 1
    assert all(row.ratio == pytest.approx(row.peer_ms / row.ours_ms, abs=0.01) for row in rows)


def test_a_peer_that_finds_another_cell_is_an_error_not_a_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    real = benchmark._peer
    monkeypatch.setattr(benchmark, "_peer", lambda path: real(path) | {"RiskControls": {(1, 1): "other"}})
    with pytest.raises(DataError, match="RiskControls"):
        benchmark.run()
