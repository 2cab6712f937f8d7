"""The registry of benchmarks, and that a comparison is one of equal answers. Speeds themselves are not asserted."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mr_platform import benchmarks
from mr_platform.benchmarks import BenchResult, best_ms, compare, known, run_benchmarks, seconds_of, share_of_floor
from mr_platform.benchmarks import kernels as kernel_benchmarks
from mr_platform.errors import DataError, UsageError

ANSWER = np.array([1.0, np.nan, 3.0])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "_SECONDS", 0.0)
    monkeypatch.setattr(benchmarks, "_LEAST_TURNS", 1)
    monkeypatch.setattr(benchmarks, "_COPIED", 2**20)
    benchmarks.bandwidth.cache_clear()


def test_a_comparison_has_both_times_and_their_ratio() -> None:
    (result,) = compare("sum", lambda: ANSWER, {"NumPy": ("numpy", lambda: ANSWER + 1e-12)})
    assert (result.name, result.peer) == ("sum", "NumPy")
    assert result.ours_ms is not None and result.peer_ms is not None
    assert result.ours_ms >= 0 and result.peer_ms >= 0
    assert result.floor_share is None


@pytest.mark.parametrize("other", [np.array([1.0, np.nan, 3.1]), np.array([1.0, 2.0, 3.0])])
def test_a_peer_with_another_answer_is_an_error_not_a_ratio(other: np.ndarray) -> None:
    with pytest.raises(DataError, match="benchmark sum against NumPy"):
        compare("sum", lambda: ANSWER, {"NumPy": ("numpy", lambda: other)})


def test_a_peer_that_is_not_installed_is_left_out() -> None:
    peers = {"absent": ("no_such_module", lambda: ANSWER), "NumPy": ("numpy", lambda: ANSWER)}
    assert [result.peer for result in compare("sum", lambda: ANSWER, peers)] == ["NumPy"]


def test_all_sides_are_called_and_each_has_its_own_best() -> None:
    calls = [0, 0, 0]

    def side(i: int) -> None:
        calls[i] += 1

    assert len(best_ms(*(lambda i=i: side(i) for i in range(3)))) == 3
    assert min(calls) >= 2


def test_waiting_is_not_counted() -> None:
    assert seconds_of(lambda: time.sleep(0.2)) < 0.1


def test_the_share_of_the_floor_is_what_a_copy_of_as_many_bytes_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "bandwidth", lambda: 10e9)
    assert share_of_floor(50_000_000, 20.0) == 0.25


def test_the_bandwidth_counts_what_is_read_and_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "best_ms", lambda run: [2.0])
    assert benchmarks.bandwidth() == 2 * 2**20 / 2e-3


def test_an_unknown_benchmark_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="known: ema, rolling"):
        run_benchmarks(["ema", "speed"])


def test_one_name_stands_for_all_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(name: str) -> list[BenchResult]:
        return [BenchResult(name, 1.0)]

    monkeypatch.setattr(
        kernel_benchmarks, "BENCHMARKS", {"first": lambda: rows("first"), "second": lambda: rows("second")}
    )
    assert [row.name for row in run_benchmarks(["kernels"])] == ["first", "second"]
    assert [row.name for row in run_benchmarks(["kernels", "second"])] == ["first", "second"]
    assert list(known()) == ["first", "second", "features", "config", "migration"]


@pytest.mark.parametrize(
    ("name", "peers"),
    [
        ("ema", {"pandas", "polars", "TA-Lib"}),
        ("rolling", {"pandas"}),
        ("correlation", {"pandas"}),
        ("ledoit_wolf", {"scikit-learn"}),
        ("eigenvalues", {"NumPy", "SciPy"}),
        ("greeks", {"NumPy"}),
        ("implied_volatility", {"QuantLib"}),
        ("max_pain", {"NumPy product", "NumPy broadcast"}),
        ("forward", {"NumPy"}),
        ("scatter", {"pandas unstack", "polars pivot"}),
    ],
)
def test_every_kernel_gives_its_peers_answer(monkeypatch: pytest.MonkeyPatch, name: str, peers: set[str]) -> None:
    """A small session: the comparison itself checks the answers."""
    for size, value in (("BARS", 60), ("STRIKES", 21)):
        monkeypatch.setattr(kernel_benchmarks, size, value)
    rows = run_benchmarks([name])
    assert {row.peer for row in rows} == peers
    assert all(row.floor_share is not None and row.floor_share > 0 for row in rows)


def test_every_kernel_benchmark_is_tried_here() -> None:
    tried = test_every_kernel_gives_its_peers_answer.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert [name for name, _ in tried if name not in kernel_benchmarks.BENCHMARKS] == []
    assert len(tried) == len(kernel_benchmarks.BENCHMARKS)
