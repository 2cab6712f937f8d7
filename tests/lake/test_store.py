"""Publishing is atomic, idempotent and heals; a reader sees the old object or the new one."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from mr_platform.errors import ConflictError, CorruptPartition, DataError, MissingPartition, UsageError
from mr_platform.lake.layout import Partition, parse_path, partition_path
from mr_platform.lake.store import Lake

DAY = Partition("NIFTY", dt.date(2022, 11, 1))
TABLE = "core/option_chain"

# Publishes versions of a partition for ever; each version is recognisable in every one of its rows.
WRITER = """
import datetime as dt, sys, pathlib, pyarrow as pa
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
lake = Lake(pathlib.Path(sys.argv[1]))
version = int(sys.argv[2])
while True:
    version += 2
    lake.publish("core/option_chain", Partition("NIFTY", dt.date(2022, 11, 1)), pa.table({"v": [version] * 200_000}))
    print(version, flush=True)
"""


def rows(*values: int) -> pa.Table:
    return pa.table({"v": list(values)})


def test_the_same_content_is_published_once(lake: Lake) -> None:
    first = lake.publish(TABLE, DAY, rows(1, 2), metadata={"profile": "p", "run_id": "a"})
    stamp = first.path.stat().st_mtime_ns
    again = lake.publish(TABLE, DAY, rows(1, 2), metadata={"profile": "p", "run_id": "b"})
    assert (first.changed, again.changed, again.path.stat().st_mtime_ns) == (True, False, stamp)
    assert lake.publish(TABLE, DAY, rows(1, 2), metadata={"profile": "q"}).changed
    assert lake.publish(TABLE, DAY, rows(1, 3), metadata={"profile": "q"}).changed


def test_metadata_read_back_may_be_published_again(lake: Lake) -> None:
    lake.publish(TABLE, DAY, rows(1), metadata={"profile": "p"})
    read = lake.read(TABLE, DAY)
    metadata = {key.decode(): value.decode() for key, value in read.schema.metadata.items()}
    assert not lake.publish(TABLE, DAY, read, metadata=metadata).changed


def test_the_same_rows_give_the_same_bytes(lake: Lake, tmp_path: Path) -> None:
    other = Lake(tmp_path / "other")
    a = lake.publish(TABLE, DAY, rows(1, 2), metadata={"b": "2", "a": "1"})
    b = other.publish(TABLE, DAY, rows(1, 2), metadata={"a": "1", "b": "2"})
    assert a.path.read_bytes() == b.path.read_bytes()


def test_reading_gives_rows_and_metadata(lake: Lake) -> None:
    lake.publish(TABLE, DAY, pa.table({"v": [1], "w": ["x"]}), metadata={"profile": "p"})
    table = lake.read(TABLE, DAY, columns=["w"])
    assert table.to_pydict() == {"w": ["x"]}
    assert table.schema.metadata[b"profile"] == b"p"
    assert lake.verify(TABLE, DAY).rows == 1


def test_an_unknown_column_is_named(lake: Lake) -> None:
    lake.publish(TABLE, DAY, rows(1))
    with pytest.raises(UsageError, match="nope"):
        lake.read(TABLE, DAY, columns=["nope"])


def test_a_missing_partition_says_what_is_there(lake: Lake) -> None:
    lake.publish(TABLE, DAY, rows(1))
    with pytest.raises(MissingPartition, match=r"2022-11-02.*last 2022-11-01"):
        lake.read(TABLE, Partition("NIFTY", dt.date(2022, 11, 2)))


def test_partitions_and_sources_are_listed_in_order(lake: Lake) -> None:
    late = Partition("BANKNIFTY", dt.date(2022, 11, 2))
    for source in ("b", "a"):
        lake.publish("raw/option_chain", DAY, rows(1), source=source)
    lake.publish("raw/option_chain", late, rows(1), source="b")
    assert lake.partitions("raw/option_chain") == [late, DAY]
    assert lake.partitions("raw/option_chain", source="a") == [DAY]
    assert lake.sources("raw/option_chain", DAY) == ["a", "b"]


@pytest.mark.parametrize("symbol", ["../x", "a/b", "", "x" * 65, ".hidden", "a..b"])
def test_a_symbol_that_would_leave_its_folder_is_refused(symbol: str) -> None:
    with pytest.raises(UsageError, match="symbol"):
        partition_path(TABLE, Partition(symbol, DAY.trade_date))


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", "a/../../b", "models/.x"])
def test_a_document_that_would_leave_the_lake_is_refused(lake: Lake, name: str) -> None:
    with pytest.raises(UsageError):
        lake.put_object(name, b"x")


def test_paths_parse_back() -> None:
    assert parse_path(*partition_path(TABLE, DAY, "nse").relative_to(TABLE).parts) == ("nse", DAY)
    assert parse_path("", *partition_path(TABLE, DAY).relative_to(TABLE).parts) == ("", DAY)


@pytest.mark.parametrize(
    "parts",
    [
        ("", "symbol=NIFTY", "trade_date=2022-13-01.parquet"),
        ("", "symbol=NIFTY", ".trade_date=2022-11-01.parquet.lock"),
        ("", "symbol=NIFTY", "notes.txt"),
        ("", "NIFTY", "trade_date=2022-11-01.parquet"),
    ],
)
def test_anything_else_is_no_partition(parts: tuple[str, str, str]) -> None:
    assert parse_path(*parts) is None


def test_documents_round_trip(lake: Lake) -> None:
    lake.put_object("models/regime_h12/a.json", b"{}")
    assert lake.get_object("models/regime_h12/a.json") == b"{}"
    assert lake.objects("models") == ["models/regime_h12/a.json"]
    with pytest.raises(MissingPartition, match=r"a\.json"):
        lake.get_object("models/nope.json")


@pytest.mark.parametrize("keep", [0, 3, 100, -5])
def test_a_truncated_object_is_named_and_the_next_publish_heals_it(lake: Lake, keep: int) -> None:
    path = lake.publish(TABLE, DAY, rows(*range(1000))).path
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    with pytest.raises(CorruptPartition, match=r"trade_date=2022-11-01\.parquet"):
        lake.read(TABLE, DAY)
    assert lake.publish(TABLE, DAY, rows(*range(1000))).changed
    assert lake.read(TABLE, DAY).num_rows == 1000


def test_a_flipped_value_is_found_by_its_digest(lake: Lake) -> None:
    path = lake.publish(TABLE, DAY, rows(*range(1000))).path
    other = Lake(lake.root / "other")
    bad = other.publish(TABLE, DAY, rows(*range(999), 7), metadata={}).path
    import pyarrow.parquet as pq

    forged = pq.ParquetFile(bad).read().replace_schema_metadata(pq.ParquetFile(path).schema_arrow.metadata)
    pq.write_table(forged, path)
    with pytest.raises(CorruptPartition, match="digest"):
        lake.verify(TABLE, DAY)


@pytest.mark.slow
def test_fifty_kills_leave_no_torn_object(lake: Lake) -> None:
    lake.publish(TABLE, DAY, rows(*[0] * 200_000))
    draw = random.Random(7)
    versions = set()
    for kill in range(50):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(lake.root), str(1000 * kill)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(draw.uniform(0.0, 0.1))
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        seen = set(lake.read(TABLE, DAY)["v"].to_pylist())
        assert len(seen) == 1, "a reader saw rows of two versions"
        versions |= seen
        lake.verify(TABLE, DAY)
    assert len(versions) == 50, "each writer published at least once before its kill"
    lake.publish(TABLE, DAY, rows(1))
    assert [p.name for p in lake.path(TABLE, DAY).parent.glob(".*.scratch")] == []


@pytest.mark.slow
def test_two_writers_and_a_reader_never_see_a_mix(lake: Lake) -> None:
    lake.publish(TABLE, DAY, rows(*[0] * 200_000))
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(lake.root), start], stdout=subprocess.PIPE)
        for start in ("0", "1")
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()
        seen = set()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not ({v % 2 for v in seen if v} == {0, 1} and len(seen) > 5):
            values = set(lake.read(TABLE, DAY)["v"].to_pylist())
            assert len(values) == 1
            seen |= values
        assert {v % 2 for v in seen if v} == {0, 1}, "one of the writers was never seen"
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
            assert writer.stdout is not None
            writer.stdout.close()


def test_a_full_disk_keeps_the_old_object(lake: Lake) -> None:
    import resource

    lake.publish(TABLE, DAY, rows(1, 2, 3))
    child = os.fork()
    if child == 0:
        code = 9
        try:
            # a file-size limit fails the write where a full disk would: inside it, with an OSError
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            draw = random.Random(1)
            lake.publish(TABLE, DAY, pa.table({"v": [draw.random() for _ in range(100_000)]}))
        except DataError as error:
            code = 0 if "untouched" in str(error) else 8
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert lake.read(TABLE, DAY)["v"].to_pylist() == [1, 2, 3]
    assert list(lake.path(TABLE, DAY).parent.glob(".*.scratch")) == []


def test_a_new_document_is_written_once_and_never_replaced(lake: Lake) -> None:
    lake.create_object("parameters/versions/1.json", b"first")
    for again in (b"first", b"second"):
        with pytest.raises(ConflictError, match="the document is new"):
            lake.create_object("parameters/versions/1.json", again)
    assert lake.get_object("parameters/versions/1.json") == b"first"


def test_of_many_who_create_one_document_exactly_one_succeeds(lake: Lake) -> None:
    def create(writer: int) -> bool:
        try:
            lake.create_object("parameters/versions/1.json", str(writer).encode())
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(create, range(8)))
    assert found.count(True) == 1
    assert lake.get_object("parameters/versions/1.json") == str(found.index(True)).encode()
