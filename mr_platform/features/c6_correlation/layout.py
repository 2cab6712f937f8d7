"""The thirty series of C6, their groups, and the pairs that speak for them; the order of its columns."""

from __future__ import annotations

PRICES = (*(f"{kind}_{strike}" for kind in ("straddle", "ce", "pe") for strike in ("atm", "itm1", "otm1")), "overlay")
GREEKS = tuple(f"{greek}_{leg}" for leg in ("ce", "pe") for greek in ("delta", "gamma", "theta", "vega"))
CHAIN = ("oi_ce", "oi_pe", "price_ce", "price_pe", "oi_ratio", "price_ratio")
SMILE = ("iv_atm", "iv_itm1", "iv_otm1", "put_skew", "call_skew", "term")
NAMES = (*PRICES, *GREEKS, *CHAIN, *SMILE)
"""Each group follows the one before it, so that every phase is the leading block of the next."""
N_SERIES = len(NAMES)
GROUPS = ("prices", "greeks", "chain", "smile")
N_GROUPS = len(GROUPS)
BLOCKS = tuple((a, b) for a in range(N_GROUPS) for b in range(a, N_GROUPS))
"""Pairs of groups, each with itself too."""
BLOCK_NAMES = tuple(GROUPS[a] if a == b else f"{GROUPS[a]}_{GROUPS[b]}" for a, b in BLOCKS)
TIMEFRAME_BLOCKS = ((0, 0), (0, 2), (0, 3))
"""Blocks that are followed over longer changes: prices among themselves, with the chain and with the smile."""

OVERLAY = NAMES.index("overlay")
STRADDLE = NAMES.index("straddle_atm")
_PAIRS = {
    "ce_pe": ("ce_atm", "pe_atm"),
    "straddle_iv": ("straddle_atm", "iv_atm"),
    "gamma_ce_pe": ("gamma_ce", "gamma_pe"),
    "iv_itm1_otm1": ("iv_itm1", "iv_otm1"),
    "iv_term": ("iv_atm", "term"),
    "put_call_skew": ("put_skew", "call_skew"),
    "oi_ce_pe": ("oi_ce", "oi_pe"),
    "oi_price_ratio": ("oi_ratio", "price_ratio"),
}
PAIR_NAMES = tuple(_PAIRS)
PAIRS = tuple((NAMES.index(a), NAMES.index(b)) for a, b in _PAIRS.values())
"""The headline pairs, each in the order of the series."""
PAIR_WORDS = (
    "ATM call and ATM put",
    "ATM straddle and ATM volatility",
    "gamma exposures of calls and of puts",
    "volatilities at ITM1 and OTM1",
    "ATM volatility and term slope",
    "put skew and call skew",
    "open interest of calls and of puts around ATM",
    "put/call ratios of open interest and of prices around ATM",
)
N_TRACKED = 6
"""The first of them are tight by construction of the market: their loosening is a breakdown."""

SCORES = ("c1", "c2", "c3", "c4", "c5")
"""Components whose scores the cross-component group compares."""
N_SCORES = len(SCORES)
SCORE_PAIRS = tuple((a, b) for a in range(N_SCORES) for b in range(a + 1, N_SCORES))

N_WINDOWS = 3
SHORT, MIDDLE, LONG = range(N_WINDOWS)
N_PHASES = 4
N_TIMEFRAMES = 4
GRID = 5
"""Minutes between spectra: an eigenvalue is as of the last finished five-minute bar."""

MATRIX_AT, BREAKDOWN_AT, CROSS_AT, GRAPH_AT, END = 0, 90, 115, 135, 150
"""Where the groups of columns begin."""
