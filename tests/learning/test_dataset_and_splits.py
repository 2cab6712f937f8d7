"""Nothing is read before it is known, and no split lets a label's window touch both sides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mr_platform.errors import DataError, UsageError
from mr_platform.learning.dataset import NO_CLASS, build_dataset
from mr_platform.learning.splits import Split, combinatorial_purged, verify_split, walk_forward
from mr_platform.learning.tasks import Task, task
from mr_platform.parameters.learning import LearningParameters
from mr_platform.parameters.objects import defaults
from schemas.tables import REGIMES

SETTINGS = defaults(LearningParameters)
BAR = 300_000_000


def dataset(made, name: str = "regime_h12", **more):
    return build_dataset(made.features, made.labels, task=task(name), design=SETTINGS.design, **more)


def test_the_last_known_label_is_that_of_an_hour_ago(market) -> None:
    data = dataset(market(sessions=3, symbols=("NIFTY",), stay=0.5))
    rows = np.arange(data.n)
    inside = (rows % 75 >= 12) & (rows % 75 < 63)
    assert (data.last_known["regime"][inside] == data.targets["regime"][rows[inside] - 12]).all()
    assert (data.last_age[inside] == 12).all()
    # nothing is known in the first hour of all
    assert (data.last_known["regime"][:12] == NO_CLASS).all()


def test_no_label_is_read_before_its_known_ts(market) -> None:
    made = market(sessions=3, stay=0.3)
    labels = made.labels.to_pylist()
    data = dataset(made)
    for row in range(0, data.n, 7):
        name, decided = data.symbols[data.symbol[row]], int(data.decision[row])
        past = [
            entry for entry in labels if entry["symbol"] == name and int(entry["known_ts"].timestamp() * 1e6) <= decided
        ]
        wanted = REGIMES.index(max(past, key=lambda e: e["event_ts"])["label"]) if past else NO_CLASS
        assert data.last_known["regime"][row] == wanted


def test_a_label_known_after_its_successor_is_not_read_early(market) -> None:
    made = market(sessions=2, symbols=("NIFTY",), stay=0.2)
    late = made.labels.column("known_ts").to_pylist()
    late[20] = late[20] + timedelta(minutes=10)
    labels = made.labels.set_column(2, "known_ts", pa.array(late, made.labels.schema.field("known_ts").type))
    data = build_dataset(made.features, labels, task=task("regime_h12"), design=SETTINGS.design)
    codes = [REGIMES.index(x) for x in labels.column("label").to_pylist()]
    assert data.last_known["regime"][32] == codes[19]  # 20 would be due now
    assert data.last_known["regime"][34] == codes[22]  # 20 arrives together with 22: the later event wins


def test_now_hides_what_came_later(market) -> None:
    made = market(sessions=4, symbols=("NIFTY",))
    now = datetime(2025, 6, 3, 6, 0, 0, tzinfo=UTC)  # 11:30 IST of the second session
    data = dataset(made, now=now)
    limit = int(now.timestamp() * 1e6)
    assert data.decision.max() <= limit
    known = data.label_known[data.labelled("regime")]
    assert known.size and known.max() <= limit
    assert data.n == 75 + 27


def test_weights_are_the_average_uniqueness_of_the_windows(market) -> None:
    data = dataset(market(sessions=2, symbols=("NIFTY",)))
    labelled = data.labelled("regime")
    assert data.weight[labelled].mean() == pytest.approx(1.0)
    assert (data.weight[~labelled] == 0).all()
    # windows of 12 bars, one starting at each bar: the first shares its bars with 1, 2, ..., 12 labels
    ratio = data.weight[0] / data.weight[30]
    assert ratio == pytest.approx(np.mean([1 / c for c in range(1, 13)]) / (1 / 12))


def test_a_column_of_the_design_that_is_absent_is_named(market) -> None:
    made = market(sessions=1)
    with pytest.raises(DataError, match="c1_ema_gone"):
        build_dataset(made.features, None, task=task("regime_h12"), design=SETTINGS.design, columns=("c1_ema_gone",))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: pa.concat_tables([t, t.slice(0, 1)]), "one row a symbol and event_ts"),
        (lambda t: t.drop_columns(["known_ts"]), "known_ts"),
        (lambda t: t.set_column(1, "event_ts", t["event_ts"].cast(pa.timestamp("us"))), "zone"),
    ],
)
def test_features_that_break_the_contract_are_refused(market, spoil, words: str) -> None:
    made = market(sessions=1)
    with pytest.raises(DataError, match=words):
        build_dataset(spoil(made.features), made.labels, task=task("regime_h12"), design=SETTINGS.design)


def test_labels_of_two_versions_or_unknown_classes_are_refused(market) -> None:
    made = market(sessions=1)
    n = made.labels.num_rows
    mixed = made.labels.set_column(7, "label_schema_version", pa.array(["1.a"] * (n - 1) + ["1.b"]))
    with pytest.raises(DataError, match="one label schema version"):
        build_dataset(made.features, mixed, task=task("regime_h12"), design=SETTINGS.design)
    odd = made.labels.set_column(3, "label", pa.array(["BULL"] * n))
    with pytest.raises(DataError, match="BULL"):
        build_dataset(made.features, odd, task=task("regime_h12"), design=SETTINGS.design)


def test_an_unknown_task_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"regime_h12.*regime_h75.*regime_nowcast"):
        task("regime_h13")


def windows_touch(data, split: Split) -> int:
    """Pairs of a training and a test label whose windows (event, known] meet, counted the slow way."""
    train = [(int(data.event[i]), int(data.label_known[i])) for i in split.train if data.label_known[i] < 2**62]
    test = [(int(data.event[i]), int(data.label_known[i])) for i in split.test if data.label_known[i] < 2**62]
    return sum(a < d and c < b for a, b in train[::5] for c, d in test[::5])


@pytest.mark.parametrize(("name", "ahead", "gap"), [("regime_h12", 12, 24), ("regime_nowcast", 6, 12)])
def test_no_training_label_touches_a_test_block(market, name: str, ahead: int, gap: int) -> None:
    data = dataset(market(sessions=14, ahead=ahead, symbols=("NIFTY",)), name)
    forward, crossed = walk_forward(data, SETTINGS.splits), combinatorial_purged(data, SETTINGS.splits)
    assert (len(forward), len(crossed)) == (6, 15)
    for split in (*forward, *crossed):
        assert windows_touch(data, split) == 0
        assert not np.intersect1d(split.train, split.test).size
        for first, last in split.blocks:
            block = data.clock[split.test][(data.session[split.test] >= first) & (data.session[split.test] <= last)]
            before = data.clock[split.train][data.session[split.train] < first]
            after = data.clock[split.train][data.session[split.train] > last]
            assert not before.size or block.min() - before.max() > max(gap, 75)  # an embargo of a whole session
            assert not after.size or after.min() - block.max() > max(gap, 75)
    for earlier, later in pairwise(forward):
        assert earlier.train.size < later.train.size  # expanding
        assert data.session[later.train].max() < later.blocks[0][0]


def test_the_purge_of_h75_is_wider_than_the_embargo(market) -> None:
    data = dataset(market(sessions=20, ahead=12, symbols=("NIFTY",)), "regime_h75")
    assert data.task == Task("regime_h75", 75, 75, forward=True)
    for split in walk_forward(data, SETTINGS.splits):
        assert data.clock[split.test].min() - data.clock[split.train].max() > 150


def test_a_split_that_overlaps_is_refused(market) -> None:
    data = dataset(market(sessions=4, symbols=("NIFTY",)))
    days = np.unique(data.session)
    test = np.flatnonzero(data.session == days[2])
    # labels stop an hour before the close, so the day before is clean; with a later known_ts it is not
    clean = Split(np.flatnonzero(data.session < days[2]), test, ((int(days[2]), int(days[2])),))
    labelled = Split(clean.train[data.labelled("regime")[clean.train]], test, clean.blocks)
    verify_split(data, labelled)
    moved = np.where(data.session == days[1], data.label_known + 24 * 12 * BAR, data.label_known)
    with pytest.raises(DataError, match="touches a test event"):
        verify_split(type(data)(**(vars(data) | {"label_known": moved})), labelled)


def test_too_few_sessions_are_refused_by_name(market) -> None:
    data = dataset(market(sessions=2))
    with pytest.raises(DataError, match="2 sessions"):
        walk_forward(data, SETTINGS.splits)
    assert combinatorial_purged(data, SETTINGS.splits) == []


def test_shuffled_input_order_gives_the_same_dataset(market) -> None:
    made = market(sessions=2)
    order = np.random.default_rng(1).permutation(made.features.num_rows)
    mixed = made.features.take(pa.array(order))
    first, second = dataset(made), build_dataset(mixed, made.labels, task=task("regime_h12"), design=SETTINGS.design)
    assert np.array_equal(first.x, second.x, equal_nan=True)
    assert pc.equal(pa.array(first.event), pa.array(second.event)).to_pylist().count(False) == 0
