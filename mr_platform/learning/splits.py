"""Splits of time that let no label's window touch both sides.

A row's window runs from ``back`` bars before its event to its label's known_ts. Around each block of test sessions
training keeps a gap of H bars plus the longest look-ahead (purge) and whole sessions (embargo), whichever is wider,
and drops whatever the labels' own known_ts still shows to overlap.
Sources: Lopez de Prado, Advances in Financial Machine Learning (2018), chapters 7 and 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.learning.dataset import Dataset
from mr_platform.parameters.learning import SplitParameters

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Split:
    """Positions of training and test rows, ascending. ``blocks``: first and last session ordinal of each test block."""

    train: Rows
    test: Rows
    blocks: tuple[tuple[int, int], ...]


def walk_forward(data: Dataset, parameters: SplitParameters) -> list[Split]:
    """Expanding walk-forward by session: ``folds + 1`` blocks after the first share of the sessions.

    Each block is predicted from what lies before it; the first serves calibration only. Errors: DataError where
    there are too few sessions.
    """
    sessions = np.unique(data.session)
    first = max(round(sessions.size * parameters.first_share), 1)
    blocks = min(parameters.folds + 1, sessions.size - first)
    if blocks < 2:
        raise DataError(
            rule="a walk-forward needs at least two sessions after the first training window",
            value=f"{sessions.size} sessions, {first} of them in the first window",
            place=f"training {data.task.name}",
            remedy="publish features and labels of more sessions",
        )
    splits = []
    for part in np.array_split(sessions[first:], blocks):
        block = (int(part[0]), int(part[-1]))
        splits.append(_split(data, sessions, (block,), parameters, past_only=True))
    return splits


def combinatorial_purged(data: Dataset, parameters: SplitParameters) -> list[Split]:
    """Combinatorial purged cross-validation: C(groups, held_out) splits over groups of consecutive sessions.

    Empty where there are fewer sessions than groups.
    """
    sessions = np.unique(data.session)
    if sessions.size < parameters.groups:
        return []
    groups = np.array_split(sessions, parameters.groups)
    splits = []
    for held in combinations(range(parameters.groups), parameters.held_out):
        blocks: list[tuple[int, int]] = []
        for g in held:
            begin, end = int(groups[g][0]), int(groups[g][-1])
            if blocks and g - 1 in held:
                blocks[-1] = (blocks[-1][0], end)
            else:
                blocks.append((begin, end))
        splits.append(_split(data, sessions, tuple(blocks), parameters, past_only=False))
    return splits


def verify_split(data: Dataset, split: Split) -> None:
    """DataError where a training label's window touches a test block's windows."""
    for first, last in split.blocks:
        test = split.test[(data.session[split.test] >= first) & (data.session[split.test] <= last)]
        if not test.size or not split.train.size:
            continue
        begins, known = data.event[test].min(), _latest_known(data, test)
        before = data.session[split.train] < first
        inside = (data.session[split.train] >= first) & (data.session[split.train] <= last)
        early = split.train[before & (data.label_known[split.train] > begins)]
        late = split.train[~before & ~inside & (data.event[split.train] <= known)]
        if inside.any() or early.size or late.size:
            raise DataError(
                rule="no training label's window touches a test event",
                value=f"{int(inside.sum())} rows inside, {early.size} before, {late.size} after",
                place=f"split of {data.task.name} at sessions {first}-{last}",
                remedy="raise the purge or the embargo",
            )


def _split(
    data: Dataset,
    sessions: NDArray[np.int64],
    blocks: tuple[tuple[int, int], ...],
    parameters: SplitParameters,
    *,
    past_only: bool,
) -> Split:
    keep = np.ones(data.n, dtype=bool)
    tested = np.zeros(data.n, dtype=bool)
    for first, last in blocks:
        test = (data.session >= first) & (data.session <= last)
        tested |= test
        rows = np.flatnonzero(test)
        clocks, begins, known = data.clock[rows], data.event[rows].min(), _latest_known(data, rows)
        at = np.searchsorted(sessions, (first, last))
        lowest = sessions[max(at[0] - parameters.embargo_sessions, 0)]
        highest = sessions[min(at[1] + parameters.embargo_sessions, sessions.size - 1)]
        purge = data.task.purge_bars
        before = (data.session < lowest) & (data.clock + purge < clocks.min()) & (data.label_known <= begins)
        after = (data.session > highest) & (data.clock > clocks.max() + purge) & (data.event > known)
        keep &= before | (after & (not past_only))
    split = Split(np.flatnonzero(keep & ~tested), np.flatnonzero(tested), blocks)
    verify_split(data, split)
    return split


def _latest_known(data: Dataset, rows: Rows) -> int:
    """When the last label of the rows becomes known; without labels the last event."""
    known = data.label_known[rows]
    finite = known[known != np.iinfo(np.int64).max]
    return int(max(finite.max(initial=0), data.event[rows].max()))
