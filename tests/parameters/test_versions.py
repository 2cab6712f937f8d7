"""Versions in the lake: immutable sets, a history that only grows, one winner among writers, nothing half done."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from small_registry import SMALL

from mr_platform.errors import ConflictError, CorruptPartition, DataError, MrError, UsageError
from mr_platform.lake.store import Lake
from mr_platform.parameters import versions
from mr_platform.parameters.difference import difference
from mr_platform.parameters.documents import from_document
from mr_platform.parameters.resolution import Attempt, default_set, resolve

NOW = datetime(2026, 11, 20, 16, 0)
RATE, BUFFER = "StabilityConfiguration.learning_rate", "StabilityConfiguration.hysteresis_buffer"


def change(lake: Lake, name: str, value: object, why: str = "a test", expected: str | None = None) -> versions.Version:
    return versions.change(lake, name, value, who="ann", when=NOW, why=why, expected=expected)  # type: ignore[arg-type]


def values(lake: Lake) -> tuple[object, object]:
    found = versions.active(lake).values
    return found[RATE], found[BUFFER]


def test_without_a_version_the_defaults_are_in_force(lake: Lake) -> None:
    assert versions.latest(lake) is None
    assert versions.active(lake).digest == default_set().digest


def test_a_change_is_a_version_with_who_when_why_and_what_it_rests_on(lake: Lake) -> None:
    first = change(lake, RATE, 0.2, "faster")
    second = change(lake, BUFFER, "0.06", "calmer")
    assert values(lake) == (0.2, 0.06)
    assert (first.number, first.parent, first.changes) == (1, "", 1)
    assert (second.number, second.parent, second.changes) == (2, first.digest, 1)
    assert (second.who, second.when, second.why) == ("ann", "2026-11-20T16:00:00", "calmer")
    assert versions.history(lake) == [first, second]


def test_a_value_tells_which_change_set_it_and_the_others_keep_their_origin(lake: Lake) -> None:
    change(lake, RATE, 0.2, "faster")
    version = versions.latest(lake)
    assert version is not None
    found = versions.read_with_origins(lake, version).resolved
    assert (found[RATE].origin, found[RATE].place) == ("change", "changed by ann on 2026-11-20 16:00: faster")
    assert found[RATE].tried[-1] == Attempt("default", "declaration", "0.1, changed since")
    assert (found[BUFFER].origin, [a.found for a in found[BUFFER].tried]) == (
        "default",
        ["none was given", "not set"],
    )


def test_a_set_is_stored_under_the_digest_of_its_bytes_and_read_as_it_was(lake: Lake) -> None:
    version = change(lake, RATE, 0.2)
    assert versions.active(lake).digest == version.digest
    names = lake.objects("parameters/sets")
    assert names == [f"parameters/sets/{version.digest}.json"]


def test_the_same_content_again_adds_no_version(lake: Lake) -> None:
    first = change(lake, RATE, 0.2)
    assert change(lake, RATE, "0.20") == first
    assert versions.publish(lake, versions.active(lake), who="bob", when=NOW, why="again") == first
    assert len(versions.history(lake)) == 1


def test_undo_brings_the_set_before_back_and_undoing_that_redoes(lake: Lake) -> None:
    change(lake, RATE, 0.2)
    change(lake, RATE, 0.25)
    versions.undo(lake, who="ann", when=NOW, why="too fast")
    assert values(lake)[0] == 0.2
    versions.undo(lake, who="ann", when=NOW, why="not too fast")
    assert values(lake)[0] == 0.25
    assert [v.number for v in versions.history(lake)] == [1, 2, 3, 4]


def test_the_first_version_is_undone_to_the_defaults(lake: Lake) -> None:
    change(lake, RATE, 0.2)
    undone = versions.undo(lake, who="ann", when=NOW, why="back")
    assert undone.digest == default_set().digest


def test_an_older_version_is_undone_and_later_ones_stay(lake: Lake) -> None:
    change(lake, RATE, 0.2)
    change(lake, BUFFER, 0.06)
    versions.undo(lake, who="ann", when=NOW, why="only the rate", number=1)
    assert values(lake) == (default_set().values[RATE], 0.06)


def test_an_older_version_is_not_undone_under_a_later_change_of_the_same_value(lake: Lake) -> None:
    change(lake, RATE, 0.2)
    change(lake, RATE, 0.25)
    with pytest.raises(ConflictError, match="nothing changed its values again"):
        versions.undo(lake, who="ann", when=NOW, why="the first", number=1)
    assert values(lake)[0] == 0.25


def test_nothing_to_undo_is_said(lake: Lake) -> None:
    with pytest.raises(UsageError, match="there is a version to undo"):
        versions.undo(lake, who="ann", when=NOW, why="x")


def test_of_writers_who_looked_at_one_set_exactly_one_succeeds(lake: Lake) -> None:
    parent = change(lake, RATE, 0.2).digest

    def write(rate: float) -> str:
        try:
            return f"version {change(lake, RATE, rate, expected=parent).number}"
        except ConflictError:
            return "conflict"

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(write, (0.21, 0.22, 0.23, 0.24)))
    assert found == ["conflict", "conflict", "conflict", "version 2"]
    assert [v.number for v in versions.history(lake)] == [1, 2]


def test_a_writer_who_looked_at_another_set_is_told_so(lake: Lake) -> None:
    change(lake, RATE, 0.2)
    with pytest.raises(ConflictError, match="the active set is the one that was looked at"):
        change(lake, RATE, 0.25, expected="")
    with pytest.raises(ConflictError):
        versions.publish(lake, default_set(), who="a", when=NOW, why="b", expected="f" * 64)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_writer_killed_between_two_writes_leaves_the_set_before_in_force(lake: Lake, writes: int) -> None:
    before = change(lake, RATE, 0.2)
    child = os.fork()
    if child == 0:
        left = [writes]

        def dying(method):  # type: ignore[no-untyped-def]
            def write(*arguments: object) -> object:
                if not left[0]:
                    os._exit(9)
                left[0] -= 1
                return method(*arguments)

            return write

        lake.put_object, lake.create_object = dying(lake.put_object), dying(lake.create_object)  # type: ignore[method-assign]
        try:
            change(lake, RATE, 0.25)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 9
    assert versions.latest(lake) == before
    assert values(lake)[0] == 0.2
    assert change(lake, RATE, 0.25).number == 2
    assert values(lake)[0] == 0.25


def test_a_set_with_faults_is_never_published(lake: Lake) -> None:
    broken = resolve(None, {"MR_PARAMETER__StabilityConfiguration__learning_rate": "lots"})
    with pytest.raises(DataError, match="has no faults"):
        versions.publish(lake, broken, who="ann", when=NOW, why="x")
    assert lake.objects("parameters") == []


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        (RATE, "lots", "the value is a number"),
        (RATE, 9.0, "the value lies between 0.01 and 0.3"),
        (RATE, "=1+1", "no cell holds a formula"),
        (RATE, "", "a cell of a value is not empty"),
        ("StabilityConfiguration.lerning_rate", 0.2, "a parameter is declared in the registry"),
        ("ValidationRules.VAL001.RuleID", "VAL002", "the key of a record stays: it names the record"),
        ("ValidationRules.VAL999.Enabled", "FALSE", "a record of ValidationRules is named by its RuleID"),
    ],
)
def test_a_change_that_is_refused_leaves_nothing_behind(lake: Lake, name: str, value: object, rule: str) -> None:
    with pytest.raises(UsageError) as refused:
        change(lake, name, value)
    assert refused.value.rule == rule
    assert lake.objects("parameters") == []


def test_a_change_that_breaks_a_rule_between_values_is_refused_with_all_their_places(lake: Lake) -> None:
    with pytest.raises(DataError, match="gamma_weight") as refused:
        change(lake, "GreekSentimentConfig.gamma_weight", 0.5)
    assert "GreekSentimentConfig.delta_weight" in refused.value.place
    assert versions.latest(lake) is None


def test_a_cell_of_a_record_and_a_field_are_changed_by_their_names(lake: Lake) -> None:
    change(lake, "ValidationRules.VAL001.Condition", "data_gaps>10min")
    change(lake, "triple_straddle.window", 30)
    found = versions.active(lake)
    assert found.table("ValidationRules")[0]["Condition"].operand == 10.0  # type: ignore[union-attr]
    (steering,) = found.declared.fields()["triple_straddle.window"]
    assert found.values[steering.id] == 30


@pytest.mark.parametrize("text", ["", "  ", "x" * 501, "line\nbreak", "\x1b[31mred"])
def test_who_and_why_are_said_in_print(lake: Lake, text: str) -> None:
    for who, why in ((text, "why"), ("who", text)):
        with pytest.raises(UsageError, match=r"a version says who|a version says why"):
            versions.change(lake, RATE, 0.2, who=who, when=NOW, why=why)


def test_a_version_is_found_by_number_and_by_the_beginning_of_its_digest(lake: Lake) -> None:
    first, second = change(lake, RATE, 0.2), change(lake, RATE, 0.25)
    assert versions.find(lake, "1") == first
    assert versions.find(lake, second.digest[:8]) == second
    for wrong in ("3", "abc", "zzzzzz"):
        with pytest.raises(UsageError, match="a version is named by"):
            versions.find(lake, wrong)


def test_a_stored_set_that_was_tampered_with_is_refused(lake: Lake) -> None:
    version = change(lake, RATE, 0.2)
    path = Path(lake.root) / f"parameters/sets/{version.digest}.json"
    path.write_bytes(
        path.read_bytes().replace(
            b'"StabilityConfiguration.learning_rate":0.2', b'"StabilityConfiguration.learning_rate":0.3'
        )
    )
    with pytest.raises(CorruptPartition, match="a stored document is what its name says"):
        versions.active(lake)


def test_a_damaged_version_is_refused_by_name(lake: Lake) -> None:
    change(lake, RATE, 0.2)
    (Path(lake.root) / "parameters/versions/1.json").write_text('{"number": 1}')
    with pytest.raises(CorruptPartition, match=r"versions/1\.json"):
        versions.latest(lake)


def test_a_stored_set_is_read_under_the_declarations_of_today() -> None:
    stored = json.loads(json.dumps(default_set(SMALL).document))
    stored["values"]["Weights.window"] = 33
    stored["values"]["Weights.gone"] = 1
    del stored["values"]["Weights.enabled"]
    found = from_document(stored, place="version 7", declared=SMALL)
    assert found.values["Weights.window"] == 33
    assert "Weights.gone" not in found.values
    since = found.resolved["Weights.enabled"]
    assert (since.value, since.origin, since.tried[0].found) == (True, "default", "declared since")


@pytest.mark.parametrize("value", [500, "many", None, True, {"clock": "09:15"}, {"odd": 1}])
def test_a_stored_value_that_no_longer_fits_is_refused_and_not_replaced(value: object) -> None:
    stored = json.loads(json.dumps(default_set(SMALL).document))
    stored["values"]["Weights.window"] = value
    with pytest.raises(DataError, match=r"version 7: Weights\.window"):
        from_document(stored, place="version 7", declared=SMALL)


@pytest.mark.parametrize("stored", [{}, {"values": {}, "tables": [1]}, {"values": 3, "tables": {}}])
def test_a_document_of_another_form_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(MrError):
        from_document(stored, place="version 7", declared=SMALL)


def test_a_difference_names_what_changed_appeared_and_vanished() -> None:
    before = default_set(SMALL)
    stored = json.loads(json.dumps(before.document))
    stored["values"]["Weights.window"] = 33
    stored["tables"]["Rules"] = ["2", "5"]
    stored["values"] |= {"Rules.5.ID": 5, "Rules.5.Limit": 0.1, "Rules.5.Note": None}
    found = difference(before, from_document(stored, place="v", declared=SMALL))
    assert [(one.id, one.kind, one.before, one.after) for one in found] == [
        ("Rules.1.ID", "removed", 1, None),
        ("Rules.1.Limit", "removed", 0.25, None),
        ("Rules.1.Note", "removed", "first", None),
        ("Rules.5.ID", "added", None, 5),
        ("Rules.5.Limit", "added", None, 0.1),
        ("Rules.5.Note", "added", None, None),
        ("Weights.window", "changed", 20, 33),
    ]
    assert found[-1].steers == "features/x"
    assert difference(before, default_set(SMALL)) == []
