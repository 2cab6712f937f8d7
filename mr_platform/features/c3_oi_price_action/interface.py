"""The named interfaces of C3: thin calls of the feature kernels that answer with frozen values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mr_platform.errors import UsageError
from mr_platform.features.c3_oi_price_action import pieces, swings
from mr_platform.features.c3_oi_price_action.columns import held_sums
from mr_platform.features.c3_oi_price_action.component import OIPriceAction, SessionState
from mr_platform.features.c3_oi_price_action.cpu import per_bar, three_way_state
from mr_platform.features.c3_oi_price_action.state import STATES, Carried, Floats
from mr_platform.features.c3_oi_price_action.window import strike_window
from mr_platform.features.component import HEALTH, ComponentOutput, SessionStart
from mr_platform.features.inputs import ATM, REACH, SessionInputs
from mr_platform.kernels.cpu.chain_sums import sums_at
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.oi_price_action import OiPriceActionParameters

DIVERGENCES = ("regular_bull", "regular_bear", "hidden_bull", "hidden_bear", "extreme")


@dataclass(frozen=True)
class CumulativeAnalysis:
    """Sums over ATM +- ``strike_range`` at the last minute.

    ``call_oi``, ``put_oi`` in units of the underlying; ``strikes`` how many of each leg count; ``pcr`` put over call;
    ``net`` put less call over the open interest of all strikes; ``concentration`` share of each leg inside the range;
    ``velocity`` and ``acceleration`` relative change a span, by feature quantity ("oi_ce_5"); ``score`` [-1, 1], high
    where positions are opened for a rise; ``confidence`` [0, 1]; ``state`` one of the three-way ``STATES``, "unknown"
    without what it needs. NaN where not known.
    """

    minute: int
    strike_range: int
    strikes: tuple[int, int]
    call_oi: float
    put_oi: float
    pcr: float
    net: float
    concentration: tuple[float, float]
    velocity: Mapping[str, float]
    acceleration: Mapping[str, float]
    score: float
    confidence: float
    health: str
    state: str


@dataclass(frozen=True)
class FlowSignal:
    """Institutional flow at the last bar.

    ``call_z`` and ``put_z`` standard scores of the relative changes by timeframe in minutes; ``level`` half of put less
    call level, -1 .. 1, weighted over the timeframes, high where puts are written; ``direction`` its name.
    """

    call_z: Mapping[int, float]
    put_z: Mapping[int, float]
    level: float
    direction: str


@dataclass(frozen=True)
class DivergenceTypes:
    """The five divergences at the last bar, by name.

    ``standing`` 1 or -1 (an extreme bear) while it stands, else 0; ``strength`` -1 .. 1, fading; ``bars_since`` it was
    last confirmed, negative after an extreme bear, the number of bars where there was none. NaN before two swings of
    its kind are known, but for ``bars_since``.
    """

    standing: Mapping[str, float]
    strength: Mapping[str, float]
    bars_since: Mapping[str, float]


@dataclass(frozen=True)
class OptimalRange:
    """Strikes to sum over: ``side`` on each side of the money, ``strikes`` in all, ``reason`` of the choice."""

    side: int
    strikes: int
    reason: str


def analyze_cumulative_atm_strikes(
    oi_data: SessionInputs,
    strike_range: int = 7,
    *,
    symbol: str = "",
    parameters: OiPriceActionParameters | None = None,
) -> CumulativeAnalysis:
    """C3's sums over a session's inputs up to their last minute; pass "greeks" or "smile" for the volatility it reads.

    The share of strikes that a sum needs is that of the parameters, whatever the range. UsageError without a minute or
    for a range that components are not given.
    """
    m = oi_data.minutes.size
    if m == 0 or not 1 <= strike_range <= REACH:
        raise UsageError(
            rule=f"at least one bar, and 1 to {REACH} strikes on each side",
            value=f"{m} bars, {strike_range} strikes",
            place="analyze_cumulative_atm_strikes",
            remedy="give the session from its open and a range within reach",
        )
    settings = parameters or defaults(OiPriceActionParameters)
    usual = settings.strikes
    least = math.ceil(usual.least * (2 * strike_range + 1) / (2 * usual.usual + 1))
    ranges = replace(
        usual,
        usual=strike_range,
        least=least,
        narrow=min(usual.narrow, strike_range - 1),
        wide=max(usual.wide, strike_range + 1),
    )
    component = OIPriceAction(replace(settings, strikes=ranges))
    known = oi_data.dte[oi_data.dte >= 0]
    dte = int(known[0]) if known.size else -1
    state = component.begin(
        SessionStart(oi_data.trade_date, oi_data.n_bars, dte, oi_data.underlying_kind, symbol=symbol)
    )
    out = ComponentOutput.empty(m, len(component.features))
    component.compute(oi_data, out, 0, m, state)
    found = {spec.name: float(x) for spec, x in zip(component.features, out.values[-1], strict=True)}
    held = np.ascontiguousarray(oi_data.around[m - 1, ATM - strike_range : ATM + strike_range + 1])
    sums, last = np.empty((2, 1)), np.array([m - 1])
    counted = [sums_at(oi_data.chain_oi, held, leg, last, least, sums[leg]) for leg in (0, 1)]
    return CumulativeAnalysis(
        minute=int(oi_data.minutes[-1]),
        strike_range=strike_range,
        strikes=(counted[0], counted[1]),
        call_oi=float(sums[0, 0]),
        put_oi=float(sums[1, 0]),
        pcr=found["c3_cumulative_pcr"],
        net=found["c3_cumulative_net_oi"],
        concentration=(found["c3_cumulative_concentration_ce"], found["c3_cumulative_concentration_pe"]),
        velocity=_named(found, "velocity"),
        acceleration=_named(found, "acceleration"),
        score=float(out.score[-1]),
        confidence=float(out.confidence[-1]),
        health=HEALTH[out.health[-1]],
        state=_three_way(oi_data, state),
    )


def detect_institutional_flow(
    ce_flow: Floats,
    pe_flow: Floats,
    timeframes: Sequence[int] = (3, 5, 10, 15),
    *,
    parameters: OiPriceActionParameters | None = None,
) -> FlowSignal:
    """Flow of calls and puts from their open interest [M] over one set of strikes, minute by minute.

    Timeframes that the parameters know have their weights, others the mean of those. UsageError where the two differ in
    length.
    """
    calls, puts = np.asarray(ce_flow, float), np.asarray(pe_flow, float)
    if calls.shape != puts.shape or calls.ndim != 1 or calls.size == 0:
        raise UsageError(
            rule="calls and puts have one open interest for each minute",
            value=f"{calls.shape} and {puts.shape}",
            place="detect_institutional_flow",
            remedy="give two series of the same minutes, NaN where one is not known",
        )
    settings = parameters or defaults(OiPriceActionParameters)
    flow, enough = settings.flow, settings.windows.coverage
    declared = dict(zip(settings.timeframes, settings.timeframe_weights, strict=True))
    usual = sum(declared.values()) / len(declared)
    levels = np.array(flow.z_levels)
    z: dict[str, dict[int, float]] = {"call": {}, "put": {}}
    total, weights = 0.0, 0.0
    for n in timeframes:
        for name, series in (("call", calls), ("put", puts)):
            change = np.full(series.size, np.nan)
            change[n:] = [pieces.relative(now, before) for now, before in zip(series[n:], series[:-n], strict=True)]
            z[name][n] = float(pieces.standing(change, series.size - 1, flow.z_window, enough))
        both = (pieces.level(z["put"][n], levels) - pieces.level(z["call"][n], levels)) / 2.0
        if not math.isnan(both):
            weight = declared.get(n, usual)
            total, weights = total + weight * both, weights + weight
    level = total / weights if weights > 0 else float("nan")
    direction = "unknown" if math.isnan(level) else "bullish" if level > 0 else "bearish" if level < 0 else "neutral"
    return FlowSignal(call_z=z["call"], put_z=z["put"], level=level, direction=direction)


def classify_divergence_patterns(
    oi_trends: Floats, price_trends: Floats, *, parameters: OiPriceActionParameters | None = None
) -> DivergenceTypes:
    """Divergences between the swings of a price [M] and a net flow [M] (put less call, cumulated), at the last bar.

    UsageError where the two differ in length.
    """
    flow, price = np.array(oi_trends, float), np.array(price_trends, float)
    if flow.shape != price.shape or price.ndim != 1 or price.size == 0:
        raise UsageError(
            rule="price and net flow have one value for each bar",
            value=f"{price.shape} and {flow.shape}",
            place="classify_divergence_patterns",
            remedy="give two series of the same bars, NaN where one is not known",
        )
    settings = parameters or defaults(OiPriceActionParameters)
    bars = settings.swing_bars
    carried = Carried.fresh(price.size)
    out = np.full(3 * len(DIVERGENCES), np.nan)
    squares, first, last = np.zeros(2), np.full(2, -1), np.full(2, np.nan)
    for t in range(price.size):
        for i, x in enumerate((math.log(price[t]), flow[t])):
            if math.isnan(x):
                continue
            squares[i] += 0.0 if first[i] < 0 else (x - last[i]) ** 2
            first[i], last[i] = t if first[i] < 0 else first[i], x
        flow[t] = last[1]
        kind = swings.advance(t, price, flow, (bars - 1) // 2, carried.zigzag, carried.swings)
        if kind >= 0:
            deviations = [per_bar(squares[i], first[i], t) for i in (0, 1)]
            swings.compare(t, kind, deviations[0], deviations[1], settings.extreme_z, carried)
    swings.write(price.size - 1, bars, price.size, flow[-1], carried.divergences, out)
    parts = [dict(zip(DIVERGENCES, out[i::3].tolist(), strict=True)) for i in range(3)]
    return DivergenceTypes(standing=parts[0], strength=parts[1], bars_since=parts[2])


def adapt_strike_range(
    volatility: float,
    performance: Mapping[int, float] | None = None,
    *,
    parameters: OiPriceActionParameters | None = None,
) -> OptimalRange:
    """Strikes on each side of the money for a volatility (decimal a year, NaN unknown).

    ``performance`` hit rate of calls by strikes on each side: the best of the range that volatility asks for and the
    ranges next to it is taken, that of volatility where they are equal or not known.
    """
    ranges = (parameters or defaults(OiPriceActionParameters)).strikes
    asked = ranges.side(100.0 * volatility)
    known = {side: x for side, x in (performance or {}).items() if not math.isnan(x)}
    sides = sorted({min(side, ranges.most) for side in (ranges.narrow, ranges.usual, ranges.wide)})
    place = sides.index(asked)
    near = sides[max(place - 1, 0) : place + 2]
    best = max(near, key=lambda side: (known.get(side, -math.inf), side == asked, -abs(side - asked)))
    if best == asked or asked not in known:
        level = "unknown" if math.isnan(volatility) else f"{100 * volatility:.1f} points"
        return OptimalRange(asked, 2 * asked + 1, f"volatility {level}")
    return OptimalRange(best, 2 * best + 1, f"performance {known[best]:.3f} against {known[asked]:.3f} of {asked}")


def _three_way(inputs: SessionInputs, state: SessionState) -> str:
    """Three-way state of the last minute, by name."""
    day, t = state.day, inputs.minutes.size - 1
    w = strike_window(inputs, t, t + 1, day, state.carried)
    if w.opened[0] < 0:
        return "unknown"
    row, opened = t - w.first, max(int(w.opened[0]) - w.first, 0)
    held = w.near[0, day.widest - day.usual : day.widest + day.usual + 1]
    sums = []
    for field in (w.oi, w.close):
        sums.append(np.empty((2, int(day.lags[-1]) + 1, 2)))
        held_sums(field, held, row, opened, day.lags, day.least, sums[-1])
    found, _ = three_way_state(sums[0], sums[1], inputs.future, inputs.underlying, t, day)
    return STATES[found] if found >= 0 else "unknown"


def _named(found: Mapping[str, float], rate: str) -> dict[str, float]:
    """Velocities or accelerations by quantity, leg and span."""
    start = "c3_cumulative_"
    return {
        name.removeprefix(start).replace(f"_{rate}", ""): value
        for name, value in found.items()
        if f"_{rate}_" in name and not name.startswith(f"{start}net")
    }
