"""The catalogue as people browse it: the pages of the repository are those that are made, and tell of everything."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mr_platform.features.catalogue import catalogue, component, components
from mr_platform.features.catalogue_html import html_page
from mr_platform.features.catalogue_pages import (
    INDEX,
    first_minute,
    mirrored,
    pages,
    shared_parameters,
    span,
    steering,
)
from mr_platform.features.catalogue_table import FEATURE_CATALOGUE, catalogue_table
from mr_platform.features.groups import GUIDES, by_group

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_pages_of_the_repository_are_those_that_are_made() -> None:
    made = pages()
    assert {name: (DOCS / name).read_text() == text for name, text in made.items()} == dict.fromkeys(made, True)
    assert {f"catalogue/{path.name}" for path in (DOCS / "catalogue").iterdir()} | {INDEX} == set(made)


def test_every_component_and_group_has_a_title_and_a_question_of_its_own() -> None:
    assert {key: set(guide.groups) for key, guide in GUIDES.items()} == {
        entry.key: set(by_group(entry)) for entry in components()
    }
    groups = [group for guide in GUIDES.values() for group in guide.groups.values()]
    assert len({group.title for group in groups}) == len({group.purpose for group in groups}) == 32
    assert all(group.purpose.endswith("?") for group in groups)


def test_each_feature_stands_once_in_a_table_of_seven_columns() -> None:
    rows = {}
    for name, text in pages().items():
        for line in text.splitlines():
            found = re.match(r'\| <a id="(\w+)"></a>`(\w+)` \|', line)
            if found:
                assert found.group(1) == found.group(2) not in rows
                rows[found.group(1)] = name
                assert len(re.findall(r"(?<!\\)\|", line)) == 8, line
    assert rows == {spec.name: f"catalogue/{entry.folder}.md" for entry in components() for spec in entry.features}


def test_no_link_leads_nowhere() -> None:
    made = pages()
    for name, text in made.items():
        for target in re.findall(r"\]\(([^)]+)\)", text):
            path, _, anchor = target.partition("#")
            page = str((DOCS / name).parent.joinpath(path).resolve().relative_to(DOCS)) if path else name
            assert page in made, target
            assert not anchor or f'<a id="{anchor}"></a>' in made[page], target


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("c1_ema_deviation_atm_20", ("any", "bar 20", "same")),
        ("c1_pivot_score_atm", ("-1 to 1", "bar 1", "same")),
        ("c1_pivot_position_underlying", ("any", "bar 1", "turns")),
        ("c2_first_order_delta_ce", ("from 0", "bar 1", "")),
        ("c3_rolling_buildup_ce_3", ("-1 to 1", "bar 4", "-c3_rolling_buildup_pe_3")),
        ("c3_cumulative_oi_velocity_ce_5", ("from -1", "bar 6", "c3_cumulative_oi_velocity_pe_5")),
    ],
)
def test_a_row_says_range_first_bar_and_mirror_in_words(name: str, wanted: tuple[str, str, str]) -> None:
    (spec,) = [one for one in catalogue() if one.name == name]
    assert (span(spec), first_minute(spec), mirrored(spec)) == wanted


def test_what_needs_another_session_says_so() -> None:
    later = [spec for spec in catalogue() if spec.warmup_minutes > 375]
    assert later and {first_minute(spec) for spec in later} == {"second session"}


def test_parameters_that_all_of_a_group_use_are_told_once_above_the_table() -> None:
    groups = by_group(component("c8"))
    assert shared_parameters(groups["dte"]) == ("weights.by_dte", "history.range_bounds", "degraded_weight")
    own = {name for spec in groups["dte"] for name in spec.parameters} - set(shared_parameters(groups["dte"]))
    text = pages()["catalogue/c8_master_integration.md"].split('<a id="dte"></a>')[1].split('<a id="structure"></a>')[0]
    assert text.count("`degraded_weight`") == 1
    assert all(name in text for name in own)


def test_every_parameter_of_a_feature_is_told_with_its_place_in_the_workbook() -> None:
    for entry in components():
        told = {name for one in steering(entry) for name in one.names}
        assert told == {name for spec in entry.features for name in spec.parameters}
        assert len({one.id for one in steering(entry)}) == len(steering(entry))
    spans = [one for one in steering(component("c1")) if one.id == "StraddleAnalysisConfig.ema_spans"]
    assert [(one.names, one.default) for one in spans] == [(("ema_spans",), "20,50,100,200")]


def test_the_page_to_search_in_holds_the_whole_catalogue_and_asks_for_nothing_else() -> None:
    text = html_page()
    data = re.search(r'<script type="application/json" id="catalogue">(.*?)</script>', text, re.S)
    assert data is not None
    held = json.loads(data.group(1))
    names = [one["name"] for part in held["components"] for group in part["groups"] for one in group["features"]]
    assert names == [spec.name for spec in catalogue()]
    assert held["total"] == 774
    assert not re.search(r"https?://|src=|@import|url\(", text)
    assert html_page() == text


def test_the_catalogue_as_a_table_keeps_its_contract_and_every_word() -> None:
    table = catalogue_table()
    assert table.schema.equals(FEATURE_CATALOGUE.arrow())
    table.validate(full=True)
    assert table["position"].to_pylist() == list(range(1, 775))
    assert table["formula"].to_pylist() == [spec.description for spec in catalogue()]
    row = table.slice(0, 1).to_pylist()[0]
    assert (row["lowest"], row["highest"], row["feature_group"]) == (None, None, "ema")
