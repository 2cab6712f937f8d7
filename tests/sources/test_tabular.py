"""Files to raw symbol-days: lossless, traceable, and never the wrong profile."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from mr_platform.errors import SourceError
from mr_platform.sources import readers
from mr_platform.sources.profile import load_profile
from mr_platform.sources.tabular import merge_raw, path_facts, read_files, read_raw, table_files

HEAD = "Symbol,Expiry,Strike,CE_LTP,CE_OI,CE_Volume,PE_LTP,PE_OI,PE_Volume,Spot,%Change,timestamp,Max_Pain"
OLD_HEAD = "Stock,Expiry,Strike,CE_LTP,CE_OI,CE_Volume,PE_LTP,PE_OI,PE_Volume,Stock_LTP,timestamp"
ROW = "NIFTY,2026-01-27,25000.0,150.5,650,1300,90.25,1300,2600,25050.1,0.2,2026-01-22 10:00:31,25000"
WEBSITE = "CALLS,,PUTS\n,OI,VOLUME,IV,LTP,BID,ASK,STRIKE,BID,ASK,LTP,IV,VOLUME,OI,\n"


def profile():
    return load_profile("nse_snapshots_5min")


def test_rows_are_kept_as_the_source_said_them_with_their_provenance(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEAD}\n{ROW}\n{ROW.replace('NIFTY', 'BANKNIFTY')}\n")
    days = read_raw(profile(), [tmp_path / "a.csv"])
    assert [(day.symbol, day.trade_date, day.source) for day in days] == [
        ("BANKNIFTY", date(2026, 1, 22), "nse_snapshots_5min"),
        ("NIFTY", date(2026, 1, 22), "nse_snapshots_5min"),
    ]
    row = days[1].table.to_pylist()[0]
    assert row.items() >= {"Strike": "25000.0", "%Change": "0.2", "_file": "a.csv", "_row": 0}.items()
    assert days[0].table.to_pylist()[0]["_row"] == 1
    assert days[1].table.schema.metadata[b"profile"] == b"nse_snapshots_5min"


def test_types_that_drift_between_files_are_widened_without_loss(tmp_path: Path) -> None:
    base = {"Symbol": "NIFTY", "Expiry": "2026-01-27", "timestamp": "2026-01-22 10:00:31"}
    numbers = ("Strike", "CE_LTP", "CE_OI", "CE_Volume", "PE_LTP", "PE_OI", "PE_Volume", "Spot")
    pl.DataFrame([base | dict.fromkeys(numbers, 1)]).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame([base | dict.fromkeys(numbers, 1.5)]).write_parquet(tmp_path / "b.parquet")
    empty = pl.DataFrame([base | dict.fromkeys(numbers, 7)]).with_columns(pl.lit(None).alias("Spot"))
    empty.write_parquet(tmp_path / "c.parquet")
    (day,) = read_raw(profile(), [tmp_path])
    assert day.table["Strike"].to_pylist() == [1.0, 1.5, 7.0]
    assert day.table["Spot"].to_pylist() == [1.0, 1.5, None]


def test_a_row_whose_time_or_symbol_cannot_be_read_stays_with_its_neighbours(tmp_path: Path) -> None:
    broken = ROW.replace("2026-01-22 10:00:31", "").replace("NIFTY,", ",", 1)
    (tmp_path / "a.csv").write_text(f"{HEAD}\n{ROW}\n{broken}\n")
    (day,) = read_raw(profile(), [tmp_path / "a.csv"])
    assert day.table.num_rows == 2


def test_the_wrong_profile_is_refused_by_name_with_the_ones_that_fit(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEAD}\n{ROW}\n")
    with pytest.raises(SourceError) as caught:
        read_raw(load_profile("nse_snapshots_full"), [tmp_path / "a.csv"])
    assert "a.csv" in caught.value.place
    assert "Fetch_Time" in str(caught.value.value)
    assert "nse_snapshots_5min" in caught.value.remedy


def test_an_older_layout_of_the_same_source_is_understood(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(f"{OLD_HEAD}\nNIFTY,2026-01-27,25000,1,2,3,4,5,6,25050,2026-01-22 10:00:31\n")
    (tmp_path / "new.csv").write_text(f"{HEAD}\n{ROW}\n")
    (day,) = read_raw(profile(), [tmp_path])
    assert day.table.num_rows == 2


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("cut.parquet", b"PAR1 and no more"),
        ("empty.csv", b""),
        ("cut.csv", f"{HEAD}\n{ROW}\nNIFTY,2026-01-27,250".encode()),
        ("cut.csv.gz", gzip.compress(f"{HEAD}\n{ROW}\n".encode())[:-12]),
        ("bytes.csv", b"\xff\xfe\x00Symbol"),
        ("ragged.csv", f"{HEAD}\n{ROW},1,2,3\n{ROW}\n".encode()),
    ],
)
def test_a_broken_file_is_named_and_the_good_ones_go_on(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.csv").write_text(f"{HEAD}\n{ROW}\n")
    reading = read_files(profile(), [tmp_path])
    assert [Path(error.place).name for error in reading.errors] == [name]
    assert [day.table.num_rows for day in reading.days] == [1]
    with pytest.raises(SourceError, match="Remedy"):
        read_raw(profile(), [tmp_path / name])


def test_a_database_file_is_read_and_a_broken_one_named(tmp_path: Path) -> None:
    columns = "timestamp,symbol,expiry,strike,option_type,spot,ltp,volume,oi,iv,delta,gamma,theta,vega,rho"
    values = ("202608170931", "NIFTY50", "18-Aug-2026", 24300, "CE", 24293.9, 10.5, 1, 2.0, 12.0, 0.5, 0, 0, 0, None)
    with closing(sqlite3.connect(tmp_path / "chain.db")) as base:
        base.execute(f"create table chain ({columns})")
        base.execute("create table notes (text)")
        base.execute(f"insert into chain values ({','.join('?' * len(values))})", values)
        base.commit()
    one = load_profile("nse_snapshots_1min")
    (day,) = read_raw(one, [tmp_path / "chain.db"])
    assert (day.symbol, day.table.num_rows) == ("NIFTY", 1)
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + b"x" * 200)
    with pytest.raises(SourceError, match=r"broken\.db"):
        read_raw(one, [tmp_path / "broken.db"])


def test_input_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(f"{HEAD}\n{ROW}\n".encode() * 100))
    monkeypatch.setattr(readers, "MAX_TEXT_BYTES", 1000)
    with pytest.raises(SourceError, match="fits the bound"):
        read_raw(profile(), [tmp_path / "a.csv.gz"])


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="existing file or folder"):
        read_raw(profile(), [tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        ("2026-05-26/raw/nifty_option_chain_103337.csv", ("nifty", "2026-05-26", "103337", "2026-05-26")),
        ("2026-05-20/expiry=2026-05-26/nifty_option_chain_103337.csv", ("nifty", "2026-05-20", "103337", "2026-05-26")),
        (
            "date=2026-05-20/option-chain-ED-NIFTY-26-May-2026_101500.csv",
            ("NIFTY", "2026-05-20", "101500", "26-May-2026"),
        ),
    ],
)
def test_what_stands_in_the_path_alone_is_taken_from_it(path: str, facts: tuple[str, ...]) -> None:
    found = path_facts(load_profile("nse_website_download"), Path("/data") / path)
    assert tuple(found.get(name) for name in ("symbol", "date", "time", "expiry")) == facts


def test_the_website_s_columns_are_told_apart_by_the_side_of_the_strike(tmp_path: Path) -> None:
    path = tmp_path / "2026-05-26" / "nifty_option_chain_103337.csv"
    path.parent.mkdir()
    row = ',8,-,74.83,-,"3,921.15","4,011.25","20,100.00",0.15,0.20,0.15,106.67,"43,894","19,421",\n'
    path.write_text("\ufeff" + WEBSITE + row, encoding="utf-8")
    with pytest.raises(SourceError, match="nse_website_download"):
        read_raw(load_profile("nse_bars_1min"), [path])
    (day,) = read_raw(load_profile("nse_website_download"), [path])
    values = day.table.to_pylist()[0]
    assert (values["CALLS OI"], values["STRIKE"], values["PUTS OI"]) == ("8", "20,100.00", "19,421")
    assert (day.symbol, day.trade_date) == ("NIFTY", date(2026, 5, 26))


def test_a_delivery_replaces_the_file_of_its_name_and_keeps_the_others(tmp_path: Path) -> None:
    def deliver(name: str, *rows: str):
        (tmp_path / name).write_text("\n".join((HEAD, *rows)) + "\n")
        return read_raw(profile(), [tmp_path / name])[0].table

    later = ROW.replace("10:00:31", "10:05:31")
    old = merge_raw(deliver("a.csv", ROW), deliver("b.csv", later))
    assert old.num_rows == 2
    assert merge_raw(old, deliver("copy_of_a.csv", ROW)) is old
    grown = merge_raw(old, deliver("a.csv", ROW, later))
    assert grown["_file"].to_pylist() == ["a.csv", "a.csv", "b.csv"]
    assert set(table_files(grown)) == {"a.csv", "b.csv"}
