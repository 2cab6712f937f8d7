"""The Arrow frame of one answer: whole, or an error.

The server writes the schema, one dictionary a text column and ONE record batch, and no end-of-stream mark: a buffer cut
between two messages would read as a table without rows. So the size that the answer states, and the batch, are checked.
"""

from __future__ import annotations

import pyarrow as pa


class TruncatedFrame(Exception):
    """The bytes are not one whole Arrow table; the connection they came by is not to be used again."""


def table_of(buffer: bytes | None, stated: int | None) -> pa.Table:
    """The table; TruncatedFrame unless ``buffer`` has the ``stated`` size and holds a schema and one record batch."""
    size = len(buffer or b"")
    if not buffer or (stated is not None and stated != size):
        raise TruncatedFrame(f"the answer has {size} bytes of {stated}")
    try:
        reader = pa.ipc.open_stream(buffer)
        schema = reader.schema
    except (pa.ArrowException, OSError) as error:
        raise TruncatedFrame(f"the answer holds no Arrow schema: {error}") from error
    if _no_rows(buffer):
        return schema.empty_table()
    try:
        batches = list(reader)
        table = pa.Table.from_batches(batches, schema=schema)
        # offsets and dictionary indices within their buffers: a torn frame must not become a wild read
        table.validate(full=True)
    except (pa.ArrowException, OSError) as error:
        raise TruncatedFrame(f"the answer is not whole Arrow: {error}") from error
    if len(batches) != 1:
        raise TruncatedFrame(f"the answer holds {len(batches)} record batches, and not one")
    return table


def _no_rows(buffer: bytes) -> bool:
    """Whether the last message is a record batch without a body: for no rows the server writes one without columns."""
    last = None
    try:
        for message in pa.ipc.MessageReader.open_stream(pa.BufferReader(buffer)):
            last = message
    except (pa.ArrowException, OSError) as error:
        raise TruncatedFrame(f"the answer is not whole Arrow: {error}") from error
    return last is not None and last.type == "record batch" and (last.body is None or last.body.size == 0)
