"""The regime taxonomies: 8 strategic, 18 tactical, 18 of the workbook, 7 daily.

Names only and the maps between them; who is in force when is decided in the other modules of this room.
The 8 and the workbook's 18 have no invented map between them: they are reported side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from mr_platform.errors import UsageError
from schemas.tables import REGIMES


@dataclass(frozen=True)
class Strategic:
    """One of the 8 answers of the platform. ``color`` is its band in every picture."""

    code: str
    name: str
    color: str


@dataclass(frozen=True)
class Tactical:
    """One of the 18 tactical regimes. ``weight`` is the confidence of its mapping to ``parent``, 0..1."""

    parent: str
    name: str
    weight: float

    @property
    def label(self) -> str:
        """``PARENT/name``: names alone repeat ((LVLD, Moderate) is not (SCGS, Moderate))."""
        return f"{self.parent}/{self.name}"


STRATEGIC: tuple[Strategic, ...] = (
    Strategic("LVLD", "Low Volatility Low Delta", "#7fb3d5"),
    Strategic("HVC", "High Volatility Contraction", "#af7ac5"),
    Strategic("VCPE", "Volatility Contraction Price Expansion", "#58b368"),
    Strategic("TBVE", "Trend Breaking Volatility Expansion", "#d9534f"),
    Strategic("TBVS", "Trend Breaking Volatility Suppression", "#f0ad4e"),
    Strategic("SCGS", "Strong Correlation Good Sentiment", "#148f9c"),
    Strategic("PSED", "Poor Sentiment Elevated Divergence", "#7b241c"),
    Strategic("CBV", "Choppy Breakout Volatility", "#b8b8b8"),
)

TACTICAL: tuple[Tactical, ...] = (
    Tactical("LVLD", "Conservative", 0.95),
    Tactical("LVLD", "Moderate", 0.90),
    Tactical("LVLD", "Aggressive", 0.85),
    Tactical("HVC", "Defensive", 0.90),
    Tactical("HVC", "Neutral", 0.85),
    Tactical("HVC", "Opportunistic", 0.80),
    Tactical("VCPE", "Post_Event", 0.95),
    Tactical("VCPE", "Pre_Event", 0.80),
    Tactical("TBVE", "TBVE_Bull_High_Vol", 0.90),
    Tactical("TBVE", "TBVE_Bear_High_Vol", 0.90),
    Tactical("TBVS", "TBVE_Bull_Low_Vol", 0.85),
    Tactical("TBVS", "TBVE_Bear_Low_Vol", 0.85),
    Tactical("TBVS", "TBVS_Reversal", 0.80),
    Tactical("TBVS", "TBVS_Continuation", 0.80),
    Tactical("SCGS", "Strong", 0.95),
    Tactical("SCGS", "Moderate", 0.85),
    Tactical("PSED", "Divergent", 0.90),
    Tactical("CBV", "Choppy", 0.75),
)

WORKBOOK_TRENDS = ("Strong_Bullish", "Bullish", "Neutral", "Bearish", "Strong_Bearish", "Sideways")
WORKBOOK_VOLATILITIES = ("High_Vol", "Med_Vol", "Low_Vol")
WORKBOOK: tuple[str, ...] = tuple(
    f"{trend}_{volatility}" for trend in WORKBOOK_TRENDS for volatility in WORKBOOK_VOLATILITIES
)

DAILY = (
    "strongly_bullish",
    "bullish",
    "neutral",
    "bearish",
    "strongly_bearish",
    "choppy_bullish",
    "choppy_bearish",
)

_STRATEGIC = MappingProxyType({regime.code: regime for regime in STRATEGIC})
_TACTICAL = MappingProxyType({(regime.parent, regime.name): regime for regime in TACTICAL})
_WORKBOOK = MappingProxyType({name: at for at, name in enumerate(WORKBOOK)})

if tuple(_STRATEGIC) != REGIMES:  # the tables' columns p_lvld .. p_cbv follow this order
    raise AssertionError(f"taxonomy {tuple(_STRATEGIC)} and schemas.tables.REGIMES {REGIMES} differ")


def _unknown(kind: str, value: object, known: object) -> UsageError:
    return UsageError(
        rule=f"a {kind} regime is one of {known}",
        value=value,
        place="mr_platform.regimes.taxonomy",
        remedy="use one of the names above",
    )


def strategic(code: str) -> Strategic:
    """The strategic regime with that code; UsageError lists the 8."""
    if code not in _STRATEGIC:
        raise _unknown("strategic", code, list(_STRATEGIC))
    return _STRATEGIC[code]


def tactical(parent: str, name: str) -> Tactical:
    """The tactical regime ``name`` under ``parent``; UsageError lists the 18."""
    if (parent, name) not in _TACTICAL:
        raise _unknown("tactical", (parent, name), list(_TACTICAL))
    return _TACTICAL[parent, name]


def strategic_of(parent: str, name: str) -> tuple[str, float]:
    """Strategic code and mapping weight of a tactical regime."""
    regime = tactical(parent, name)
    return regime.parent, regime.weight


def tactical_children(code: str) -> tuple[Tactical, ...]:
    """The tactical regimes of a strategic one, in the order of the table."""
    strategic(code)
    return tuple(regime for regime in TACTICAL if regime.parent == code)


def workbook_id(name: str) -> int:
    """Number 0..17 of a workbook regime: 3 * trend + volatility (High 0, Med 1, Low 2)."""
    if name not in _WORKBOOK:
        raise _unknown("workbook", name, list(WORKBOOK))
    return _WORKBOOK[name]


def workbook_name(trend: int, volatility: int) -> str:
    """Name of the workbook regime from the indices into WORKBOOK_TRENDS and WORKBOOK_VOLATILITIES."""
    if not (0 <= trend < len(WORKBOOK_TRENDS) and 0 <= volatility < len(WORKBOOK_VOLATILITIES)):
        raise _unknown("workbook", (trend, volatility), "trend 0..5 and volatility 0..2")
    return WORKBOOK[3 * trend + volatility]
