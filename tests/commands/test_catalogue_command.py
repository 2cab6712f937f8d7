"""``mr catalogue``: found by words, by component, as pages, as one page; wrong wishes are refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mr_platform.cli import main
from mr_platform.features.catalogue_html import html_page
from mr_platform.features.catalogue_pages import pages


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mr", "catalogue", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capfd.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    return run


def test_all_words_must_be_there_in_any_case(ask) -> None:
    code, out, _ = ask("--find", "PIN gamma", "--json")
    assert code == 0
    assert [row["name"] for row in json.loads(out)] == ["c2_dte_pin_risk", "c2_dte_pin_gamma_share"]
    assert json.loads(ask("--find", "no such word", "--json")[1]) == []


def test_a_component_alone_is_its_features_and_everything_is_all(ask) -> None:
    rows = json.loads(ask("--component", "c8", "--json")[1])
    assert len(rows) == 48 and {row["component"] for row in rows} == {"c8"}
    assert len(json.loads(ask("--json")[1])) == 774


def test_a_person_is_told_how_many_and_sees_the_words(ask) -> None:
    code, out, _ = ask("--component", "c8", "--find", "entropy")
    assert code == 0
    assert "Feature catalogue: 1 features" in out and "c8_regime_entropy" in out


def test_the_pages_and_the_page_to_search_in_are_written(ask, tmp_path: Path) -> None:
    code, out, err = ask("--out", tmp_path / "docs", "--html", tmp_path / "all.html")
    assert (code, out) == (0, "")
    assert "9 pages" in err
    written = {str(path.relative_to(tmp_path / "docs")): path.read_text() for path in tmp_path.rglob("*.md")}
    assert written == pages()
    assert (tmp_path / "all.html").read_text() == html_page()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--component", "c9"), "known: c1, c2"),
        (("--html", "page.pdf"), "an .html file"),
        (("--html", "page.html", "--component", "c8"), "pages tell of every feature"),
        (("--out", "docs", "--find", "gamma"), "pages tell of every feature"),
    ],
)
def test_a_wish_that_cannot_be_is_wrong_usage(ask, words, told, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = ask(*words)
    assert code == 2
    assert told in err
    assert list(tmp_path.iterdir()) == []
