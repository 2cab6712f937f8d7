"""A day is cut into rowid ranges that cover it once and stay within their bounds."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mr_platform.errors import UsageError
from mr_platform.sources.heavydb.chunks import CHUNK_BYTES, CHUNK_ROWS, Chunk, plan_chunks


def test_a_day_of_the_real_table_is_one_chunk() -> None:
    assert plan_chunks(500_000, 518_199, rows=18_200, bytes_per_row=360) == (Chunk(500_000, 518_200),)


def test_rows_and_bytes_both_bound_a_chunk() -> None:
    by_rows = plan_chunks(0, 99_999, rows=100_000, bytes_per_row=1, max_rows=40_000)
    assert by_rows == (Chunk(0, 33_334), Chunk(33_334, 66_668), Chunk(66_668, 100_000))
    by_bytes = plan_chunks(0, 9, rows=10, bytes_per_row=100, max_bytes=500)
    assert by_bytes == (Chunk(0, 5), Chunk(5, 10))


def test_no_rows_need_no_chunk() -> None:
    assert plan_chunks(0, 0, rows=0, bytes_per_row=1) == ()


@given(
    first=st.integers(0, 10**12),
    rows=st.integers(1, 10**6),
    holes=st.integers(0, 10**4),
    width=st.floats(1, 5_000),
    max_rows=st.integers(1_000, 10**6),
)
def test_chunks_cover_the_range_once_in_order(first: int, rows: int, holes: int, width: float, max_rows: int) -> None:
    last = first + rows + holes - 1
    chunks = plan_chunks(first, last, rows=rows, bytes_per_row=width, max_rows=max_rows)
    assert (chunks[0].first, chunks[-1].end) == (first, last + 1)
    assert all(left.end == right.first for left, right in itertools.pairwise(chunks))
    spans = [chunk.end - chunk.first for chunk in chunks]
    assert min(spans) >= 1
    if not holes:
        assert max(spans) <= max_rows and max(spans) * width <= CHUNK_BYTES + width


def test_a_chunk_that_came_out_too_large_is_halved_down_to_a_row() -> None:
    assert Chunk(3, 8).halves() == (Chunk(3, 5), Chunk(5, 8))
    with pytest.raises(UsageError, match="two rowids"):
        Chunk(3, 4).halves()


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": 5, "last": 4, "rows": 1},
        {"first": 0, "last": 3, "rows": 5},
        {"first": -1, "last": 3, "rows": 2},
        {"max_rows": 0},
        {"max_rows": 10_000_001},
        {"max_bytes": 50},
        {"max_bytes": 1 << 40},
        {"bytes_per_row": 0},
    ],
)
def test_bounds_that_cannot_be_kept_are_refused(wrong: dict[str, int]) -> None:
    usual = {"first": 0, "last": 99, "rows": 100, "bytes_per_row": 100, "max_rows": CHUNK_ROWS}
    asked = usual | wrong
    first, last = asked.pop("first"), asked.pop("last")
    with pytest.raises(UsageError):
        plan_chunks(first, last, **asked)
