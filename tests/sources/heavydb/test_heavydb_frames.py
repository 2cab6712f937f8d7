"""One answer is one whole Arrow table, or an error: never a table that is quietly shorter."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mr_platform.migration.standin.wire import arrow_frame
from mr_platform.sources.heavydb.frames import TruncatedFrame, table_of

TABLE = pa.table(
    {
        "n": pa.array(range(50), pa.int64()),
        "zone": pa.array(["OPEN", None, "", "LUNCH ", "x"] * 10).dictionary_encode(),
        "note": pa.array(["a", "bc", None, "", "é"] * 10),
    }
)


def test_a_frame_as_the_server_writes_it_is_read_whole() -> None:
    frame = arrow_frame(TABLE)
    assert not frame.endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")
    assert table_of(frame, len(frame)).equals(TABLE)


def test_an_answer_without_rows_has_the_schema() -> None:
    frame = arrow_frame(TABLE.slice(0, 0))
    assert table_of(frame, len(frame)).schema == TABLE.schema


def test_a_frame_cut_anywhere_is_no_table() -> None:
    frame = arrow_frame(TABLE)
    for end in range(len(frame)):
        with pytest.raises(TruncatedFrame):
            table_of(frame[:end], len(frame))
    # and without the stated size: at no place does a cut frame read as a shorter table
    for end in range(len(frame)):
        with pytest.raises(TruncatedFrame):
            table_of(frame[:end], None)


def test_two_record_batches_are_not_one_answer() -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        for batch in TABLE.to_batches(max_chunksize=25):
            writer.write_batch(batch)
    frame = bytes(sink.getvalue())
    with pytest.raises(TruncatedFrame, match="2 record batches"):
        table_of(frame, len(frame))


def test_an_index_outside_of_its_dictionary_is_no_table() -> None:
    wild = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), ["only"], safe=False)
    frame = arrow_frame(pa.table({"zone": wild}))
    with pytest.raises(TruncatedFrame, match="not whole Arrow"):
        table_of(frame, len(frame))


@pytest.mark.parametrize("frame", [b"", None, b"\x00" * 64, b"ARROW1" + b"x" * 50])
def test_bytes_that_are_no_frame_are_no_table(frame: bytes | None) -> None:
    with pytest.raises(TruncatedFrame):
        table_of(frame, len(frame or b""))
