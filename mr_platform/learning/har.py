"""HAR-RV: realised volatility from its last value, its last session's mean and its last week's mean.

Everything is read as known: the volatility of a window counts from the moment the window has ended.
Source: Corsi, A Simple Approximate Long-Memory Model of Realized Volatility (2009), in logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mr_platform.learning.dataset import Dataset

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WEEK = 5
_LEAST_ROWS = 30


@dataclass(frozen=True, eq=False)
class HarVolatility:
    """``beta`` [4] on (1, last, session, week); ``residual`` standard deviation; usual level and terciles by minute.

    All in logs of the volatility. ``levels`` [m, 4]: median, q33 and q67 of each minute of the day in ``minutes`` [m],
    and the median of what was last known then: both sides of the regression are departures from the time of day.
    """

    beta: Floats
    residual: float
    minutes: Ints
    levels: Floats

    @staticmethod
    def fit(train: Dataset) -> HarVolatility | None:
        """Least squares on the rows whose volatility and regressors are known; None with fewer than 30 of them."""
        log_sigma = _log(train.sigma)
        have = np.isfinite(log_sigma)
        if np.count_nonzero(have) < _LEAST_ROWS:
            return None
        minutes = np.unique(train.minute[have])
        last = _log(train.last_sigma)
        levels = np.empty((minutes.size, 4))
        for row, minute in enumerate(minutes):
            at = train.minute == minute
            levels[row, :3] = np.percentile(log_sigma[have & at], (50.0, 100 / 3, 200 / 3))
            known = last[at & np.isfinite(last)]
            levels[row, 3] = np.median(known) if known.size else levels[row, 0]
        regressors = _regressors(train, levels[_at(minutes, train.minute), 3])
        usual = levels[_at(minutes, train.minute), 0]
        rows = have & np.isfinite(regressors).all(axis=1)
        if np.count_nonzero(rows) < _LEAST_ROWS:
            return None
        beta, *_ = np.linalg.lstsq(regressors[rows], (log_sigma - usual)[rows], rcond=None)
        error = (log_sigma - usual)[rows] - regressors[rows] @ beta
        return HarVolatility(beta, float(max(error.std(), 1e-6)), minutes, levels)

    def terciles(self, test: Dataset) -> Floats:
        """Probabilities of low, mid, high [n, 3] under a normal error; NaN where no volatility is known yet."""
        usual, low, high, usual_last = self.levels[_at(self.minutes, test.minute)].T
        forecast = usual + _regressors(test, usual_last) @ self.beta
        below, within = ndtr((low - forecast) / self.residual), ndtr((high - forecast) / self.residual)
        return np.stack([below, within - below, 1.0 - within], axis=1)


def _at(minutes: Ints, minute: Ints) -> NDArray[np.intp]:
    return np.minimum(np.searchsorted(minutes, minute), minutes.size - 1)


def _log(sigma: Floats) -> Floats:
    return np.asarray(np.log(np.where(sigma > 0, sigma, np.nan)), dtype=np.float64)


def _regressors(data: Dataset, usual_last: Floats) -> Floats:
    """(1, last known, mean of the last session, mean of the last five) [n, 4]: departures of log volatility as known.

    A session's mean is that of what was known during it; where an average has nothing yet the shorter one stands in.
    """
    last = _log(data.last_sigma) - usual_last
    day, week = np.full(data.n, np.nan), np.full(data.n, np.nan)
    means: dict[int, list[float]] = {}
    for run in data.runs():
        past = means.setdefault(int(data.symbol[run[0]]), [])
        if past:
            day[run], week[run] = past[-1], float(np.mean(past[-_WEEK:]))
        known = last[run][np.isfinite(last[run])]
        if known.size:
            past.append(float(known.mean()))
    day = np.where(np.isnan(day), last, day)
    week = np.where(np.isnan(week), day, week)
    return np.stack([np.ones(data.n), last, day, week], axis=1)
