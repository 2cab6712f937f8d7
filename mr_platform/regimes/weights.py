"""Weights of the components by days to expiry: the start values, and the rows that record them."""

from __future__ import annotations

import uuid
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mr_platform.errors import UsageError
from mr_platform.parameters.regimes import COMPONENTS, WeightParameters
from schemas.tables import ADAPTIVE_LEARNING_WEIGHTS
from schemas.weights import ANY_REGIME, DTE_BUCKETS

Cell = tuple[str, str]
"""Days-to-expiry bucket and regime context: where a set of weights holds."""

# one namespace for every id of this room: the same row has the same id wherever and whenever it is made
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "market-regime-platform")

_LAST_DAY = (7, 30, 365)


def identify(*parts: object) -> str:
    """UUID (version 5) of what names a row."""
    return str(uuid.uuid5(NAMESPACE, "|".join(str(part) for part in parts)))


def dte_bucket(dte: int) -> str:
    """Bucket of days to expiry: 0-7, 8-30 or 31+ (to 365); UsageError outside 0..365."""
    if dte >= 0:
        for bucket, last in zip(DTE_BUCKETS, _LAST_DAY, strict=True):
            if dte <= last:
                return bucket
    raise UsageError(
        rule="days to expiry lie between 0 and 365",
        value=dte,
        place="component weights",
        remedy="pass the days to the nearest expiry",
    )


def weights_for(dte: NDArray[np.integer], parameters: WeightParameters) -> NDArray[np.float64]:
    """Start weights of C1..C7 for each row's days to expiry [n] -> [n, 7]; NaN where it is unknown (negative)."""
    unknown = (np.nan,) * len(COMPONENTS)
    rows = [parameters.by_dte[dte_bucket(int(days))] if days >= 0 else unknown for days in dte]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(COMPONENTS))


def start_weights(symbol: str, in_force: datetime, parameters: WeightParameters) -> pa.Table:
    """The initial rows of adaptive_learning_weights: one for each component and bucket, for any regime.

    ``in_force``: zone-aware moment from which they hold. The id depends on symbol, component, bucket,
    context and value, not on the moment: publishing the same start values again gives the same ids.
    """
    if in_force.tzinfo is None:
        raise UsageError(
            rule="the moment a weight comes into force has a time zone",
            value=in_force,
            place=f"start weights of {symbol}",
            remedy="pass the session's open with tzinfo Asia/Kolkata",
        )
    rows = [
        {
            "weight_id": identify("weight", symbol, component, bucket, ANY_REGIME, "start value", repr(value)),
            "symbol": symbol,
            "component_id": component,
            "dte_bucket": bucket,
            "regime_context": ANY_REGIME,
            "weight_value": value,
            "performance_metric": None,
            "last_updated": in_force,
            "reason": "start value",
            "previous_weight_id": None,
        }
        for bucket, values in parameters.by_dte.items()
        for component, value in zip(COMPONENTS, values, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=ADAPTIVE_LEARNING_WEIGHTS.arrow())
