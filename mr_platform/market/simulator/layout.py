"""The warehouse's table layout: the 48 columns of {symbol}_option_chain, in order, with their types.

Implied volatility is a decimal fraction per year (profile platform_chain: iv decimal), volume and open interest
are in units of the underlying, and a volatility that cannot be solved is 0, as vendors write it.
"""

from __future__ import annotations

import pyarrow as pa

TEXT = pa.dictionary(pa.int32(), pa.string())
_LEG = (
    ("symbol", TEXT),
    *((name, pa.float64()) for name in ("open", "high", "low", "close")),
    ("volume", pa.int64()),
    ("oi", pa.int64()),
    *((name, pa.float64()) for name in ("coi", "iv", "delta", "gamma", "theta", "vega", "rho")),
)
LEG_FIELDS = tuple(name for name, _ in _LEG)

PLATFORM_CHAIN = pa.schema(
    [
        ("trade_date", pa.date32()),
        ("trade_time", pa.time32("s")),
        ("expiry_date", pa.date32()),
        ("index_name", TEXT),
        ("spot", pa.float64()),
        ("atm_strike", pa.float64()),
        ("strike", pa.float64()),
        ("dte", pa.int32()),
        ("expiry_bucket", TEXT),
        ("zone_id", pa.int32()),
        ("zone_name", TEXT),
        ("call_strike_type", TEXT),
        ("put_strike_type", TEXT),
        *((f"ce_{name}", kind) for name, kind in _LEG),
        *((f"pe_{name}", kind) for name, kind in _LEG),
        *((f"future_{name}", pa.float64()) for name in ("open", "high", "low", "close")),
        ("future_volume", pa.int64()),
        ("future_oi", pa.int64()),
        ("future_coi", pa.float64()),
    ]
)

MAX_DEPTH = 32
STRIKE_TYPES = ("ATM", *(f"ITM{k}" for k in range(1, MAX_DEPTH + 1)), *(f"OTM{k}" for k in range(1, MAX_DEPTH + 1)))
BUCKETS = ("CW", "NW", "CM", "NM")
ZONES = ("OPEN", "MID_MORN", "LUNCH", "AFTERNOON", "CLOSE")
