"""The registry of benchmarks, and that a comparison is one of equal answers. Speeds themselves are not asserted."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform import benchmarks
from mr_platform.benchmarks import BENCHMARKS, benchmark, compare, run_benchmarks
from mr_platform.errors import DataError, UsageError

ANSWER = np.array([1.0, np.nan, 3.0])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "_SECONDS", 0.0)


def test_a_comparison_has_both_times_and_their_ratio() -> None:
    (result,) = compare("sum", lambda: ANSWER, {"NumPy": ("numpy", lambda: ANSWER + 1e-12)})
    assert (result.name, result.peer) == ("sum", "NumPy")
    assert result.ours_ms >= 0 and result.peer_ms >= 0 and result.ratio > 0


@pytest.mark.parametrize("other", [np.array([1.0, np.nan, 3.1]), np.array([1.0, 2.0, 3.0])])
def test_a_peer_with_another_answer_is_an_error_not_a_ratio(other: np.ndarray) -> None:
    with pytest.raises(DataError, match="benchmark sum against NumPy"):
        compare("sum", lambda: ANSWER, {"NumPy": ("numpy", lambda: other)})


def test_a_peer_that_is_not_installed_is_left_out() -> None:
    peers = {"absent": ("no_such_module", lambda: ANSWER), "NumPy": ("numpy", lambda: ANSWER)}
    assert [result.peer for result in compare("sum", lambda: ANSWER, peers)] == ["NumPy"]


def test_an_unknown_benchmark_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="known: ema, rolling"):
        run_benchmarks(["ema", "speed"])


def test_other_rooms_register_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarks, "BENCHMARKS", dict(BENCHMARKS))

    @benchmark("mine")
    def mine() -> list[benchmarks.BenchResult]:
        return compare("mine", lambda: ANSWER, {"NumPy": ("numpy", lambda: ANSWER)})

    assert [result.name for result in run_benchmarks(["mine"])] == ["mine"]


@pytest.mark.parametrize(
    ("name", "peers"),
    [
        ("ema", {"pandas", "polars", "TA-Lib"}),
        ("rolling", {"pandas"}),
        ("greeks", {"NumPy"}),
        ("implied_volatility", {"QuantLib"}),
        ("forward", {"NumPy"}),
        ("scatter", {"pandas unstack", "polars pivot"}),
    ],
)
def test_every_kernel_gives_its_peers_answer(monkeypatch: pytest.MonkeyPatch, name: str, peers: set[str]) -> None:
    """A small session: the comparison itself checks the answers."""
    for size, value in (("BARS", 30), ("STRIKES", 21)):
        monkeypatch.setattr(benchmarks, size, value)
    assert {result.peer for result in run_benchmarks([name])} == peers
