"""C3's reference for what stands at strikes and at swings: walls, max pain, divergences."""

from __future__ import annotations

import math

import numpy as np

from mr_platform.features.c3_oi_price_action.reference_sums import NAN, per_bar, squares, swings, total
from mr_platform.features.c3_oi_price_action.state import DayConstants, Floats
from mr_platform.features.inputs import NEAR, SessionInputs
from mr_platform.features.series import CLOSE, HIGH, LOW
from mr_platform.kernels.reference.chain_sums import max_pain

Row = dict[str, float]


def levels(inputs: SessionInputs, stop: int, day: DayConstants, atr_at_open: Floats) -> list[Row]:
    """Walls and max pain, minute by minute."""
    ranges = average_true_range(inputs.underlying[:stop], day.atr_period, atr_at_open)
    strikes = inputs.strikes_listed
    pain = max_pain(inputs.chain_oi[None, :stop, None], strikes)[0, :, 0]
    out: list[Row] = []
    first: tuple[int, float] = (-1, NAN)
    for t in range(stop):
        row: Row = {}
        oi, forward, expiry = inputs.chain_oi[t], inputs.forwards[t, NEAR], int(inputs.expiry[t])
        for leg, name in enumerate(("ce", "pe")):
            known = ~np.isnan(oi[:, leg])
            held = total(oi[known, leg])
            if expiry < 0 or held <= 0:
                continue
            wall = known & (oi[:, leg] > np.quantile(oi[known, leg], day.wall_percentile))
            away = (strikes[wall] - forward) * (1 if leg == 0 else -1)
            away = away[away >= 0]
            if away.size and ranges[t] > 0:
                row[f"institutional_wall_distance_{name}"] = away.min() / ranges[t]
            row[f"institutional_wall_share_{name}"] = total(oi[wall, leg]) / held
        if len([name for name in row if "share" in name]) == 2 and not math.isnan(pain[t]):
            if first[0] != expiry:
                first = (expiry, pain[t])
            row["institutional_max_pain_distance"] = (pain[t] - forward) / forward
            row["institutional_max_pain_migration"] = (pain[t] - first[1]) / inputs.steps[t]
            least = payout(oi, strikes, pain[t])
            row["institutional_pain_excess"] = payout(oi, strikes, forward) / least - 1 if least > 0 else NAN
        out.append(row)
    return out


def payout(oi: Floats, strikes: Floats, level: float) -> float:
    """What holders of all options are paid at ``level``."""
    held = np.nan_to_num(oi)
    worth = np.column_stack([np.maximum(level - strikes, 0.0), np.maximum(strikes - level, 0.0)])
    return total((held * worth).ravel())


def average_true_range(bars: Floats, period: int, at_open: Floats) -> Floats:
    """Wilder's average of the underlying's true range, run on from the session before; NaN while young."""
    value, seen, _ = at_open
    last = NAN
    out = np.full(len(bars), NAN)
    for t, bar in enumerate(bars):
        close = bar[CLOSE]
        if math.isnan(close):
            continue
        high, low = np.fmax(bar[HIGH], close), np.fmin(bar[LOW], close)
        reach = high - low if math.isnan(last) else max(high, last) - min(low, last)
        value = reach if seen == 0 else value + (reach - value) / min(seen + 1, period)
        seen, last = seen + 1, close
        if seen >= period:
            out[t] = value
    return out


def divergences(inputs: SessionInputs, stop: int, day: DayConstants, flow: Floats, links: Floats) -> list[Row]:
    """The fifteen of group divergence, minute by minute.

    ``flow`` [stop] net flow as last known, ``links`` [stop] its steps.
    """
    price = inputs.underlying[:stop, CLOSE]
    confirmed = {t: (kind, at) for t, kind, at in swings(price, (day.swing_bars - 1) // 2)}
    points: dict[str, list[tuple[float, float]]] = {"high": [], "low": []}
    marks: dict[str, tuple[float, float, int]] = {}
    seen: dict[str, int] = {}
    out: list[Row] = []
    steps = np.nan_to_num(links) ** 2
    for t in range(stop):
        if t in confirmed:
            kind, at = confirmed[t]
            points[kind] = [*points[kind][-1:], (float(price[at]), float(flow[at]))]
            if len(points[kind]) == 2:
                deviations = (per_bar(squares(price[: t + 1]), price, t), per_bar(steps[: t + 1], flow, t))
                for name, sign, strength in judged(kind, points[kind], deviations, day.extreme_z):
                    # an extreme divergence stands for so many bars, whatever the swings after it show
                    if name == "extreme" and sign == 0 and name in marks:
                        continue
                    marks[name] = (sign, strength if sign else 0.0, t)
                    if sign:
                        seen[name] = t
        row: Row = {}
        if not math.isnan(price[t]):
            if not math.isnan(flow[t]):
                row |= {f"divergence_{name}_since": day.n_bars for name in KINDS}
            for name, (sign, strength, since) in marks.items():
                standing = name != "extreme" or t - since < day.swing_bars
                row[f"divergence_{name}_flag"] = sign if standing else 0.0
                row[f"divergence_{name}_strength"] = strength * 0.5 ** ((t - since) / day.swing_bars) * standing
                row[f"divergence_{name}_since"] = t - seen[name] if name in seen else day.n_bars
                if name == "extreme" and sign < 0:
                    row[f"divergence_{name}_since"] *= -1
        out.append(row)
    return out


KINDS = ("regular_bull", "regular_bear", "hidden_bull", "hidden_bear", "extreme")
SIGNS = {"low": 1.0, "high": -1.0}
NAMES = {"low": "bull", "high": "bear"}


def judged(
    kind: str, points: list[tuple[float, float]], deviations: tuple[float, float], extreme_z: float
) -> list[tuple[str, float, float]]:
    """(Divergence, sign, strength) of two swings of a kind; nothing where the net flow is not known at both."""
    (p0, f0), (p1, f1) = points
    price, flow = math.log(p1 / p0), f1 - f0
    if math.isnan(flow):
        return []
    z = [abs(move) / sd if sd > 0 else NAN for move, sd in zip((price, flow), deviations, strict=True)]
    known = not math.isnan(sum(z))
    strength = math.sqrt(min(1.0, z[0] / extreme_z) * min(1.0, z[1] / extreme_z)) if known else NAN
    against = price * flow < 0
    regular = against and price * SIGNS[kind] < 0
    extreme = regular and known and min(z) > extreme_z
    sign = SIGNS[kind]
    return [
        (f"regular_{NAMES[kind]}", float(regular), strength),
        (f"hidden_{NAMES[kind]}", float(against and not regular), strength),
        ("extreme", sign, sign * (1 - extreme_z / min(z))) if extreme else ("extreme", 0.0, 0.0),
    ]
