"""The command line as its users type it: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

DAYS = ("2025-01-06", "2025-01-07")


def mr(*arguments: object, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MR_")}
    if home is not None:
        environment["MR_HOME"] = str(home)
    command = [sys.executable, "-m", "mr_platform", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)


def in_process(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], home: Path, *arguments: object
) -> tuple[int, str]:
    """Exit code and everything said, without the start of a process: what a traceback would show is raised here."""
    from mr_platform.cli import main

    monkeypatch.setattr(sys, "argv", ["mr", *map(str, arguments)])
    monkeypatch.setenv("MR_HOME", str(home))
    with pytest.raises(SystemExit) as stopped:
        main()
    said = capfd.readouterr()
    return int(stopped.value.code or 0), said.out + said.err


def document(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sessions of the embedded market's NIFTY, as files."""
    from datetime import date

    from mr_platform.market.simulator.parameters import load_embedded_market
    from mr_platform.market.simulator.writer import write_files

    out = tmp_path_factory.mktemp("files")
    config = load_embedded_market()
    write_files(
        out, config, symbols=["NIFTY"], sessions=[date.fromisoformat(d) for d in DAYS], seed=config.seed, workers=1
    )
    return out


@pytest.fixture(scope="module")
def home(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home into which both sessions were ingested."""
    home = tmp_path_factory.mktemp("home")
    chains = sorted(path for path in files.rglob("*.parquet") if "truth" not in str(path) and "daily" not in str(path))
    rows = document(mr("ingest", "platform_chain", *chains, "--json", "--workers", 1, home=home))
    assert [(r["symbol"], r["date"], r["status"]) for r in rows] == [("NIFTY", d, "ok") for d in DAYS]
    for row in rows:
        assert row["raw_rows"] == row["core_rows"] + row["quarantined_rows"] > 10_000  # type: ignore[operator]
    return home


def test_every_profile_is_listed_with_what_it_is() -> None:
    rows = document(mr("sources", "--json"))
    names = {row["profile"] for row in rows}
    assert {"nse_bars_1min", "nse_ticks", "platform_chain"} <= names
    assert all(row["description"] for row in rows)


def test_an_exported_partition_has_the_rows_that_ingest_counted(home: Path, tmp_path: Path) -> None:
    arguments = ("--symbol", "NIFTY", "--date", DAYS[0], "--home", home)
    quality = json.loads(mr("quality", *arguments, "--json").stdout)
    for table, rows in (("core/option_chain", quality["core_bars"]), ("core/quarantine", quality["quarantined_rows"])):
        out = tmp_path / "out.parquet"
        assert mr("export", table, *arguments, "--out", out).returncode == 0
        assert pq.read_metadata(out).num_rows == rows
    assert sum(quality["rules"].values()) > 0
    assert 0 < quality["coverage"] <= 1


def test_until_cuts_an_export_at_the_bar_that_had_closed(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    done = mr(
        "export",
        "core/option_chain",
        "--symbol",
        "NIFTY",
        "--date",
        DAYS[0],
        "--until",
        "10:15",
        "--out",
        out,
        "--home",
        home,
    )
    assert done.returncode == 0, done.stderr
    header, *lines = out.read_text().splitlines()
    at = [name.strip('"') for name in header.split(",")].index("ts")
    assert max(line.split(",")[at].strip('"')[11:16] for line in lines) == "10:15"


def test_features_come_in_catalogue_order_and_do_not_look_ahead(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [row["name"] for row in document(mr("catalogue", "--json"))]
    arguments = ("features", "--symbol", "NIFTY", "--date", DAYS[1], "--home", home)
    whole, part = tmp_path / "whole.parquet", tmp_path / "part.parquet"
    assert mr(*arguments, "--out", whole).returncode == 0
    assert mr(*arguments, "--until", "11:00", "--out", part).returncode == 0
    full, head = pq.ParquetFile(whole).read(), pq.ParquetFile(part).read()
    assert full.column_names == ["symbol", "event_ts", *names]
    assert (full.num_rows, head.num_rows) == (375, 106)
    assert full.slice(0, 106).to_pandas().equals(head.to_pandas())
    alone = tmp_path / "alone.parquet"
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    done = mr(*arguments, "--components", "c8", "--out", alone)
    assert done.returncode == 0
    # reading core goes without what making it from raw takes to load
    assert "| numba" in re.sub(r"\| +", "| ", done.stderr) and "polars" not in done.stderr
    # what it reads of the others is computed and left out
    columns = ["symbol", "event_ts", *(name for name in names if name.startswith("c8_"))]
    assert pq.ParquetFile(alone).read().to_pandas().equals(full.select(columns).to_pandas())


def test_the_quality_picture_is_a_png(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "quality.png"
    assert mr("quality", "--symbol", "NIFTY", "--date", DAYS[0], "--home", home, "--picture", out).returncode == 0
    assert out.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_ingesting_again_changes_nothing(home: Path, files: Path) -> None:
    lake = home / "lake"
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("*.parquet")}
    chain = next(p for p in sorted(files.rglob("*.parquet")) if "truth" not in str(p) and "daily" not in str(p))
    document(mr("ingest", "platform_chain", chain, "--json", "--workers", 1, home=home))
    assert {path: path.stat().st_mtime_ns for path in lake.rglob("*.parquet")} == before


WRONG = [
    (("ingest", "nope", "x.parquet"), (1, 2), "nope"),
    (("ingest", "platform_chain", "absent.parquet"), (1, 2), "absent.parquet"),
    (("ingest", "platform_chain"), (2,), "paths"),
    (("export", "core/option_chain", "--symbol", "NIFT", "--date", "2022-11-01", "--out", "x.csv"), (2,), "NIFTY"),
    (
        ("export", "core/option_chain", "--symbol", "NIFTY", "--date", "2022-13-01", "--out", "x.csv"),
        (2,),
        "YYYY-MM-DD",
    ),
    (("export", "core/option_chain", "--symbol", "NIFTY", "--date", "2022-11-01", "--out", "x.csv"), (1,), "published"),
    (("export", "../core", "--symbol", "NIFTY", "--date", "2022-11-01", "--out", "x.csv"), (2,), "layer/name"),
    (("features", "--symbol", "NIFTY", "--date", "2022-11-08", "--out", "x.parquet"), (1,), "holiday"),
    (("features", "--symbol", "NIFTY", "--date", "2031-01-01", "--out", "x.parquet"), (1,), "2026-12-31"),
    (("features", "--symbol", "NIFTY", "--date", DAYS[0], "--out", "x.xyz"), (2,), ".parquet"),
    (("features", "--symbol", "NIFTY", "--date", DAYS[0], "--out", "no/such/x.csv"), (2,), "folder"),
    (("features", "--symbol", "NIFTY", "--date", DAYS[0], "--until", "25:00", "--out", "x.csv"), (2,), "HH:MM"),
    (("features", "--symbol", "NIFTY", "--date", DAYS[0], "--until", "08:00", "--out", "x.csv"), (2,), "09:15"),
    (("features", "--symbol", "NIFTY", "--date", DAYS[0], "--engine", "gpu", "--out", "x.csv"), (2,), "gpu"),
    (("features", "--symbol", "NIFTY", "--date", DAYS[0], "--engine", "warp", "--out", "x.csv"), (2,), "warp"),
    (("features", "--symbol", "NIFTY", "--date", DAYS[0], "--components", "c99", "--out", "x.csv"), (2,), "c99"),
    (("features", "--symbol", "NIFTY", "--date", DAYS[0], "--every", "7", "--out", "x.csv"), (2,), "1 or 5"),
    (("quality", "--symbol", "BANKNIFTY", "--date", DAYS[0]), (1,), "published"),
    (("regime", "--symbol", "BANKNIFTY", "--date", DAYS[0]), (1,), "published"),
    (("bench", "nope"), (2,), "nope"),
    (("frobnicate",), (2,), "frobnicate"),
]


@pytest.mark.parametrize(("arguments", "codes", "said"), WRONG, ids=[" ".join(w[0])[:60] for w in WRONG])
def test_bad_input_ends_with_its_reason_and_never_with_a_traceback(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    codes: tuple[int, ...],
    said: str,
) -> None:
    placed = [str(tmp_path / a) if a.startswith(("x.", "no/")) else a for a in arguments]
    code, text = in_process(monkeypatch, capfd, home, *placed)
    assert code in codes, text
    assert said in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(500) + b"PAR1", b"a,b\n1,2\n", bytes(1000)])
@pytest.mark.parametrize("name", ["day.parquet", "day.csv", "day.csv.gz"])
def test_a_damaged_file_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], content: bytes, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    home = tmp_path / "home"
    code, text = in_process(monkeypatch, capfd, home, "ingest", "platform_chain", path, "--json", "--workers", 1)
    assert code == 1, text
    assert name in text
    assert list(home.rglob("*.parquet")) == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("ingest", "platform_chain", "absent.parquet", "--json"), 1),
        (("ingest", "nope", "absent.parquet", "--json"), 2),
        (("ingest", "platform_chain", "absent.parquet", "--date", "2025-02-30", "--json"), 2),
        (("quality", "--symbol", "BANKNIFTY", "--date", DAYS[0], "--json"), 1),
    ],
)
def test_a_failure_is_one_json_document_too(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
) -> None:
    from mr_platform.cli import main

    monkeypatch.setattr(sys, "argv", ["mr", *arguments])
    monkeypatch.setenv("MR_HOME", str(home))
    with pytest.raises(SystemExit) as stopped:
        main()
    said = json.loads(capsys.readouterr().out)
    assert stopped.value.code == code
    if isinstance(said, list):
        assert [(row["status"], row["raw_rows"]) for row in said] == [("refused", 0)]
        assert "absent.parquet" in said[0]["reason"]
    else:
        assert said["rule"]
        assert said["remedy"]


@pytest.mark.parametrize("ending", ["parquet", "csv", "json"])
@pytest.mark.parametrize("table", ["raw/option_chain", "core/quarantine", "core/quality_report", "core/daily_bars"])
def test_every_published_table_goes_out_in_every_format(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    table: str,
    ending: str,
) -> None:
    import csv

    from mr_platform.lake.store import Lake
    from mr_platform.sources.ingest import ingest

    symbol, day, out = "NIFTY", DAYS[0], tmp_path / f"out.{ending}"
    if table == "core/daily_bars":
        symbol, day, history = "INDIAVIX", "1970-01-01", tmp_path / "india_vix.csv"
        history.write_text("date,open,high,low,close\n2025-01-06,14,15,13,14.5\n")
        ingest(Lake(home / "lake"), "daily_index", [history])
    code, text = in_process(
        monkeypatch, capfd, home, "export", table, "--symbol", symbol, "--date", day, "--out", out, "--home", home
    )
    assert code == 0, text
    count = int(text.split(" rows of ")[0].split()[-1])
    if ending == "parquet":
        assert pq.ParquetFile(out).metadata.num_rows == count > 0
    elif ending == "json":
        assert len(json.loads(out.read_text())) == count
    else:
        assert len(list(csv.DictReader(out.open()))) == count


def test_a_wrong_word_at_a_real_terminal_ends_with_usage(tmp_path: Path) -> None:
    done = mr("ingest", "platform_chain", home=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "paths" in done.stderr.lower()
