"""A hostile file is refused before anything parses it, with its rule and place, in little time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from hostile import HOSTILE, SHEET, cell, changed, harmless, zipped

from mr_platform.errors import SourceError
from mr_platform.parameters.container import read_entries, unpack, write_entries
from mr_platform.parameters.safety import check_bytes, check_file
from mr_platform.parameters.workbook import read_workbook

# Refuses the file in a process of its own, which may use two seconds of the processor and says what it took.
REFUSE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
from pathlib import Path
from mr_platform.errors import SourceError
from mr_platform.parameters.workbook import read_workbook
try:
    read_workbook(Path(sys.argv[1]))
except SourceError as error:
    print(error, file=sys.stderr)
# the process's own high-water mark: that of getrusage also counts the parent it was started from
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
HEAVY = [
    "bomb of 50 MB",
    "bomb of many parts",
    "50,000 parts",
    "sheet of 50 MB",
    "200,000 cells",
    "huge shared texts",
    "one text a hundred thousand times",
    "cell in the far corner",
    "far corner by the row's number",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_rule_and_place(tmp_path: Path, name: str) -> None:
    build, rule, place = HOSTILE[name]
    path = tmp_path / "hostile.xlsx"
    path.write_bytes(build())
    with pytest.raises(SourceError, match=rule) as refused:
        check_file(path)
    assert "hostile.xlsx" in refused.value.place and place in refused.value.place
    assert refused.value.remedy and str(refused.value.value)


@pytest.mark.parametrize("name", HEAVY)
def test_a_heavy_file_is_refused_within_two_seconds_and_200_megabytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "heavy.xlsx"
    path.write_bytes(HOSTILE[name][0]())
    done = subprocess.run([sys.executable, "-c", REFUSE, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert HOSTILE[name][1].split("|")[-1] in done.stderr
    assert int(done.stdout) < 200_000


def test_the_largest_workbook_let_through_is_read_within_200_megabytes(tmp_path: Path) -> None:
    """The limits themselves hold: what just passes them cannot exhaust the parser."""
    rows = "".join(
        f'<row r="{n}">' + "".join(f'<c r="{c}{n}"><v>{n}.5</v></c>' for c in "ABCDE") + "</row>"
        for n in range(1, 19_900)
    )
    sheet = f"<worksheet><sheetData>{rows}</sheetData></worksheet>".encode()
    path = tmp_path / "large.xlsx"
    path.write_bytes(zipped(harmless() | {SHEET: sheet}))
    done = subprocess.run([sys.executable, "-c", REFUSE, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) < 200_000


@pytest.mark.parametrize("name", ["book.xls", "book.csv", "book.xlsm", "book.zip", "book"])
def test_a_file_of_another_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(zipped(harmless()))
    with pytest.raises(SourceError, match=r"a workbook is an \.xlsx file"):
        check_file(tmp_path / name)


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    real, link, folder, pipe = (tmp_path / f"{name}.xlsx" for name in ("real", "link", "folder", "pipe"))
    real.write_bytes(zipped(harmless()))
    link.symlink_to(real)
    folder.mkdir()
    os.mkfifo(pipe)
    assert check_file(real).sheets[0].name == "Parameters"
    for path, rule in ((link, "not a link to one"), (folder, "a regular file"), (pipe, "a regular file")):
        with pytest.raises(SourceError, match=rule):
            check_file(path)
    with pytest.raises(SourceError, match="a workbook can be opened"):
        check_file(tmp_path / "absent.xlsx")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for the superuser")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "closed.xlsx"
    path.write_bytes(zipped(harmless()))
    path.chmod(0)
    with pytest.raises(SourceError, match="a workbook can be opened"):
        check_file(path)


def test_all_formulas_are_told_of_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sums.xlsx"
    book = openpyxl.Workbook()
    for row in range(1, 15):
        book.active[f"C{row}"] = f"=A{row}+B{row}"
    book.save(path)
    with pytest.raises(SourceError) as refused:
        check_file(path)
    assert refused.value.place == "sums.xlsx!Sheet!C1"
    assert refused.value.value == "A1+B1"
    assert "14 cells: C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, ..." in refused.value.remedy


@pytest.mark.parametrize(
    "harmless_variant",
    [
        changed("xl/workbook.xml", "<definedNames />", "<definedNames><definedName name='_xlnm.Print_Area'>"
                "'Parameters (1)'!$A$1:$B$9</definedName></definedNames>"),
        cell('<c r="B2" t="inlineStr"><is><t>a &lt;f&gt; b</t></is></c>'),
        cell('<c t="n" r="B2"><v>20</v></c>'),
        cell('<c><v>20</v></c>'),
        changed(SHEET, "</worksheet>", '<dataValidations count="1"><dataValidation type="list" sqref="B2">'
                '<formula1>"1,20"</formula1></dataValidation></dataValidations></worksheet>'),
        changed(SHEET, "<sheetData>", "<!-- made by hand --><sheetData>"),
    ],
)  # fmt: skip
def test_what_only_looks_like_danger_is_read(tmp_path: Path, harmless_variant: object) -> None:
    path = tmp_path / "fine.xlsx"
    path.write_bytes(harmless_variant())  # type: ignore[operator]
    assert read_workbook(path).sheets["Parameters"].at("B2").value in (20, "a <f> b")


def test_the_customers_workbooks_pass(shared_data: Path) -> None:
    for path in sorted((shared_data.parent / "excel").glob("*.xlsx")):
        assert check_file(path).sheets


def test_a_container_written_anew_holds_the_same_parts(shared_data: Path) -> None:
    data = next((shared_data.parent / "excel").glob("*STRATEGY*")).read_bytes()
    entries = read_entries(data, "book")
    again = read_entries(write_entries(entries), "book")
    assert again == entries
    assert [unpack(e, "") for e in again] == [unpack(e, "") for e in entries]


def test_a_damaged_workbook_is_refused_or_read_but_never_crashes(shared_data: Path) -> None:
    """A thousand seeded damages to the container and to the sheets: a refusal with a place, or the cells."""
    import random

    from mr_platform.parameters.container import Entry
    from mr_platform.parameters.workbook import parse

    path = shared_data.parent / "excel" / "MR_CONFIG_PORTFOLIO_1.0.0.xlsx"
    data = path.read_bytes()
    entries = read_entries(data, "book")
    sheet = next(i for i, e in enumerate(entries) if e.name == SHEET)
    content = unpack(entries[sheet], "book")
    chance = random.Random(7)
    refused = read = 0
    for turn in range(1_000):
        target = bytearray(data if turn % 2 else content)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(target))
            if chance.random() < 0.5:
                target[at] = chance.randrange(256)
            else:
                del target[at : at + chance.randint(1, 30)]
        if turn % 2 == 0:
            mended = list(entries)
            mended[sheet] = Entry.of(SHEET, bytes(target))
            target = bytearray(write_entries(mended))
        try:
            parse(check_bytes(bytes(target), path))
            read += 1
        except SourceError as error:
            assert path.name in error.place
            refused += 1
    assert refused > 400 and read > 50
