"""Probability calibration: a logarithmic pool of the classifier with the class prior.

log q = a log p + b log prior - log(sum); a < 1 tempers an overconfident classifier, and a classifier that adds
nothing ends at a = 0, b = 1, the prior. Two numbers: short samples with overlapping labels bear no more.
Source: Genest and Zidek, Combining Probability Distributions (1986); temperature scaling of Guo et al. (2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FLOOR = 1e-6


@dataclass(frozen=True)
class Calibration:
    """``sharpness`` a >= 0 and ``prior`` b >= 0 of the pool."""

    sharpness: float
    prior: float

    @staticmethod
    def identity() -> Calibration:
        """Leaves probabilities as they are, but for a floor of 1e-6."""
        return Calibration(1.0, 0.0)

    @staticmethod
    def fit(p: Floats, shares: Floats, y: Ints, weight: Floats) -> Calibration:
        """Least weighted log-loss over rows the classifier was not fitted on.

        ``p`` [n, k] uncalibrated, ``shares`` [k] or [n, k] the prior of each row, ``y`` [n]. A faint pull towards
        a = 1, b = 0 makes the answer unique.
        """
        from scipy.optimize import minimize

        log_p, log_prior = _logs(p), np.broadcast_to(_logs(shares), p.shape)
        rows, total = np.arange(y.size), weight.sum()

        def loss(ab: Floats) -> tuple[float, Floats]:
            z = ab[0] * log_p + ab[1] * log_prior
            z -= z.max(axis=1, keepdims=True)
            q = np.exp(z)
            q /= q.sum(axis=1, keepdims=True)
            value = -(weight * np.log(np.maximum(q[rows, y], 1e-300))).sum() / total
            slope = [(weight * ((q * logs).sum(axis=1) - logs[rows, y])).sum() / total for logs in (log_p, log_prior)]
            pull = 1e-4 * np.array([ab[0] - 1.0, ab[1]])
            return float(value + 0.5e-4 * ((ab[0] - 1.0) ** 2 + ab[1] ** 2)), np.array(slope) + pull

        found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.0, 5.0), (0.0, 5.0)])
        return Calibration(float(found.x[0]), float(found.x[1]))

    def apply(self, p: Floats, shares: Floats) -> Floats:
        """Calibrated probabilities [n, k]."""
        z = self.sharpness * _logs(p) + self.prior * _logs(shares)
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(z / z.sum(axis=1, keepdims=True), dtype=np.float64)


def _logs(p: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(p, _FLOOR)), dtype=np.float64)
