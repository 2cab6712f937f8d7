"""The catalogue: every feature the platform computes, in the order of the published columns.

Code, table schemas, documentation and the dashboard are generated from it or checked against it. Importing this
module loads no compiler and no data library.
"""

from __future__ import annotations

import difflib
import functools
import importlib
from dataclasses import asdict, dataclass
from typing import Any

from mr_platform.errors import UsageError


@dataclass(frozen=True)
class FeatureSpec:
    """What one feature column means.

    ``description`` is the formula in words; ``range`` its bounds (-inf and inf where there is none);
    ``warmup_minutes`` the one-minute bars after which it can first be finite, sessions before included where the
    recursion runs on across them; ``parameters`` the names of the parameters it uses; ``version`` rises with every
    change of meaning.
    """

    name: str
    component: str
    group: str
    description: str
    unit: str
    range: tuple[float, float]
    warmup_minutes: int
    parameters: tuple[str, ...] = ()
    version: int = 1


@dataclass(frozen=True)
class ComponentEntry:
    """A component in the catalogue: its short name, its room and class, what it is of, its features in column order."""

    key: str
    number: int
    folder: str
    class_name: str
    title: str
    features: tuple[FeatureSpec, ...]

    @property
    def table(self) -> str:
        """Its table in the lake."""
        return f"features/{self.folder}"

    @property
    def relation(self) -> str:
        """Its table in the warehouse."""
        return f"{self.key}_features"

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names in column order."""
        return tuple(spec.name for spec in self.features)


_COMPONENTS = (
    ("c1_triple_straddle", "TripleStraddle", "the ATM, ITM1 and OTM1 straddles"),
    ("c2_greeks_sentiment", "GreeksSentiment", "the Greeks of traded and held options"),
    ("c3_oi_price_action", "OIPriceAction", "open interest, volume and price around the money"),
    ("c4_iv_skew", "IVSkew", "the implied-volatility smile and its term structure"),
    ("c5_atr_ema_cpr", "AtrEmaCpr", "range, trend and pivots of straddle and underlying"),
    ("c6_correlation", "Correlation", "how thirty series of the chain move together"),
    ("c7_support_resistance", "SupportResistance", "levels of underlying and straddle, and breakouts"),
    ("c8_master_integration", "MasterIntegration", "what the seven components say together"),
)
"""Room below ``mr_platform.features``, class and subject of each component, by number."""


@functools.lru_cache(maxsize=1)
def components() -> tuple[ComponentEntry, ...]:
    """The components that exist, by number."""
    return tuple(
        ComponentEntry(
            folder.split("_")[0],
            int(folder[1]),
            folder,
            class_name,
            title,
            importlib.import_module(f"mr_platform.features.{folder}.catalogue").features(),
        )
        for folder, class_name, title in _COMPONENTS
    )


def component(key: str) -> ComponentEntry:
    """The component ``key`` (``c1``); UsageError naming the nearest match."""
    entries = {entry.key: entry for entry in components()}
    if key in entries:
        return entries[key]
    near = difflib.get_close_matches(key, entries, n=1)
    raise UsageError(
        rule="the component is in the catalogue",
        value=key,
        place="feature catalogue",
        remedy=(f"did you mean {near[0]}? " if near else "") + f"known: {', '.join(entries)}",
    )


def catalogue() -> tuple[FeatureSpec, ...]:
    """All features in column order: by component, by group, then as each component lists them."""
    return tuple(spec for entry in components() for spec in entry.features)


def as_json() -> list[dict[str, Any]]:
    """The catalogue as plain lists and dictionaries; an unbounded end of a range is None.

    ``mirror`` is what the feature becomes where calls and puts change places (``features.mirror``), None where unknown.
    """
    from mr_platform.features.mirror import mirrors

    rows = []
    for spec in catalogue():
        row = asdict(spec)
        row["range"] = [None if abs(bound) == float("inf") else bound for bound in spec.range]
        row["parameters"] = list(spec.parameters)
        mirror = mirrors().get(spec.name)
        row["mirror"] = None if mirror is None else mirror._asdict()
        rows.append(row)
    return rows
