"""What every component must keep to, whatever it computes: one body of rules, a subclass of answers for each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
import pytest

from mr_platform.features.catalogue import FeatureSpec, component
from mr_platform.features.component import ComponentOutput
from mr_platform.features.memory import DailyContext
from mr_platform.features.running import Run
from tests.features.contract_sessions import (
    EXPIRY,
    FIRST,
    HOLED,
    LEARNED,
    MUHURAT,
    OTHER_KIND,
    PARTS,
    Floats,
    World,
    minutes_of,
)

LAST = 375
REFERENCE = {FIRST: 60, LEARNED: 110, HOLED: 90}
"""Sessions that the reference computes, and their bars: without memory, with much of it, with outages."""
CUTS = (1, 17, 46, 150, 301)
"""Prefixes: one bar, windows half full, windows full."""


def assert_same_bits(one: ComponentOutput, other: ComponentOutput) -> None:
    for name in PARTS:
        a, b = getattr(one, name), getattr(other, name)
        assert a.tobytes() == b.tobytes() or np.array_equal(a, b, equal_nan=True), name


def assert_near(one: Floats, other: Floats, name: str, size: float = 1e-6) -> None:
    """Known together, and a billionth part of the value apart at most, of ``size`` where the value is smaller."""
    a, b = np.asarray(one, float), np.asarray(other, float)
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b), err_msg=name)
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * size, err_msg=name)


def memory_of(run: Run, key: str) -> dict[str, Floats]:
    """What the component leaves to the next session."""
    one = run.components[key]
    return dict(one.leave(run.inputs, run.outputs[key], run.states[key]))


def own(context: DailyContext, key: str) -> dict[str, Floats]:
    """What the context holds of the component."""
    return {name: values for name, values in context.memory.items() if name.startswith(f"{key}_")}


class ComponentContract:
    """The rules. A subclass names its component and says what differs."""

    key: ClassVar[str]
    groups: ClassVar[Mapping[str, int]]
    """Budget of features by group, in column order."""
    needs_history: ClassVar[str] = r"(?!)"
    """Names, without the component's prefix, of what earlier sessions must have left: a regular expression."""
    needs_bars: ClassVar[str] = r"(?!)"
    """Names of what an evening of sixty bars cannot know."""
    of_the_future: ClassVar[str] = r"(?!)"
    """Names of what is of the listed future, or compares with earlier levels of the same kind of underlying."""
    lowest_score: ClassVar[float] = -1.0
    least_confidence: ClassVar[float] = 0.0
    """Of a minute with a score."""

    @property
    def specs(self) -> tuple[FeatureSpec, ...]:
        return component(self.key).features

    def named(self, values: Floats) -> Iterator[tuple[FeatureSpec, Floats]]:
        yield from zip(self.specs, values.T, strict=True)

    def unknown(self, run: Run) -> set[str]:
        """Features without a single value, by name without the prefix."""
        found = self.named(run.outputs[self.key].values)
        return {spec.name.removeprefix(f"{self.key}_") for spec, x in found if not np.isfinite(x).any()}

    def matching(self, pattern: str) -> set[str]:
        names = (spec.name.removeprefix(f"{self.key}_") for spec in self.specs)
        return {name for name in names if re.fullmatch(pattern, name)}

    def test_its_groups_keep_to_their_budget_in_column_order(self) -> None:
        assert list(Counter(spec.group for spec in self.specs).items()) == list(self.groups.items())

    def test_its_names_and_descriptions_are_its_own(self) -> None:
        assert len({spec.name for spec in self.specs}) == len({spec.description for spec in self.specs})
        assert len(self.specs) == len({spec.name for spec in self.specs}) == sum(self.groups.values())
        for spec in self.specs:
            assert re.fullmatch(rf"{self.key}_{spec.group}(_[a-z0-9]+)+", spec.name) and spec.component == self.key
            assert len(spec.description.split()) >= 4 and spec.range[0] < spec.range[1], spec.name

    @pytest.mark.parametrize("i", REFERENCE)
    def test_reference_and_cpu_agree_and_lack_the_same_values(
        self, both_engines: Mapping[int, tuple[Run, Run]], i: int
    ) -> None:
        fast, slow = (run.outputs[self.key] for run in both_engines[i])
        for (spec, a), b in zip(self.named(fast.values), slow.values.T, strict=True):
            assert_near(a, b, spec.name)
        for name in PARTS[1:]:
            assert_near(getattr(fast, name), getattr(slow, name), name)

    @pytest.mark.parametrize("i", REFERENCE)
    def test_reference_and_cpu_leave_the_same_memory(self, both_engines: Mapping[int, tuple[Run, Run]], i: int) -> None:
        fast, slow = (memory_of(run, self.key) for run in both_engines[i])
        assert fast.keys() == slow.keys()
        for name, values in fast.items():
            assert_near(values, slow[name], name)

    def test_the_reference_in_pieces_on_its_own_inputs_agrees_too(self, world: World, by_reference: Run) -> None:
        fast, slow = world.runs[MUHURAT].outputs[self.key], by_reference.outputs[self.key]
        for (spec, a), b in zip(self.named(fast.values), slow.values.T, strict=True):
            # two solvers' volatilities differ in their last digits: of a difference of two, that is not a last digit
            assert_near(a, b, spec.name, size=float(np.nanmax(np.abs(b), initial=1e-6)))

    def test_minute_by_minute_it_gives_the_bits_of_the_batch(self, world: World, by_minute: Run) -> None:
        assert_same_bits(by_minute.outputs[self.key], world.runs[LEARNED].outputs[self.key])

    def test_in_pieces_of_any_length_it_gives_the_bits_of_the_batch(self, world: World, by_fits: Run) -> None:
        assert_same_bits(by_fits.outputs[self.key], world.runs[HOLED].outputs[self.key])

    def test_pieces_leave_the_bits_of_the_memory_that_the_batch_leaves(
        self, world: World, by_minute: Run, by_fits: Run
    ) -> None:
        for i, pieces in ((LEARNED, by_minute), (HOLED, by_fits)):
            left, whole = memory_of(pieces, self.key), memory_of(world.runs[i], self.key)
            assert left.keys() == whole.keys()
            for name in left:
                assert np.array_equal(left[name], whole[name], equal_nan=True), name

    @pytest.mark.parametrize("n", CUTS)
    def test_a_session_cut_at_the_source_has_the_first_rows_of_the_whole(
        self, world: World, prefixes: Mapping[int, Run], n: int
    ) -> None:
        assert_same_bits(prefixes[n].outputs[self.key], world.runs[LEARNED].outputs[self.key].part(0, n))

    def test_alone_it_says_what_it_says_among_the_others(self, world: World) -> None:
        alone = world.again(LEARNED, until=150, components=(self.key,))[1]
        assert_same_bits(alone.outputs[self.key], world.runs[LEARNED].outputs[self.key].part(0, 150))

    def test_the_order_of_the_rows_does_not_matter(self, world: World, shuffled: Run) -> None:
        assert_same_bits(shuffled.outputs[self.key], world.runs[EXPIRY].outputs[self.key])

    def test_a_strike_that_is_named_late_moves_the_axis_and_nothing_else(
        self, with_a_late_strike: tuple[Run, Run]
    ) -> None:
        whole, pieces = with_a_late_strike
        assert_same_bits(pieces.outputs[self.key], whole.outputs[self.key])

    def test_no_value_is_infinite_or_outside_its_range(self, world: World) -> None:
        for spec, x in self.named(world.values(self.key)):
            assert not np.isinf(x).any(), spec.name
            known = x[np.isfinite(x)]
            assert known.min() >= spec.range[0] - 1e-12 and known.max() <= spec.range[1] + 1e-12, spec.name

    def test_no_column_is_empty_constant_or_a_twin_of_another(self, world: World) -> None:
        values, names = world.values(self.key), np.array([spec.name for spec in self.specs])
        finite = np.isfinite(values)
        assert names[~finite.any(axis=0)].tolist() == []
        assert names[np.nanmax(values, axis=0) == np.nanmin(values, axis=0)].tolist() == []
        ranked = np.nan_to_num((values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0))
        share = np.sqrt(np.outer(finite.mean(axis=0), finite.mean(axis=0)))
        twins = np.argwhere(np.triu(np.abs(ranked.T @ ranked) / len(values) / share >= 0.999999, 1))
        assert [(names[a], names[b]) for a, b in twins] == []

    def test_a_feature_of_a_first_session_is_unknown_before_its_warm_up(self, world: World) -> None:
        for spec, x in self.named(world.runs[FIRST].outputs[self.key].values):
            assert np.isnan(x[: spec.warmup_minutes - 1]).all(), spec.name

    def test_score_confidence_and_health_keep_to_their_ranges(self, world: World) -> None:
        for run in world.runs:
            out = run.outputs[self.key]
            known = np.isfinite(out.score)
            assert known.any() and not np.isinf(out.score).any()
            assert out.score[known].min() >= self.lowest_score and out.score[known].max() <= 1
            assert out.confidence[known].min() >= self.least_confidence and out.confidence.max() <= 1
            assert set(out.health[known].tolist()) <= {1, 2}
            assert not out.confidence[~known].any() and not out.health[~known].any()

    def test_every_answer_stands_in_most_minutes_of_a_session_with_memory(self, world: World) -> None:
        out = world.runs[LEARNED].outputs[self.key]
        assert np.isfinite(out.score).mean() > 0.9
        assert self.unknown(world.runs[LEARNED]) == set()

    def test_a_first_session_lacks_what_needs_history_and_nothing_else(self, world: World, forgotten: Run) -> None:
        assert self.unknown(world.runs[FIRST]) == self.unknown(forgotten) == self.matching(self.needs_history)

    def test_an_evening_of_sixty_bars_lacks_what_it_is_too_short_for_and_nothing_else(self, world: World) -> None:
        assert self.unknown(world.runs[MUHURAT]) == self.matching(self.needs_bars)

    def test_on_another_kind_of_underlying_nothing_is_compared_across_and_the_rest_lives(self, world: World) -> None:
        assert self.unknown(world.runs[OTHER_KIND]) == self.matching(self.of_the_future)

    def test_a_session_without_rows_says_nothing_and_hands_on_what_it_was_given(
        self, world: World, silent: tuple[Run, DailyContext]
    ) -> None:
        run, context = silent
        out, before = run.outputs[self.key], world.before(LEARNED)
        assert out.values.shape == (LAST, len(self.specs)) and before is not None
        assert np.isnan(out.values).all() and np.isnan(out.score).all()
        assert not out.confidence.any() and not out.health.any()
        given, left = own(before, self.key), own(context, self.key)
        assert given.keys() == left.keys()
        for name in given:
            assert np.array_equal(given[name], left[name], equal_nan=True), name

    def test_what_it_leaves_goes_through_the_table_of_the_context(self, world: World, from_table: Run) -> None:
        for name, values in memory_of(world.runs[LEARNED], self.key).items():
            assert name.startswith(f"{self.key}_") and values.dtype == np.float64
        assert own(world.contexts[LEARNED], self.key).keys() == memory_of(world.runs[LEARNED], self.key).keys()
        assert_same_bits(from_table.outputs[self.key], world.runs[LEARNED].outputs[self.key])

    def test_nothing_is_known_before_the_first_row(self, world: World) -> None:
        late = int(minutes_of(world.cores[HOLED]).min()) - 555
        early = world.runs[HOLED].outputs[self.key].part(0, late)
        assert late == 8 and np.isnan(early.values).all() and np.isnan(early.score).all()
