"""Which inputs a candidate reads: those that tell the classes apart in sessions they were not counted in.

A column that is nearly constant inside a session names the session, and with few sessions that looks like knowledge of
the classes. So an input is scored across sessions: class shares of its quantile bins, counted in some sessions, have to
foretell the others. Of inputs that say the same the better one stays. All of it inside the training rows, so the choice
is as far out of sample as the fit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mr_platform.learning.dataset import KNOWN_LABEL_PREFIX, OWN_PREFIXES, Dataset
from mr_platform.learning.heads import Head, Reading, fit_head
from mr_platform.learning.tasks import Target
from mr_platform.parameters.learning import Candidate, SelectionParameters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.intp]

_BINS = 16
# Rows of the class shares that every bin starts from: a thin bin says little.
_PRIOR_ROWS = 8.0
# Rows that are scored at most; neighbouring bars say nearly the same.
_MOST_ROWS = 3000


@dataclass(frozen=True, eq=False)
class Ranked:
    """``order`` positions of the inputs kept, the best first, beside ``always`` (what is known of labels, clock and
    symbol); of ``given`` inputs ``live`` are covered and vary, ``informative`` say something across sessions.
    """

    order: Rows
    always: Rows
    given: int
    live: int
    informative: int

    def counts(self) -> dict[str, int]:
        """For reports."""
        return {
            "given": self.given,
            "live": self.live,
            "informative": self.informative,
            "kept": int(self.order.size),
        }


def fit_rows(
    data: Dataset,
    rows: Rows,
    y: Ints,
    target: Target,
    candidate: Candidate,
    selection: SelectionParameters,
    *,
    seed: int,
    ranked: Ranked | None = None,
) -> Head:
    """A candidate fitted at ``rows``, whose classes are ``y`` [rows]; ``ranked`` inputs, found here where None."""
    found = ranked if ranked is not None else rank_inputs(data, rows, y, selection)
    kept = found.order[: candidate.inputs]
    reading = Reading(
        levels=np.concatenate([found.always, kept]),
        moving=kept[: candidate.leading],
        lags=selection.changes,
        known=np.array([data.columns[at].startswith(KNOWN_LABEL_PREFIX) for at in (*found.always, *kept)]),
        own=found.always.size,
    )
    z = reading.of(data, rows)
    return fit_head(candidate, reading, z, y, data.weight[rows], data.session[rows], target.size, seed=seed)


def rank_inputs(data: Dataset, rows: Rows, y: Ints, selection: SelectionParameters) -> Ranked:
    """The inputs worth reading at ``rows``, by information across sessions; at least one, however little it tells."""
    own = np.array([name.startswith(OWN_PREFIXES) for name in data.columns])
    free = np.flatnonzero(~own)
    thin = np.unique(np.linspace(0, rows.size - 1, min(rows.size, _MOST_ROWS)).astype(np.intp))
    x, session = data.x[np.ix_(rows[thin], free)], data.session[rows[thin]]
    codes = bin_numbers(x)
    live = (np.mean(codes < _BINS, axis=0) >= selection.coverage) & (codes.min(axis=0) < codes.max(axis=0))
    told = np.where(live, information(codes, y[thin], session, selection.groups), -np.inf)
    ranking = np.argsort(-told, kind="stable")
    informative = int(np.count_nonzero(told > selection.least_information))
    kept = distinct(codes, ranking[: max(informative, 1)], selection.redundancy, selection.most)
    return Ranked(free[kept], np.flatnonzero(own), free.size, int(live.sum()), informative)


def bin_numbers(x: Floats) -> NDArray[np.uint8]:
    """Quantile bin of each value of [n, f], 0 .. 15; 16 where it is missing."""
    columns = np.ascontiguousarray(x.T)
    ordered = np.sort(columns, axis=1)
    present = np.count_nonzero(~np.isnan(columns), axis=1)
    out = np.full(columns.shape, _BINS, dtype=np.uint8)
    for at in np.flatnonzero(present):
        cuts = np.unique(ordered[at, np.arange(1, _BINS) * present[at] // _BINS])
        numbers = np.searchsorted(cuts, columns[at], side="left")
        out[at] = np.where(np.isnan(columns[at]), _BINS, numbers)
    return np.ascontiguousarray(out.T)


def information(codes: NDArray[np.uint8], y: Ints, session: Ints, groups: int) -> Floats:
    """Nats a row that each input [f] tells of the class across groups of consecutive sessions.

    The log-loss of the class shares less that of the bin's shares, counted in all other groups. Negative: it misleads.
    ``codes`` [n, f] of ``bin_numbers``. In one session alone there is nothing to hold it against: zero.
    """
    days, day = np.unique(session, return_inverse=True)
    groups = min(groups, days.size)
    if groups < 2:
        return np.zeros(codes.shape[1])
    group = day * groups // days.size
    k = int(y.max()) + 1
    bins = _BINS + 1
    shares = (np.bincount(y, minlength=k) + 1.0) / (y.size + k)
    base = (group * bins).astype(np.int64)
    out = np.empty(codes.shape[1])
    for at in range(codes.shape[1]):
        counts = np.bincount((base + codes[:, at]) * k + y, minlength=groups * bins * k).reshape(groups, bins, k)
        others = counts.sum(axis=0) - counts
        told = (others + _PRIOR_ROWS * shares) / (others.sum(axis=2, keepdims=True) + _PRIOR_ROWS)
        out[at] = (counts * np.log(told / shares)).sum() / y.size
    return out


def distinct(codes: NDArray[np.uint8], ranking: Rows, limit: float, most: int) -> Rows:
    """Of ``ranking`` (best first) those that correlate with none before them above ``limit``, at most ``most``.

    Correlation of quantile bins, so of ranks; a missing value stands in the middle.
    """
    z = np.where(codes[:, ranking] == _BINS, (_BINS - 1) / 2, codes[:, ranking]).astype(np.float64)
    z -= z.mean(axis=0)
    norm = np.sqrt((z * z).sum(axis=0))
    z /= np.where(norm > 0, norm, 1.0)
    alike = np.abs(z.T @ z)
    kept: list[int] = []
    for at in range(ranking.size):
        if len(kept) == most:
            break
        if not kept or alike[at, kept].max() <= limit:
            kept.append(at)
    return np.asarray(ranking[kept], dtype=np.intp)


def narrowed(head: Head, columns: Rows) -> Head:
    """The same head over a design of ``columns`` (ascending positions of the old one) alone."""
    reading = head.reading
    return replace(
        head,
        reading=replace(
            reading,
            levels=np.searchsorted(columns, reading.levels),
            moving=np.searchsorted(columns, reading.moving),
        ),
    )
