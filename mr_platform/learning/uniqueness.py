"""Sample weights by average uniqueness: labels whose windows overlap share what they tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def average_uniqueness(begin: NDArray[np.integer], end: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mean over each label's window of 1 / (number of labels whose windows cover the bar).

    ``begin``, ``end`` int [n]: the window covers bars begin .. end-1, end > begin >= 0. Returns float64 [n] in (0, 1].
    Source: Lopez de Prado, Advances in Financial Machine Learning (2018), section 4.4.
    """
    if not begin.size:
        return np.empty(0)
    change = np.zeros(int(end.max()) + 1)
    np.add.at(change, begin, 1.0)
    np.add.at(change, end, -1.0)
    concurrent = np.cumsum(change)[:-1]
    inverse = np.divide(1.0, concurrent, out=np.zeros_like(concurrent), where=concurrent > 0)
    total = np.concatenate([[0.0], np.cumsum(inverse)])
    return np.asarray((total[end] - total[begin]) / (end - begin), dtype=np.float64)
