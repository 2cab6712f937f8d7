"""The confidence gate: when the model's answer is withheld, and the reason given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mr_platform.learning.baselines import quantiles
from mr_platform.learning.dataset import Dataset
from mr_platform.parameters.learning import GateParameters

Floats = NDArray[np.float64]

_EPOCH = date(1970, 1, 1)
_TAILS = (0.1, 99.9)


@dataclass(frozen=True, eq=False)
class InputRange:
    """Range of each input in training: ``low``, ``high`` [f], NaN for one never seen.

    ``usual_missing`` [1]: the largest share of missing inputs of a training row, its upper 0.1 % left out.
    """

    low: Floats
    high: Floats
    usual_missing: Floats

    @staticmethod
    def fit(x: Floats) -> InputRange:
        """Quantiles 0.1 % and 99.9 % of the training rows' inputs [n, f]."""
        never = np.isnan(x).all(axis=0)
        low, high = quantiles(x, [tail / 100.0 for tail in _TAILS])
        low[never], high[never] = np.nan, np.nan
        missing = np.percentile(np.isnan(x).mean(axis=1), _TAILS[1:])
        return InputRange(low, high, missing)

    def outside(self, x: Floats) -> Floats:
        """Share of a row's present inputs that lie outside their training range [n]; 0 where none is present."""
        present = np.isfinite(x)
        with np.errstate(invalid="ignore"):
            beyond = present & ((x < self.low) | (x > self.high))
        return np.asarray(beyond.sum(axis=1) / np.maximum(present.sum(axis=1), 1), dtype=np.float64)

    def reasons(self, data: Dataset, p: Floats, gate: GateParameters, train_end: date) -> list[str]:
        """Why there is no signal, row by row; empty where there is one. The first reason that holds is given."""
        outside = self.outside(data.x)
        missing = np.isnan(data.x).mean(axis=1)
        allowed = max(float(self.usual_missing[0]), gate.missing_share)
        confidence = p.max(axis=1)
        trained_to = (train_end - _EPOCH).days
        reasons = []
        for row in range(data.n):
            age = int(data.session[row]) - trained_to
            if data.symbol[row] >= len(data.symbols):
                reason = f"the symbol is none of those trained on ({', '.join(data.symbols)})"
            elif age > gate.expiry_days:
                reason = f"the model expired: {age} days after its training window, {gate.expiry_days} allowed"
            elif missing[row] > allowed:
                reason = f"{missing[row]:.0%} of the inputs are missing, {allowed:.0%} allowed"
            elif outside[row] > gate.outside_share:
                reason = (
                    f"{outside[row]:.0%} of the inputs lie outside the training range, {gate.outside_share:.0%} allowed"
                )
            elif confidence[row] < gate.confidence:
                reason = f"confidence {confidence[row]:.2f} is below {gate.confidence:.2f}"
            else:
                reason = ""
            reasons.append(reason)
        return reasons

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for storage."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> InputRange:
        """The inverse of ``arrays``."""
        return InputRange(**{name: arrays[name] for name in InputRange.__dataclass_fields__})
