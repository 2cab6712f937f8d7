"""The migration's benchmark measures proven work, both sizes in one run, beside the client's own ways."""

from __future__ import annotations

import pytest

from mr_platform.benchmarks import run_benchmarks
from mr_platform.migration import benchmark


@pytest.mark.slow
def test_a_small_run_gives_every_comparison_with_rates_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "ROWS", 20_000)
    monkeypatch.setattr(benchmark, "PEER_DAYS", {"fetchall": 1})
    found = run_benchmarks(["migration"])
    assert [(row.name, row.peer) for row in found] == [
        ("migration_transfer", "fetchall"),
        ("migration_proven", "fetchall"),
    ]
    assert all(row.ours_ms > 0 and row.peer_ms > 0 for row in found)
    # whole sessions: both sizes come to one
    assert [part.split(" rows")[0] for part in found[0].note.split("; ")] == ["27,391", "27,391"]
    assert found[0].note.count(" MB") == 2
    assert found[1].ours_ms > found[0].ours_ms
