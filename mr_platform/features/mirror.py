"""Which features answer exactly to the mirror of the market.

The mirror exchanges calls and puts and reflects strikes, spot and future at a level: a rise is a fall, resistance is
support, and a straddle at a strike keeps its price. What is made of premiums, volumes and open interest alone then
keeps its value or turns its sign, and what is of one leg takes that of the other leg. Volatilities, Greeks and shares
of the underlying's level do so only nearly, prices being lognormal and a share being of another level; ratios of put to
call turn into their inverse; scores that mix such things follow them. None of those is declared here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import NamedTuple

from mr_platform.features.catalogue import catalogue


class Mirror(NamedTuple):
    """In the mirror a feature has the value of ``counterpart`` (often itself) times ``sign``."""

    counterpart: str
    sign: int


_OTHER_SIDE = {
    "ce": "pe",
    "itm1": "otm1",
    "bull": "bear",
    "accumulation": "distribution",
}
_OTHER_SIDE |= {other: one for one, other in _OTHER_SIDE.items()}

_KEEPS = (
    # straddles: a call and a put together
    r"c1_ema_.*",
    r"c1_vwap_(?!deviation_future_|score_future).*",
    r"c1_pivot_(?!cpr_|position_underlying).*",
    r"c1_timeframe_(?!leg_imbalance_|wing_spread_).*",
    r"c5_(atr|dual_asset|ema)_(?!score_|pivot_).*_straddle(_.*)?",
    r"c5_dual_asset_premium_to_range",
    r"c7_detection_(pivot|profile|round|fibonacci|technical|control|value_area|retracement)_straddle",
    r"c7_confluence_spread_straddle",
    # contracts of both legs, or of one
    r"c2_dte_pin_oi_share",
    r"c2_sentiment_(volume_ratio|oi_ratio|flow_size)",
    r"c3_cumulative_(oi|volume|price)_(velocity|acceleration)_(ce|pe)_.*",
    r"c3_cumulative_concentration_(ce|pe)",
    r"c3_rolling_leg_divergence_.*",
    r"c3_institutional_(flow_z|turnover)_.*",
    r"c3_institutional_wall_(distance|share)_.*",
    r"c3_institutional_(pain_excess|accumulation|distribution)",
    r"c3_divergence_(regular|hidden)_(bull|bear)_(flag|since)",
    # how straddles, calls and puts move with one another
    r"c6_matrix_(top_share|top3_share|effective_rank|condition|top_share_change)_10",
    r"c6_matrix_(block_prices_(20|50)|dispersion_prices_50|timeframe_prices_(3|5|10|15))",
    r"c6_matrix_pair_(oi_)?ce_pe_.*",
    r"c6_breakdown_((confidence|departure)_ce_pe|turbulence_prices)",
    # the size of the underlying's moves, one over another
    r"c5_atr_(ratio|momentum|trend_age|squeeze_age|expansion)_underlying.*",
    r"c5_dual_asset_(scaling|range_used)_underlying",
    r"c5_ema_fan_underlying",
    r"c7_detection_retracement_underlying",
)
_TURNS = (
    # put less call
    r"c3_cumulative_net_(oi|flow)",
    r"c3_institutional_(flow_level|money_flow_15|max_pain_migration)",
    # call less put, in the money less out of it
    r"c1_timeframe_(leg_imbalance_atm|wing_spread)_5",
    # rises counted up, falls down
    r"c1_pivot_(position_underlying|cpr_run)",
    r"c3_rolling_(buildup_(ce|pe)_.*|trend)",
    r"c3_divergence_extreme_flag",
    r"c5_dual_asset_(trend|alignment|cross_age|thrust)_underlying",
    r"c5_cpr_(nearest_(classic|camarilla)|breakout)",
    r"c7_detection_(pivot|fibonacci|gap)_underlying",
)


@functools.lru_cache(maxsize=1)
def mirrors() -> Mapping[str, Mirror]:
    """What becomes of each feature that the mirror keeps or turns, by name."""
    found: dict[str, Mirror] = {}
    for spec in catalogue():
        words = spec.name.split("_")
        paired = any(_OTHER_SIDE.get(word) in words for word in words)
        counterpart = spec.name if paired else "_".join(_OTHER_SIDE.get(word, word) for word in words)
        for sign, patterns in ((1, _KEEPS), (-1, _TURNS)):
            if any(re.fullmatch(pattern, spec.name) for pattern in patterns):
                found[spec.name] = Mirror(counterpart, sign)
    return found
