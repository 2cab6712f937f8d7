"""Parameters of the embedded market, as read from configs/embedded_market.yaml.

Volatilities and rates are decimal per year, hours are trading hours, shares lie in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mr_platform.configuration import config_root, read_yaml
from mr_platform.errors import UsageError
from schemas.tables import REGIMES

CONFIG_FILE = "embedded_market.yaml"
DIRECTIONS = ("none", "up", "down", "continue", "reverse")


@dataclass(frozen=True)
class UShape:
    """Excess of activity at the open and at the close over midday, and how fast it fades, minutes."""

    open: float
    close: float
    open_minutes: float
    close_minutes: float


@dataclass(frozen=True)
class MarketParameters:
    """What all symbols share; each field is explained beside its value in the file."""

    session_share: float
    weekend_weight: float
    growth: float
    rate: float
    carry: float
    basis_noise: float
    smile_curvature: float
    mean_reversion: float
    jump_scale: float
    variance_premium: float
    u_shape: UShape
    pinning: float


@dataclass(frozen=True)
class SymbolParameters:
    """One underlying: its level at the start of history, its base volatility and its sizes in contracts."""

    start: float
    volatility: float
    follow: float
    oi_lots: float
    lots_per_minute: float
    future_oi_lots: float
    future_lots_per_minute: float


@dataclass(frozen=True)
class RegimeParameters:
    """What one latent regime does to path, surface and flow while it is in force."""

    dwell: float
    volatility: float
    volatility_end: float
    direction: str
    trend: float
    reversion: float
    jumps: float
    correlation: float
    iv: float
    skew: float
    flow: float
    activity: float
    iv_beta: float
    iv_noise: float


@dataclass(frozen=True)
class ExpiryRule:
    """Weekday (Monday 0) of the expiries from ``from_expiry`` on; None: such contracts are no longer listed."""

    from_expiry: date
    weekday: int | None


@dataclass(frozen=True)
class ChainParameters:
    """Which strikes are listed and how often they trade."""

    inner_steps: int
    middle_steps: int
    outer_steps: int
    busy_steps: float
    decay_steps: float
    pair_share: float


@dataclass(frozen=True)
class DirtParameters:
    """Rates of planted flaws: shares of rows, of minutes (missing_minute) or of sessions (partial_session)."""

    duplicate_row: float
    zero_row: float
    crossed_range: float
    iv_zero: float
    iv_percent: float
    missing_greek: float
    missing_leg: float
    stale_repeat: float
    missing_minute: float
    partial_session: float


@dataclass(frozen=True)
class EmbeddedMarket:
    """The whole configuration of the simulator."""

    seed: int
    history_start: date
    history_years: int
    first_session: date
    sessions: int
    market: MarketParameters
    symbols: Mapping[str, SymbolParameters]
    regimes: Mapping[str, RegimeParameters]
    transitions: tuple[tuple[float, ...], ...]
    overnight_survival: float
    weekly: Mapping[str, tuple[ExpiryRule, ...]]
    monthly: Mapping[str, tuple[ExpiryRule, ...]]
    chain: ChainParameters
    dirt: DirtParameters

    def transition_matrix(self) -> NDArray[np.float64]:
        """Jump chain between spells [8, 8], rows in the order of ``REGIMES``."""
        return np.array(self.transitions, dtype=np.float64)


def load_embedded_market(path: Path | None = None) -> EmbeddedMarket:
    """The configuration from ``path`` or from configs/embedded_market.yaml; UsageError names what is wrong where."""
    where = path or config_root() / CONFIG_FILE
    return parse_embedded_market(read_yaml(where), str(where))


def parse_embedded_market(raw: Mapping[str, Any], place: str) -> EmbeddedMarket:
    """Build and check the configuration from a mapping; ``place`` is named in errors."""
    market = dict(_mapping(raw, "market", place))
    market["u_shape"] = _record(UShape, _mapping(market, "u_shape", f"{place}: market"), f"{place}: market.u_shape")
    expiries = _mapping(raw, "expiries", place)
    symbols = _mapping(raw, "symbols", place)
    regimes = _mapping(raw, "regimes", place)
    transitions = _mapping(raw, "transitions", place)
    _same(tuple(regimes), REGIMES, "regimes", place)
    _same(tuple(transitions), REGIMES, "transitions", place)
    _same(tuple(expiries), tuple(symbols), "expiries", place)
    config = EmbeddedMarket(
        seed=int(_value(raw, "seed", place)),
        history_start=_value(raw, "history_start", place),
        history_years=int(_value(raw, "history_years", place)),
        first_session=_value(raw, "first_session", place),
        sessions=int(_value(raw, "sessions", place)),
        market=_record(MarketParameters, market, f"{place}: market"),
        symbols={name: _record(SymbolParameters, entry, f"{place}: symbols.{name}") for name, entry in symbols.items()},
        regimes={name: _record(RegimeParameters, entry, f"{place}: regimes.{name}") for name, entry in regimes.items()},
        transitions=tuple(tuple(float(p) for p in row) for row in transitions.values()),
        overnight_survival=float(_value(raw, "overnight_survival", place)),
        weekly={name: _rules(entry, "weekly", f"{place}: expiries.{name}") for name, entry in expiries.items()},
        monthly={name: _rules(entry, "monthly", f"{place}: expiries.{name}") for name, entry in expiries.items()},
        chain=_record(ChainParameters, _mapping(raw, "chain", place), f"{place}: chain"),
        dirt=_record(DirtParameters, _mapping(raw, "dirt", place), f"{place}: dirt"),
    )
    _check(config, place)
    return config


def _check(config: EmbeddedMarket, place: str) -> None:
    matrix = config.transition_matrix()
    if matrix.shape != (8, 8) or np.any(matrix < 0) or not np.allclose(matrix.sum(axis=1), 1.0):
        raise _wrong("each row of transitions holds 8 probabilities that sum to 1", matrix.sum(axis=-1), place)
    if np.any(np.diag(matrix) != 0.0):
        raise _wrong("no regime follows itself: its length is the dwell's business", np.diag(matrix), place)
    eta = config.market.smile_curvature
    for name, regime in config.regimes.items():
        if regime.direction not in DIRECTIONS:
            raise _wrong(f"direction is one of {', '.join(DIRECTIONS)}", regime.direction, f"{place}: regimes.{name}")
        if not -1.0 < regime.skew < 1.0 or eta * (1.0 + abs(regime.skew)) > 2.0:
            raise _wrong("smile_curvature x (1 + |skew|) <= 2: no arbitrage", regime.skew, f"{place}: regimes.{name}")
        if not 0.0 <= regime.correlation <= 1.0:
            raise _wrong("correlation lies in [0, 1]", regime.correlation, f"{place}: regimes.{name}")
    for rate in fields(config.dirt):
        if not 0.0 <= getattr(config.dirt, rate.name) <= 0.2:
            raise _wrong("a rate of planted flaws lies in [0, 0.2]", getattr(config.dirt, rate.name), f"{place}: dirt")


def _rules(entry: Mapping[str, Any], kind: str, place: str) -> tuple[ExpiryRule, ...]:
    return tuple(_record(ExpiryRule, rule, f"{place}.{kind}") for rule in _value(entry, kind, place))


def _record(kind: type, entry: Any, place: str) -> Any:
    """A frozen record of ``kind`` from a mapping with exactly its fields; numbers become floats where so declared."""
    if not isinstance(entry, Mapping):
        raise _wrong("a mapping stands here", entry, place)
    declared = {field.name: field.type for field in fields(kind)}
    _same(tuple(sorted(entry)), tuple(sorted(declared)), "fields", place)
    values: dict[str, Any] = {}
    for name, value in entry.items():
        if declared[name] in ("float", "int") and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise _wrong(f"{name} is a number", value, place)
        values[name] = float(value) if declared[name] == "float" else value
    return kind(**values)


def _mapping(raw: Mapping[str, Any], name: str, place: str) -> Mapping[str, Any]:
    value = _value(raw, name, place)
    if not isinstance(value, Mapping):
        raise _wrong(f"{name} is a mapping", value, place)
    return value


def _value(raw: Mapping[str, Any], name: str, place: str) -> Any:
    if name not in raw:
        raise _wrong(f"{name} is given", sorted(raw), place)
    return raw[name]


def _same(found: tuple[str, ...], wanted: tuple[str, ...], what: str, place: str) -> None:
    if found != wanted:
        raise _wrong(f"{what} are {', '.join(wanted)}", ", ".join(found), place)


def _wrong(rule: str, value: object, place: str) -> UsageError:
    return UsageError(rule=rule, value=value, place=place, remedy="mend the configuration of the embedded market")
