"""What the nowcast may read of labels: those of its own session, each from its known_ts on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.learning.dataset import Dataset, build_dataset
from mr_platform.learning.tasks import task
from mr_platform.parameters.learning import LearningParameters
from mr_platform.parameters.objects import defaults
from schemas.tables import REGIMES

SETTINGS = defaults(LearningParameters)
NOWCAST = task("regime_nowcast")


def design(made, labels: pa.Table | None = None) -> Dataset:
    """The nowcast's rows, with other labels where given."""
    chosen = made.labels if labels is None else labels
    return build_dataset(made.features, chosen, task=NOWCAST, design=SETTINGS.design_nowcast)


def column(data: Dataset, name: str) -> np.ndarray:
    return data.x[:, data.columns.index(name)]


def named(data: Dataset) -> list[str | None]:
    """The regime that each row's last_label_is_* columns name."""
    marks = np.stack([column(data, f"last_label_is_{code}") for code in REGIMES], axis=1)
    return [None if np.isnan(row).any() else REGIMES[int(row.argmax())] for row in marks]


def test_a_row_reads_the_label_that_became_known_as_its_bar_closed(market) -> None:
    made = market(sessions=2, symbols=("NIFTY",), bars=20, ahead=6)
    data = design(made)
    truth = made.truth["regime"].to_pylist()
    # six bars after its own, half an hour, a label is known; the first six bars of a session know none of their own
    assert named(data)[:6] == [None] * 6
    assert named(data)[20:26] == [None] * 6
    assert named(data)[6:20] == truth[:14]
    assert named(data)[26:40] == truth[20:34]
    assert column(data, "last_label_age")[6:20].tolist() == [6.0] * 14


def test_the_run_of_the_known_label_is_counted_in_its_session(market) -> None:
    made = market(sessions=2, symbols=("NIFTY",), bars=12, ahead=6)
    series = ["LVLD", "LVLD", "LVLD", "CBV", "CBV", "LVLD"]
    labels = made.labels.set_column(made.labels.column_names.index("label"), "label", pa.array(series * 2))
    data = design(made, labels)
    assert column(data, "last_label_bars")[6:12].tolist() == [1, 2, 3, 1, 2, 1]
    assert column(data, "last_label_bars")[18:24].tolist() == [1, 2, 3, 1, 2, 1]
    assert np.isnan(column(data, "last_label_bars")[12:18]).all()


def test_a_label_not_yet_known_changes_no_input(market) -> None:
    made = market(sessions=2, symbols=("NIFTY",), bars=20, ahead=6)
    noon = made.features["known_ts"][12].as_py()
    known = [at <= noon for at in made.labels["known_ts"].to_pylist()]
    others = [
        label if keep else REGIMES[(REGIMES.index(label) + 1) % 8]
        for label, keep in zip(made.labels["label"].to_pylist(), known, strict=True)
    ]
    changed = made.labels.set_column(made.labels.column_names.index("label"), "label", pa.array(others))
    whole, cut, turned = design(made), design(made, made.labels.filter(pa.array(known))), design(made, changed)
    assert np.array_equal(whole.x[:13], cut.x[:13], equal_nan=True)
    assert np.array_equal(whole.x[:13], turned.x[:13], equal_nan=True)
    assert not np.array_equal(whole.x[13:20], turned.x[13:20], equal_nan=True)


def test_the_session_before_gives_a_row_nothing_so_training_and_answering_read_alike(market) -> None:
    made = market(sessions=2, symbols=("NIFTY",), bars=20, ahead=6)
    second = made.features.slice(20)
    whole = design(made)
    alone = build_dataset(second, made.labels.slice(14), task=NOWCAST, design=SETTINGS.design_nowcast)
    assert alone.columns == whole.columns
    assert np.array_equal(alone.x, whole.x[20:], equal_nan=True)


def test_a_session_before_its_first_known_label_has_inputs(market) -> None:
    made = market(sessions=1, symbols=("NIFTY",), bars=5, ahead=6)
    assert made.labels.num_rows == 0
    # an empty table of labels has their types
    some = market(sessions=1, symbols=("NIFTY",), bars=20, ahead=6).labels.slice(0, 0)
    assert named(design(made, some)) == [None] * 5


@pytest.mark.parametrize(("forward", "reads"), [(True, False), (False, True)])
def test_only_the_nowcast_reads_labels(forward: bool, reads: bool) -> None:
    assert SETTINGS.design_of(forward=forward).known_labels is reads
    assert replace(SETTINGS.design, known_labels=reads) == SETTINGS.design_of(forward=forward)
