"""Which runs cover which symbol-days, and what Dagster is told of ingested ones."""

from datetime import date

import dagster as dg
import pyarrow as pa
import pytest

from assets.graph import Rectangle, record_ingested, rectangles
from mr_platform.lake.layout import Partition

ORDER = ("NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY")


def days(symbol, *numbers):
    return [Partition(symbol, date(2022, 11, number)) for number in numbers]


def rectangle(first, last, start, end):
    return Rectangle((first, last), (date(2022, 11, start), date(2022, 11, end)))


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        ([], []),
        (days("NIFTY", 1), [rectangle("NIFTY", "NIFTY", 1, 1)]),
        # over a weekend (5, 6) and a holiday (8) the sessions are neighbours
        (days("NIFTY", 3, 4, 7, 9), [rectangle("NIFTY", "NIFTY", 3, 9)]),
        # the 4th traded and is missing
        (days("NIFTY", 3, 7), [rectangle("NIFTY", "NIFTY", 3, 3), rectangle("NIFTY", "NIFTY", 7, 7)]),
        (days("NIFTY", 1, 2) + days("BANKNIFTY", 1, 2), [rectangle("NIFTY", "BANKNIFTY", 1, 2)]),
        (
            days("NIFTY", 1, 2, 3) + days("BANKNIFTY", 2),
            [
                rectangle("NIFTY", "NIFTY", 1, 1),
                rectangle("NIFTY", "BANKNIFTY", 2, 2),
                rectangle("NIFTY", "NIFTY", 3, 3),
            ],
        ),
        (
            days("NIFTY", 1, 2) + days("FINNIFTY", 1, 2),
            [rectangle("NIFTY", "NIFTY", 1, 2), rectangle("FINNIFTY", "FINNIFTY", 1, 2)],
        ),
    ],
)
def test_rectangles_cover_exactly_the_symbol_days(partitions, expected):
    assert rectangles(partitions, ORDER) == expected


def test_a_rectangle_names_its_corners_in_the_runs_tags():
    assert rectangle("NIFTY", "BANKNIFTY", 1, 3).tags == {
        "dagster/asset_partition_range_start": "NIFTY|2022-11-01",
        "dagster/asset_partition_range_end": "BANKNIFTY|2022-11-03",
    }


def test_ingested_symbol_days_are_told_once_and_again_when_they_changed(lake):
    (day,) = days("NIFTY", 1)
    key = dg.AssetKey(["core", "option_chain"])

    def publish(value):
        return lake.publish("core/option_chain", day, pa.table({"x": [value]}))

    with dg.instance_for_test() as instance:
        first = publish(1.0)
        assert record_ingested(instance, lake, [day]) == ["core/option_chain NIFTY|2022-11-01"]
        assert record_ingested(instance, lake, [day]) == []
        seen = instance.get_latest_materialization_event(key).asset_materialization
        assert seen.partition == "NIFTY|2022-11-01"
        assert seen.metadata["digest"].value == first.digest
        assert seen.metadata["dagster/row_count"].value == 1
        publish(2.0)
        assert record_ingested(instance, lake, [day]) == ["core/option_chain NIFTY|2022-11-01"]
