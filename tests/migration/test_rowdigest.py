"""The row digest: equal for equal rows however they come, different for any difference of one bit."""

from __future__ import annotations

import struct
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
import rowdigest_reference as reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mr_platform.errors import DataError
from mr_platform.migration import fingerprint
from mr_platform.migration.rowdigest import RowDigest, row_digest, row_fingerprints

TYPES = (
    pa.bool_(),
    pa.int8(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.uint8(),
    pa.uint64(),
    pa.float32(),
    pa.float64(),
    pa.date32(),
    pa.time32("s"),
    pa.time64("us"),
    pa.timestamp("s"),
    pa.timestamp("us", tz="Asia/Kolkata"),
    pa.decimal128(10, 2),
    pa.decimal128(38, 9),
    pa.decimal256(50, 4),
    pa.string(),
    pa.large_string(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int32(), pa.large_string()),
    pa.null(),
)
DECIMALS = st.decimals(min_value=-(10**7), max_value=10**7, places=2, allow_nan=False)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def cells(kind: pa.DataType) -> st.SearchStrategy:
    """Values of the type as Python holds them, NULL and the awkward ones among them."""
    if pa.types.is_null(kind):
        return st.none()
    if pa.types.is_dictionary(kind) or reference.type_name(kind) == "text":
        return (
            st.none()
            | st.sampled_from(["", "NULL", " ", "a", "a ", "a  ", "null", "\0", "ATM", "é"])
            | st.text(max_size=8)
        )
    if pa.types.is_boolean(kind):
        return st.none() | st.booleans()
    if pa.types.is_floating(kind):
        return st.none() | st.sampled_from([0.0, -0.0, float("nan"), float("inf")]) | st.floats(width=kind.bit_width)
    if pa.types.is_decimal(kind):
        return st.none() | DECIMALS
    width = kind.bit_width
    if pa.types.is_time(kind):
        return st.none() | st.integers(0, 86_399)
    if pa.types.is_unsigned_integer(kind):
        return st.none() | st.integers(0, 2**width - 1)
    bits = min(width - 1, 40) if pa.types.is_temporal(kind) else width - 1
    return st.none() | st.integers(-(2**bits), 2**bits - 1)


def column(kind: pa.DataType, values: list) -> pa.Array:
    if pa.types.is_temporal(kind):
        return pa.array(values, pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)
    if pa.types.is_decimal(kind):
        return pa.array([None if value is None else Decimal(value) for value in values], kind)
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(values, kind)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    kinds = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=5))
    rows = draw(st.integers(0, 9))
    columns = [column(kind, draw(st.lists(cells(kind), min_size=rows, max_size=rows))) for kind in kinds]
    return pa.table({f"c{i}": values for i, values in enumerate(columns)})


@QUICK
@given(tables())
def test_the_compiled_digest_equals_the_readable_one(table: pa.Table) -> None:
    digest = row_digest(table)
    assert (digest.multiset(), digest.sequence()) == reference.digests(table)
    assert [tuple(map(int, row)) for row in row_fingerprints(table)] == reference.fingerprints(table)


@QUICK
@given(tables(), st.randoms(use_true_random=False), st.data())
def test_order_chunks_and_offsets_do_not_change_the_multiset(table: pa.Table, random, data: st.DataObject) -> None:
    order = list(range(table.num_rows))
    random.shuffle(order)
    shuffled = table.take(pa.array(order, pa.int64()))
    cut = data.draw(st.integers(0, table.num_rows))
    digest = RowDigest(table.schema)
    for part in (shuffled.slice(cut), shuffled.slice(0, cut)):
        digest.update(part)
    assert digest.multiset() == row_digest(table).multiset()
    assert digest.rows == table.num_rows


@QUICK
@given(tables(), st.data())
def test_chunks_do_not_change_the_sequence_and_order_does(table: pa.Table, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, table.num_rows))
    digest = RowDigest(table.schema)
    for part in (table.slice(0, cut), table.slice(cut)):
        for batch in part.to_batches():
            digest.update(batch)
    whole = row_digest(table)
    assert digest.sequence() == whole.sequence()
    backwards = table.take(pa.array(range(table.num_rows - 1, -1, -1), pa.int64()))
    rows = reference.fingerprints(table)
    assert (row_digest(backwards).sequence() == whole.sequence()) == (rows == rows[::-1])


