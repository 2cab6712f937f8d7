"""Boosted trees as flat arrays, and their walk: what is stored and answered with, without scikit-learn.

Summation runs in scikit-learn's order, so the raw scores are its own bits; the probabilities agree to 1e-12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAF = -1


@dataclass(frozen=True, eq=False)
class FlatTrees:
    """An additive model of t trees for c raw scores (one for two classes), iteration by iteration.

    ``baseline`` [c]; ``roots`` int64 [t] positions into the nodes; a node's ``feature`` int32 (-1: leaf),
    ``threshold`` float64 (x <= threshold goes left), ``left``, ``right`` int32, ``missing_left`` uint8 (where NaN
    goes), ``value`` float64 of a leaf.
    """

    baseline: Floats
    roots: NDArray[np.int64]
    feature: NDArray[np.int32]
    threshold: Floats
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing_left: NDArray[np.uint8]
    value: Floats

    @staticmethod
    def from_sklearn(model: Any, cuts: Sequence[Floats]) -> FlatTrees:
        """From a HistGradientBoostingClassifier fitted on bin codes, with the cuts of each column's bins.

        A threshold on codes becomes the cut it stands for, so that the trees read the inputs themselves.
        """
        parts: dict[str, list[NDArray[Any]]] = {
            name: [] for name in ("feature", "threshold", "left", "right", "missing_left", "value")
        }
        roots, offset = [], 0
        for iteration in model._predictors:
            for predictor in iteration:
                nodes = predictor.nodes
                leaf = nodes["is_leaf"].astype(bool)
                parts["feature"].append(np.where(leaf, _LEAF, nodes["feature_idx"]).astype(np.int32))
                parts["threshold"].append(
                    np.array(
                        [
                            0.0 if end else _cut(cuts[column], code)
                            for end, column, code in zip(
                                leaf, nodes["feature_idx"], nodes["num_threshold"], strict=True
                            )
                        ]
                    )
                )
                parts["left"].append(np.where(leaf, 0, nodes["left"].astype(np.int64) + offset).astype(np.int32))
                parts["right"].append(np.where(leaf, 0, nodes["right"].astype(np.int64) + offset).astype(np.int32))
                parts["missing_left"].append(np.where(leaf, 0, nodes["missing_go_to_left"]).astype(np.uint8))
                parts["value"].append(np.where(leaf, nodes["value"], 0.0))
                roots.append(offset)
                offset += nodes.size
        merged = {name: np.concatenate(arrays) for name, arrays in parts.items()}
        baseline = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()
        return FlatTrees(baseline=baseline, roots=np.array(roots, dtype=np.int64), **merged)

    def raw(self, x: Floats) -> Floats:
        """Raw scores [n, c] of inputs [n, f] with NaN where missing."""
        return np.asarray(
            _walk(
                np.ascontiguousarray(x, dtype=np.float64),
                self.baseline,
                self.roots,
                self.feature,
                self.threshold,
                self.left,
                self.right,
                self.missing_left,
                self.value,
            ),
            dtype=np.float64,
        )

    def predict_proba(self, x: Floats) -> Floats:
        """Probabilities [n, classes]: softmax of the raw scores, or the logistic function of a single one."""
        raw = self.raw(x)
        if raw.shape[1] == 1:
            second = 1.0 / (1.0 + np.exp(-raw[:, 0]))
            return np.stack([1.0 - second, second], axis=1)
        return softmax(raw)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for storage."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> FlatTrees:
        """The inverse of ``arrays``."""
        return FlatTrees(**{name: arrays[name] for name in FlatTrees.__dataclass_fields__})


def _cut(cuts: Floats, code: float) -> float:
    """The value x for which (code of x) <= code; infinite where the split is between present and missing."""
    return float(cuts[int(code)]) if np.isfinite(code) else float(code)


def softmax(raw: Floats) -> Floats:
    """exp(raw) / sum, row by row, without overflow."""
    shifted = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True), dtype=np.float64)


@njit(cache=True, nogil=True)
def _walk(
    x: Floats,
    baseline: Floats,
    roots: NDArray[np.int64],
    feature: NDArray[np.int32],
    threshold: Floats,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    missing_left: NDArray[np.uint8],
    value: Floats,
) -> Floats:  # pragma: no cover - compiled
    n, scores = x.shape[0], baseline.size
    out = np.empty((n, scores))
    for row in range(n):
        for k in range(scores):
            out[row, k] = baseline[k]
        for tree in range(roots.size):
            node = roots[tree]
            while feature[node] >= 0:
                seen = x[row, feature[node]]
                if np.isnan(seen):
                    go_left = missing_left[node] == 1
                else:
                    go_left = seen <= threshold[node]
                node = left[node] if go_left else right[node]
            out[row, tree % scores] += value[node]
    return out
