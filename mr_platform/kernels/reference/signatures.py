"""Classification by signatures: which of eight patterns seven scores resemble (components.md, C8).

A signature gives each score a weight and a range. A score matches 1 inside its range, falling linearly to 0 at one
range-width outside. Scores that are not there are left out and the weights of the others renormalised.
"""

from __future__ import annotations

import numpy as np

NO_REGIME = -1
TIE = 1e-12
"""Probabilities and matches closer than this are equal."""
DIGITS = 12
"""Decimals to which widths are compared."""


def match(score: np.ndarray, low: float, high: float) -> np.ndarray:
    """1 inside ``low``..``high``, 0 from one range-width outside, linear between; NaN for a NaN score."""
    outside = np.maximum(np.maximum(low - score, score - high), 0.0)
    return np.asarray(np.maximum(1.0 - outside / (high - low), 0.0))


def classify_rows(
    scores: np.ndarray, weights: np.ndarray, signatures: np.ndarray, score_share: float, match_floor: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities [n, 8], weighted matches [n, 8] and int64 [n] the leading signature of ``scores`` [n, 7].

    ``weights`` [7] or [n, 7] of the scores; ``signatures`` [3, 8, 7] weights, low and high ends of the ranges.
    p = ``score_share`` x weighted match + the rest x share of the scores there that match above ``match_floor``,
    normalised over the 8; NaN, and ``NO_REGIME``, without evidence. Equal probabilities go to the signature that is
    narrower, whose match says more, then to the first.
    """
    own, lows, highs = signatures
    present = np.isfinite(scores)
    matches = np.stack(
        [
            np.column_stack([match(scores[:, c], lows[r, c], highs[r, c]) for c in range(scores.shape[1])])
            for r in range(len(own))
        ],
        axis=1,
    )  # [n, 8, 7]
    weight = np.where(present[:, None, :], own[None] * np.broadcast_to(weights, scores.shape)[:, None, :], 0.0)
    known = np.where(present[:, None, :], matches, 0.0)
    total = weight.sum(axis=2)
    weighed = total > 0
    fit = np.where(weighed, (known * weight).sum(axis=2) / np.where(weighed, total, 1.0), np.nan)
    count = present.sum(axis=1, keepdims=True)
    share = (known > match_floor + TIE).sum(axis=2) / np.maximum(count, 1)
    mixed = score_share * fit + (1 - score_share) * share
    mass = mixed.sum(axis=1, keepdims=True)
    evident = np.isfinite(mass) & (mass > 0)
    p = np.where(evident, mixed / np.where(evident, mass, 1.0), np.nan)

    breadth = (weight * (highs - lows)[None]).sum(axis=2) / np.where(weighed, total, 1.0)
    best = p >= np.where(evident, np.nan_to_num(p).max(axis=1, keepdims=True) - TIE, np.inf)
    leader = np.argmin(np.where(best, np.round(breadth, DIGITS), np.inf), axis=1)
    return p, fit, np.where(evident[:, 0], leader, NO_REGIME).astype(np.int64)
