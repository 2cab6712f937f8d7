"""A workbook that was typed once is not typed again, and what is kept is never taken for another's."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from mr_platform.parameters import loading, set_cache
from mr_platform.parameters.loading import read_set
from mr_platform.parameters.resolution import ParameterSet
from mr_platform.parameters.template import build_workbook

RATE = "StabilityConfiguration.learning_rate"
VARIABLE = "MR_PARAMETER__StabilityConfiguration__learning_rate"


@pytest.fixture(scope="module")
def generated() -> bytes:
    return build_workbook()


@pytest.fixture
def workbook(generated: bytes, tmp_path: Path) -> Path:
    """A workbook with a fault, a warning, a number as text and a description of its own."""
    path = tmp_path / "book.xlsx"
    path.write_bytes(generated)
    book = openpyxl.load_workbook(path)
    sheet = book["StabilityConfiguration"]
    sheet["B2"], sheet["B3"], sheet["C4"], sheet["A5"] = "soon", "240", 7, "stranger"
    (gamma,) = (row[1] for row in book["GreekSentimentConfig"].iter_rows() if row[0].value == "gamma_weight")
    gamma.value = 0.5
    book["TransitionRules"]["H2"] = "in other words"
    book.save(path)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def same(one: ParameterSet, other: ParameterSet) -> bool:
    parts = ("resolved", "keys", "faults", "warnings", "remarks", "contradictions", "counts", "kinds", "digest")
    return all(getattr(one, part) == getattr(other, part) for part in parts)


def kept(cache: Path) -> list[Path]:
    return sorted(cache.glob("set-*.json"))


def test_a_kept_set_is_the_one_that_was_read(workbook: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = read_set(workbook, {})
    assert fresh.faults and fresh.warnings and fresh.remarks and fresh.contradictions
    assert same(read_set(workbook, {}, cache=cache), fresh)
    assert len(kept(cache)) == 1

    def unread(*_: object, **__: object) -> None:
        raise AssertionError("the workbook was read again")

    monkeypatch.setattr(loading, "read_workbook", unread)
    assert same(read_set(workbook, {}, cache=cache), fresh)


def test_other_bytes_another_name_and_other_overrides_are_another_set(workbook: Path, cache: Path) -> None:
    read_set(workbook, {}, cache=cache)
    renamed = workbook.rename(workbook.with_name("other.xlsx"))
    assert read_set(renamed, {}, cache=cache).faults[0].where.startswith("other.xlsx!")
    assert read_set(renamed, {VARIABLE: "0.2"}, cache=cache).warnings[-1].where == VARIABLE
    read_set(renamed, {"HOME": "/nowhere"}, cache=cache)
    assert len(kept(cache)) == 3
    book = openpyxl.load_workbook(renamed)
    book["StabilityConfiguration"]["B2"] = 20
    book.save(renamed)
    assert read_set(renamed, {}, cache=cache).values["StabilityConfiguration.minimum_regime_duration"] == 20


def test_a_change_of_the_code_that_reads_is_another_set(
    workbook: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_set(workbook, {}, cache=cache)
    monkeypatch.setattr(set_cache, "_sources", lambda: "another")
    read_set(workbook, {}, cache=cache)
    assert len(kept(cache)) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"ids": [1]}', b"\xff\xfe", b'{"ids": [], "values": [1]}'])
def test_a_damaged_document_is_written_anew(workbook: Path, cache: Path, content: bytes) -> None:
    fresh = read_set(workbook, {}, cache=cache)
    (path,) = kept(cache)
    whole = path.read_bytes()
    path.write_bytes(content)
    assert same(read_set(workbook, {}, cache=cache), fresh)
    assert path.read_bytes() == whole


def test_rules_between_values_are_judged_anew_on_a_kept_set(
    workbook: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shares() -> list[str]:
        return [one.rule for one in read_set(workbook, {}, cache=cache).faults if "sum to 1" in one.rule]

    assert len(shares()) == len(shares()) == 1
    monkeypatch.setattr(loading, "validated", lambda found: found)
    assert shares() == []


def test_a_cache_that_cannot_be_written_costs_time_only(workbook: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert same(read_set(workbook, {}, cache=tmp_path / "file"), read_set(workbook, {}))
