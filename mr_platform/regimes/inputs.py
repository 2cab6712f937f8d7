"""What the regimes are made of: component scores from feature tables, and a model's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.parameters.regimes import COMPONENTS, RegimeParameters
from mr_platform.regimes.rules import classify
from mr_platform.regimes.weights import weights_for
from schemas.tables import IST_TIMESTAMP, REGIMES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Times = NDArray[np.datetime64]

HEALTH = ("healthy", "degraded", "unavailable")
# What is read of a component's table besides its features.
SCORE_COLUMNS = ("event_ts", "known_ts", "dte", "score", "confidence", "health")


@dataclass(frozen=True)
class ComponentScores:
    """A component's answer along its rows [n].

    ``event_ts``, ``known_ts`` UTC instants (datetime64[us], ascending): start of the bar, and when the row could
    be known; ``dte`` days to the nearest expiry, -1 where unknown; ``score`` -1..1 and ``confidence`` 0..1, NaN
    where unknown; ``health`` one of HEALTH.
    """

    component: int
    event_ts: Times
    known_ts: Times
    dte: Ints
    score: Floats
    confidence: Floats
    health: Sequence[str]

    def __post_init__(self) -> None:
        series = (self.event_ts, self.known_ts, self.dte, self.score, self.confidence, self.health)
        sizes = {len(one) for one in series}
        wrong = sorted(set(self.health) - set(HEALTH))
        outside = bool(np.any(np.abs(self.score) > 1) or np.any(self.confidence < 0) or np.any(self.confidence > 1))
        unordered = bool(np.any(np.diff(self.event_ts) <= np.timedelta64(0, "us")))
        if len(sizes) != 1 or wrong or outside or unordered:
            raise UsageError(
                rule=f"ordered series of one length, score in -1..1, confidence in 0..1, health one of {HEALTH}",
                value={"lengths": sorted(sizes), "health": wrong, "outside": outside, "unordered": unordered},
                place=f"scores of component {self.component}",
                remedy="pass the component's own table, one row a bar",
            )


@dataclass(frozen=True)
class ModelAnswer:
    """A model's calibrated probabilities [n, 8] (order of REGIMES) at ``event_ts`` [n]; NaN rows: no prediction.

    ``unfit`` [n]: why the model must not be believed there ("" where it may): inputs unlike the training
    data, older than its expiry.
    """

    version: str
    event_ts: Times
    probabilities: Floats
    unfit: Sequence[str] = ()

    def __post_init__(self) -> None:
        n = self.event_ts.size
        if self.probabilities.shape != (n, len(REGIMES)) or len(self.unfit) not in (0, n):
            raise UsageError(
                rule="a model answers with one probability for each of the 8 regimes and each row",
                value={"rows": n, "probabilities": self.probabilities.shape, "unfit": len(self.unfit)},
                place=f"answer of model {self.version}",
                remedy="order the columns as in schemas.tables.REGIMES",
            )


def instants(column: pa.ChunkedArray | pa.Array) -> Times:
    """The UTC instants of a table's timestamp column, datetime64[us] [n]."""
    moments: Times = np.asarray(column.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")))
    return moments.astype("datetime64[us]")


def stamps(moments: Times) -> pa.Array:
    """UTC instants as a table's timestamp column: the way back from ``instants``."""
    return pa.array(moments, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")).cast(IST_TIMESTAMP)


def scores_from_features(features: pa.Table, component: int) -> ComponentScores:
    """The scores in a component's published feature table (SCORE_COLUMNS)."""
    table = features.sort_by("event_ts")
    return ComponentScores(
        component=component,
        event_ts=instants(table["event_ts"]),
        known_ts=instants(table["known_ts"]),
        dte=np.array(table["dte"].fill_null(-1), dtype=np.int64),
        score=np.array(table["score"].fill_null(np.nan), dtype=np.float64),
        confidence=np.array(table["confidence"].fill_null(np.nan), dtype=np.float64),
        health=table["health"].to_pylist(),
    )


def with_rule_probabilities(features: pa.Table, scores: Mapping[int, Floats], parameters: RegimeParameters) -> pa.Table:
    """``features`` with the rule classifier's columns rule_p_lvld .. rule_p_cbv, a baseline for the models.

    ``scores`` of the components along the rows, NaN where absent; C8, which is the seven together, is left out. They
    are weighed by the start weights: what is learned from labels would be no baseline for who is trained on them.
    """
    weights = weights_for(np.array(features["dte"].fill_null(-1), dtype=np.int64), parameters.weights)
    single = {component: score for component, score in scores.items() if component in COMPONENTS}
    p = classify(single, weights, parameters.rules).probabilities
    for at, code in enumerate(REGIMES):
        features = features.append_column(
            f"rule_p_{code.lower()}", pa.array(p[:, at], pa.float64(), mask=~np.isfinite(p[:, at]))
        )
    return features