@QUICK
@given(tables(), st.data())
def test_a_row_twice_is_not_a_row_once_nor_thrice(table: pa.Table, data: st.DataObject) -> None:
    if not table.num_rows:
        return
    row = table.slice(data.draw(st.integers(0, table.num_rows - 1)), 1)
    found = {row_digest(pa.concat_tables([table, *[row] * times])).multiset() for times in range(4)}
    assert len(found) == 4


def flipped(array: pa.Array, row: int, bit: int) -> pa.Array:
    """A copy of a fixed-width array with one bit of one cell turned."""
    width = array.type.bit_width
    data = bytearray(array.buffers()[1].to_pybytes())
    data[(row * width + bit) // 8] ^= 1 << ((row * width + bit) % 8)
    return pa.Array.from_buffers(array.type, len(array), [array.buffers()[0], pa.py_buffer(bytes(data))])


@pytest.mark.parametrize(
    "kind", [kind for kind in TYPES if reference.type_name(kind) != "text" and not pa.types.is_null(kind)], ids=str
)
def test_every_single_bit_of_a_cell_changes_the_digest(kind: pa.DataType) -> None:
    zeros = bytes(4 * max(kind.bit_width // 8, 1))
    array = pa.Array.from_buffers(kind, 3, [None, pa.py_buffer(zeros)])
    seen = {row_digest(pa.table({"x": array})).multiset()}
    for bit in range(kind.bit_width):
        seen.add(row_digest(pa.table({"x": flipped(array, 1, bit)})).multiset())
    assert len(seen) == 1 + kind.bit_width


NULL_LIKE = (
    (pa.string(), [None, "", "NULL", " ", "null", "None", "\0"]),
    (pa.dictionary(pa.int32(), pa.string()), [None, "", "NULL", "ATM", "ATM ", "ATM  ", " ATM"]),
    (pa.float64(), [None, 0.0, -0.0, float("nan"), float("inf")]),
    (pa.int64(), [None, 0, -1, -(2**63)]),
    (pa.bool_(), [None, False, True]),
)


@pytest.mark.parametrize(("kind", "values"), NULL_LIKE, ids=[str(kind) for kind, _ in NULL_LIKE])
def test_null_empty_and_look_alikes_are_all_different(kind: pa.DataType, values: list) -> None:
    assert len({row_digest(pa.table({"x": column(kind, [value])})).multiset() for value in values}) == len(values)


def test_the_payload_of_a_nan_counts() -> None:
    payloads = (0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000, 0x7FF0000000000001)
    arrays = [
        pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(struct.pack("<Q", bits))]) for bits in payloads
    ]
    assert len({row_digest(pa.table({"x": array})).multiset() for array in arrays}) == 4


SAME_NUMBER = (
    pa.array([5], pa.int32()),
    pa.array([5], pa.int64()),
    pa.array([5], pa.timestamp("s")),
    pa.array([5], pa.timestamp("ms")),
    pa.array([5], pa.timestamp("s", tz="UTC")),
    pa.array([5], pa.timestamp("s", tz="Asia/Kolkata")),
    pa.array([5], pa.date32()),
    pa.array([5], pa.time32("s")),
    pa.array([Decimal("5")], pa.decimal128(10, 0)),
    pa.array([Decimal("0.5")], pa.decimal128(10, 1)),
    pa.array([Decimal("5")], pa.decimal128(11, 0)),
)


def test_the_type_counts_unit_zone_scale_and_precision_included() -> None:
    assert len({row_digest(pa.table({"x": array})).multiset() for array in SAME_NUMBER}) == len(SAME_NUMBER)


def test_text_counts_by_value_however_it_is_encoded() -> None:
    values = ["ATM", None, "ITM1 ", "ATM", ""]
    repeated = pa.DictionaryArray.from_arrays(
        pa.array([0, None, 1, 3, 4], pa.int8()), pa.array(["ATM", "unused", "", "ATM", ""])
    ).take(pa.array([0, 1, 2, 3, 4]))
    null_in_dictionary = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 2, 0, 3], pa.int32()), pa.array(["ATM", None, "ITM1 ", ""])
    )
    arrays = [
        pa.array(values, pa.string()),
        pa.array(values, pa.large_string()),
        pa.array(values, pa.string_view()),
        pa.array(values).dictionary_encode(),
        null_in_dictionary,
    ]
    assert len({row_digest(pa.table({"x": array})).multiset() for array in arrays}) == 1
    assert row_digest(pa.table({"x": repeated})).multiset() != row_digest(pa.table({"x": arrays[0]})).multiset()


