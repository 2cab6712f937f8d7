"""A set goes to YAML and back without a change; what a person edits in between is judged as a workbook's cells are."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mr_platform.errors import SourceError
from mr_platform.parameters.document_tree import parse_document
from mr_platform.parameters.interchange import as_yaml, read_yaml
from mr_platform.parameters.resolution import ParameterSet, default_set, resolve
from mr_platform.parameters.validation import with_value
from mr_platform.parameters.workbook import read_workbook


@pytest.fixture(scope="module")
def defaults() -> ParameterSet:
    return default_set()


def reread(tmp_path: Path, text: str) -> ParameterSet:
    (tmp_path / "set.yaml").write_text(text, encoding="utf-8")
    return read_yaml(tmp_path / "set.yaml", {})


@pytest.mark.parametrize("name", ["STRATEGY", "PORTFOLIO", "REGIME", "OPTIMIZATION"])
def test_a_workbook_goes_to_yaml_and_back_without_a_change(shared_data: Path, tmp_path: Path, name: str) -> None:
    found = resolve(read_workbook(shared_data.parent / "excel" / f"MR_CONFIG_{name}_1.0.0.xlsx"), {})
    again = reread(tmp_path, as_yaml(found))
    assert again.digest == found.digest
    assert again.values == found.values and again.keys == found.keys
    assert (again.faults, again.warnings, again.remarks) == ((), (), ())
    assert as_yaml(again) == as_yaml(found)


def test_values_changed_in_a_set_survive_the_way(tmp_path: Path, defaults: ParameterSet) -> None:
    changed = with_value(defaults, "StabilityConfiguration.minimum_regime_duration", 45, place="test")
    changed = with_value(changed, "GreekSentimentConfig.gamma_weight", 0.3, place="test")
    assert reread(tmp_path, as_yaml(changed)).digest == changed.digest != defaults.digest


def test_any_yaml_reader_sees_the_same_types(defaults: ParameterSet) -> None:
    """PyYAML reads by YAML 1.1, in which an unquoted NO is a truth value and 09:15 may be a number."""
    document = yaml.safe_load(as_yaml(defaults))
    for one in defaults.declared.parameters.values():
        said, value = document["parameters"][one.sheet][one.name], defaults.values[one.id]
        meant = value if isinstance(value, bool) else one.kind.render(value)
        assert said == meant, one.id
        assert type(said) is type(meant) or (type(said), type(meant)) == (int, float), one.id
    assert document["digest"] == defaults.digest
    first = document["tables"]["RegimeClassification"][0]
    assert list(first) == list(defaults.declared.tables["RegimeClassification", ""].names)


def test_the_document_tells_units_ranges_and_meanings(defaults: ParameterSet) -> None:
    line = next(line for line in as_yaml(defaults).splitlines() if "minimum_regime_duration:" in line)
    one = defaults.declared.parameters["StabilityConfiguration.minimum_regime_duration"]
    assert line == f"    minimum_regime_duration: 30  # minutes, 15-120: {one.description}"


def test_one_sheet_alone_takes_defaults_for_the_rest(tmp_path: Path, defaults: ParameterSet) -> None:
    text = as_yaml(defaults, sheet="RegimeClassification")
    assert "StabilityConfiguration" not in text and "Trend Thresholds" in text
    assert reread(tmp_path, text).digest == defaults.digest


def test_all_faults_are_told_of_at_once_with_their_lines(tmp_path: Path) -> None:
    found = reread(
        tmp_path,
        "parameters:\n"
        "  StabilityConfiguration:\n"
        "    minimum_regime_duration: 999\n"
        "    maximum_regime_duration: long\n"
        "    transition_cooldown: [1]\n"
        "    confirmation_window:\n"
        "    no_such_thing: 1\n"
        "  GreekSentimentConfig:\n"
        "    gamma_weight: 0.3\n"
        "  MasterConfiguration:\n"
        "    market_open_time: 09:20\n"
        "tables:\n"
        "  RegimeClassification.Trend Thresholds:\n"
        "    - {Class: A, MinSlope: -1, MaxSlope: x, MinADX: 30, Description: d}\n"
        "    - {Class: A, MinSlope: -1, MaxSlope: 0, MinADX: 30, Description: d}\n"
        "    - {Class: B}\n"
        "  Elsewhere: []\n",
    )
    assert [one.where for one in found.faults][:4] == ["set.yaml:3", "set.yaml:4", "set.yaml:5", "set.yaml:6"]
    assert {one.where for one in found.faults} >= {"set.yaml:14", "set.yaml:15", "set.yaml:16"}
    assert [(one.where, one.value) for one in found.warnings] == [
        ("set.yaml:7", "no_such_thing"),
        ("set.yaml:17", "Elsewhere"),
    ]
    assert found.values["GreekSentimentConfig.gamma_weight"] == 0.3
    assert found.resolved["GreekSentimentConfig.gamma_weight"].place == "set.yaml:9"
    assert str(found.values["MasterConfiguration.market_open_time"]) == "09:20:00"


def test_an_edited_document_says_that_it_was_edited(tmp_path: Path, defaults: ParameterSet) -> None:
    text = as_yaml(defaults).replace("minimum_regime_duration: 30 ", "minimum_regime_duration: 31 ")
    found = reread(tmp_path, text)
    assert found.values["StabilityConfiguration.minimum_regime_duration"] == 31
    assert [one.rule for one in found.warnings] == ["the digest is that of the values"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a: &x 1\nb: *x\n", "no anchors, aliases or tags"),
        ("a: *x\n", "no anchors, aliases or tags|readable YAML"),
        ("a: !!python/object/apply:os.system [ls]\n", "no anchors, aliases or tags"),
        ("a: 1\na: 2\n", "a name stands once; line 1 has it already"),
        ("{" * 3 + "a" + "}" * 3, "a name is a plain text"),
        ("[" * 100_000, "nests at most 5 deep"),
        ("{a: " * 100_000, "nests at most 5 deep"),
        ("- " * 100_000, "nests at most 5 deep|readable YAML"),
        ("a: 1\n---\nb: 2\n", "a file holds one document"),
        ("a: [1\n", "readable YAML"),
        ("a:\t- 1\n\t b", "readable YAML"),
        ("\x07", "readable YAML"),
        ("#" * 2_100_000, "at most 2,000,000 bytes"),
    ],
)
def test_a_hostile_document_is_refused_with_its_place(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(SourceError, match=rule) as refused:
        reread(tmp_path, text)
    assert "set.yaml" in refused.value.place


def test_a_file_that_is_no_text_or_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.yaml").write_bytes(b"\xff\xfe\x00")
    for path, rule in ((tmp_path / "set.yaml", "readable YAML"), (tmp_path / "absent.yaml", "can be read")):
        with pytest.raises(SourceError, match=rule):
            read_yaml(path, {})


@pytest.mark.parametrize("text", ["", "parameters:\ntables:\n", "# nothing\n", "parameters: {}\n"])
def test_a_document_that_says_nothing_gives_the_defaults(tmp_path: Path, defaults: ParameterSet, text: str) -> None:
    found = reread(tmp_path, text)
    assert (found.digest, found.faults) == (defaults.digest, ())


@pytest.mark.parametrize(
    "text", ["- 1\n", "word\n", "parameters: 3\n", "tables: [1]\n", "tables:\n  TransitionRules: 3\n"]
)
def test_a_document_of_another_shape_is_a_fault_not_a_crash(tmp_path: Path, text: str) -> None:
    assert len(reread(tmp_path, text).faults) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"), ("09:15", "09:15"), ("0x10", "0x10"), ("1_000", "1_000"), ("012", 12), ("1e-7", 1e-7),
        ("~", None), (".5", 0.5), ("true", True), ("yes", "yes"), ("2025-01-01", "2025-01-01"),
        ("'1'", "1"), ('"1"', "1"), (".nan", ".nan"), (".inf", ".inf"),
    ],
)  # fmt: skip
def test_a_plain_scalar_means_what_yaml_1_2_says(text: str, value: object) -> None:
    node = parse_document(f"a: {text}".encode(), "here").content["a"]  # type: ignore[index, call-overload]
    assert node.content == value and type(node.content) is type(value)
