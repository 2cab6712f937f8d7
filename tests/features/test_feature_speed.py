"""What keeps features fast: no compilation on the way, and a twin in pandas that agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mr_platform.features import benchmark, series
from mr_platform.features.c1_triple_straddle import cpu
from mr_platform.features.engine import compute_features
from mr_platform.features.warmup import compile_kernels

if TYPE_CHECKING:
    from tests.features.conftest import Market


def test_the_warm_up_compiles_the_very_signatures_that_features_use(market: Market) -> None:
    compile_kernels()
    compute_features(market.cores[1], market.sessions[1], previous=market.contexts[0], until=600)
    assert len(cpu.run.signatures) == 1
    assert len(series.gather.signatures) == 1


def test_the_pandas_twin_gives_the_same_numbers_and_takes_longer() -> None:
    (row,) = benchmark.run()
    assert row.name == "c1" and row.ratio > 1.0
