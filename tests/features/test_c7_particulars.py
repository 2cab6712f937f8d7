"""What is particular to C7: its parameters, walls of open interest, and a memory that stays bounded."""

from __future__ import annotations

import numpy as np

from mr_platform.features.c7_support_resistance.component import SupportResistance
from mr_platform.parameters.objects import declared_for
from mr_platform.parameters.support_resistance import SupportResistanceParameters
from tests.features.contract import memory_of
from tests.features.contract_sessions import FIRST, LEARNED, World

FEATURES = SupportResistance().features


def test_every_parameter_named_is_declared() -> None:
    for spec in FEATURES:
        assert all(declared_for(SupportResistanceParameters, name) for name in spec.parameters), spec.name


def test_a_strike_without_open_interest_touches_only_what_reads_walls(world: World) -> None:
    core = world.cores[FIRST]
    lost = core["strike"].to_numpy() == 18_000
    for leg in ("ce_oi", "pe_oi"):
        known = np.where(lost, np.nan, core[leg].to_numpy().astype(float))
        core = core.set_column(core.schema.get_field_index(leg), leg, [known])
    holed = world.again(FIRST, core, components=("c7",))[1].outputs["c7"].values
    whole = world.runs[FIRST].outputs["c7"].values
    touched = {
        spec.name for spec, a, b in zip(FEATURES, whole.T, holed.T, strict=True) if not np.array_equal(a, b, True)
    }
    assert {"c7_detection_wall_width_underlying", "c7_detection_resistance_underlying"} <= touched
    assert {name for name in touched if name.startswith("c7_detection") and name.endswith("straddle")} == set()
    assert np.isfinite(holed[:, [spec.name for spec in FEATURES].index("c7_detection_wall_width_underlying")]).any()


def test_memory_stays_bounded_and_learns_from_each_labelled_touch(world: World) -> None:
    memory = memory_of(world.runs[LEARNED], "c7")
    assert memory["c7_touches_0"].shape[0] <= 128 and memory["c7_touches_1"].shape[0] <= 128
    assert memory["c7_methods"].shape == (7, 5, 4) and memory["c7_brier"].shape == (7, 2)
    resolved = sum(run.states["c7"].carried.counts[0, 0] for run in world.runs[: LEARNED + 1])
    assert memory["c7_break_labels_0"][0] == resolved > 0