def test_a_dictionary_larger_than_its_batch_counts_only_what_occurs() -> None:
    wide = pa.DictionaryArray.from_arrays(pa.array([500, 3], pa.int32()), pa.array([str(i) for i in range(1000)]))
    assert row_digest(pa.table({"x": wide})).multiset() == row_digest(pa.table({"x": ["500", "3"]})).multiset()


def test_names_and_their_order_count() -> None:
    a, b = pa.array([1]), pa.array([2])
    found = {
        row_digest(pa.table(t)).multiset() for t in ({"x": a, "y": b}, {"y": b, "x": a}, {"x": b, "y": a}, {"x": a})
    }
    assert len(found) == 4


def test_swapping_two_cells_of_a_column_changes_the_digest() -> None:
    x, y = [1, 2, 3], ["a", "b", "c"]
    assert (
        row_digest(pa.table({"x": x, "y": y})).multiset() != row_digest(pa.table({"x": [2, 1, 3], "y": y})).multiset()
    )


def test_no_rows_of_one_schema_are_not_no_rows_of_another() -> None:
    found = {row_digest(pa.table({"x": pa.array([], kind)})).multiset() for kind in (pa.int32(), pa.int64())}
    assert len(found) == 2


def test_values_hidden_under_nulls_do_not_count() -> None:
    bitmap = pa.py_buffer(b"\x05")
    arrays = [
        pa.Array.from_buffers(pa.int64(), 3, [bitmap, pa.py_buffer(struct.pack("<qqq", 1, hidden, 3))])
        for hidden in (0, 99)
    ]
    assert row_digest(pa.table({"x": arrays[0]})).multiset() == row_digest(pa.table({"x": arrays[1]})).multiset()


def test_a_chunk_of_another_schema_is_refused_with_what_differs() -> None:
    digest = RowDigest(pa.schema([("x", pa.int64())]))
    with pytest.raises(DataError, match="double"):
        digest.update(pa.table({"x": [1.0]}))


def test_a_type_it_does_not_know_is_refused() -> None:
    with pytest.raises(DataError, match="list"):
        RowDigest(pa.schema([("x", pa.list_(pa.int32()))]))


def test_the_digest_of_yesterday_is_the_digest_of_today() -> None:
    # ledgers keep these: a change of the arithmetic raises VERSION
    digest = row_digest(pa.table({"x": pa.array([1, None, -3]), "y": ["a ", "", None]}))
    assert (digest.multiset(), digest.sequence()) == reference.digests(
        pa.table({"x": pa.array([1, None, -3]), "y": ["a ", "", None]})
    )
    assert digest.multiset() == "fc7e468cb48fa447b3cc16b6b3b7dd49"


@QUICK
@given(st.lists(st.integers(0, fingerprint.PRIME - 1), min_size=1, max_size=6), st.integers(0, 2**126 - 1))
def test_products_are_exact_over_the_whole_field(rows: list[int], point: int) -> None:
    edge = [*rows, 0, 1, fingerprint.PRIME - 1, fingerprint.PRIME - 2]
    lanes = np.array([[row >> 64, row & (2**64 - 1)] for row in edge], np.uint64)
    points = np.array([[point >> 64, point & (2**64 - 1)]] * 2, np.uint64)
    state = np.array([[0, 1], [0, 0]], np.uint64)
    fingerprint.gather(lanes, points, state)
    product, horner = 1, 0
    for row in edge:
        product = product * (row + point) % fingerprint.PRIME
        horner = (horner * point + row) % fingerprint.PRIME
    assert [(int(high) << 64) + int(low) for high, low in state] == [product, horner]


def test_what_is_compiled_at_install_is_all_that_a_chain_needs() -> None:
    # in a process of its own: what other tests have compiled would hide a lack
    code = """
import pyarrow as pa
from mr_platform.market.simulator.layout import PLATFORM_CHAIN
from mr_platform.migration import fingerprint as f
from mr_platform.migration.rowdigest import row_digest
from mr_platform.migration.warmup import compile_kernels
counts = lambda: [len(kernel.signatures) for kernel in (f.add_words, f.add_entries, f.gather)]
compile_kernels()
before = counts()
row_digest(pa.table([pa.nulls(3, field.type) for field in PLATFORM_CHAIN], schema=PLATFORM_CHAIN).slice(1))
print(before, counts())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[2, 1, 1] [2, 1, 1]"
