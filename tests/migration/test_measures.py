"""The lake's own aggregates: exact, whatever the batches, and compared as the source's route answers them."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mr_platform.migration.measures import LakeMeasures, check_names, disagreements
from mr_platform.sources.heavydb.schema import SourceColumn

NAN = float("nan")
TEXT = pa.dictionary(pa.int32(), pa.string())


def measured(column: SourceColumn, array: pa.Array, cut: int = 2) -> LakeMeasures:
    found = LakeMeasures([column])
    for part in (array.slice(0, cut), array.slice(cut)):
        found.update(pa.record_batch([part], names=[column.name]))
    return found


# column, values, and what the server answers: rows, count, then distinct | least, greatest | and the sum of integers
ANSWERS = [
    (SourceColumn("x", "BIGINT"), pa.array([3, None, -5, 2**62], pa.int64()), (4, 3, -5, 2**62, 2**62 - 2)),
    (SourceColumn("x", "INT"), pa.array([None, None], pa.int32()), (2, 0, None, None, None)),
    (SourceColumn("x", "TINYINT"), pa.array([-128, 127, None], pa.int8()), (3, 2, -128, 127, -1)),
    (SourceColumn("x", "DOUBLE"), pa.array([0.5, None, -1.5]), (3, 2, -1.5, 0.5)),
    (SourceColumn("x", "DOUBLE"), pa.array([-0.0, 0.0, -0.0]), (3, 3, 0.0, 0.0)),
    (SourceColumn("x", "FLOAT"), pa.array([0.1], pa.float32()), (1, 1, float(np.float32(0.1)), float(np.float32(0.1)))),
    (SourceColumn("x", "DATE"), pa.array([date(2022, 11, 4), None, date(1969, 12, 31)]),
     (3, 2, date(1969, 12, 31), date(2022, 11, 4))),
    (SourceColumn("x", "TIME"), pa.array([time(9, 15), time(15, 29, 59)], pa.time32("ms")),
     (2, 2, time(9, 15), time(15, 29, 59))),
    (SourceColumn("x", "TIMESTAMP", precision=0), pa.array([datetime(2022, 11, 4, 9, 15)], pa.timestamp("ms")),
     (1, 1, datetime(2022, 11, 4, 9, 15), datetime(2022, 11, 4, 9, 15))),
    (SourceColumn("x", "TIMESTAMP", precision=6), pa.array([datetime(1969, 1, 1, 0, 0, 0, 7)], pa.timestamp("us")),
     (1, 1, datetime(1969, 1, 1, 0, 0, 0, 7), datetime(1969, 1, 1, 0, 0, 0, 7))),
    (SourceColumn("x", "TIMESTAMP", precision=9), pa.array([5, 1_667_553_300_000_000_001], pa.timestamp("ns")),
     (2, 2, np.datetime64(5, "ns"), np.datetime64(1_667_553_300_000_000_001, "ns"))),
    (SourceColumn("x", "DECIMAL", precision=10, scale=2), pa.array([Decimal("1.10"), Decimal("-2.25")]),
     (2, 2, -2.25, 1.1)),
    (SourceColumn("x", "BOOL"), pa.array([True, None, False]), (3, 2)),
    (SourceColumn("x", "STR", encoding="DICT"), pa.array(["a", None, "", "a", "NULL", "a "]).cast(TEXT), (6, 5, 4)),
    (SourceColumn("x", "STR"), pa.array(["a", None], pa.large_string()), (2, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("column", "array", "answer"), ANSWERS, ids=lambda value: str(value)[:40])
def test_an_honest_answer_agrees_and_any_other_disagrees(column: SourceColumn, array: pa.Array, answer: tuple) -> None:
    lake = measured(column, array)
    assert disagreements(lake, answer) == []
    for at, value in enumerate(answer):
        wrong = list(answer)
        wrong[at] = 1 if value is None else None
        (found,) = disagreements(lake, wrong)
        assert found.measure == lake.measures[at].name
        assert found.check in check_names()


@pytest.mark.parametrize("said", [NAN, 0.5])
def test_engines_may_order_a_nan_as_they_like(said: float) -> None:
    lake = measured(SourceColumn("x", "DOUBLE"), pa.array([0.5, NAN, -1.0]))
    assert disagreements(lake, (3, 3, -1.0, said)) == []


def test_a_nan_that_the_lake_has_not_is_a_disagreement() -> None:
    (found,) = disagreements(measured(SourceColumn("x", "DOUBLE"), pa.array([0.5, 1.0])), (2, 2, 0.5, NAN))
    assert (found.check, found.column, found.source, found.lake) == ("minimum_and_maximum", "x", "nan", "1.0")


def test_a_sum_beyond_64_bits_is_compared_as_the_server_wraps_it() -> None:
    lake = measured(SourceColumn("x", "BIGINT"), pa.array([2**62] * 3))
    assert disagreements(lake, (3, 3, 2**62, 2**62, 3 * 2**62 - 2**64)) == []
    assert len(disagreements(lake, (3, 3, 2**62, 2**62, 3 * 2**62 - 2**64 + 1))) == 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=12), st.integers(0, 12))
def test_sums_are_exact_whatever_the_batches(values: list[int | None], cut: int) -> None:
    lake = measured(SourceColumn("x", "BIGINT"), pa.array(values, pa.int64()), cut)
    there = [value for value in values if value is not None]
    assert lake.value(lake.measures[-1]) == (sum(there) if there else None)
