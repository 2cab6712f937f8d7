"""C3 as it would be written on a blackboard: minute by minute from the open, one feature at a time, by name.

The compiled pass is compared with this one. Nothing is carried: each call starts from the open again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mr_platform.features.c3_oi_price_action import reference_sums as r
from mr_platform.features.c3_oi_price_action.catalogue import PCR_SPANS, SPANS, TIMEFRAMES, WINDOWS, features
from mr_platform.features.c3_oi_price_action.reference_levels import divergences, levels
from mr_platform.features.c3_oi_price_action.reference_sums import NAN, Held, relative
from mr_platform.features.c3_oi_price_action.state import Carried, DayConstants, Floats
from mr_platform.features.component import ComponentOutput
from mr_platform.features.inputs import ATM, NEAR, SessionInputs
from mr_platform.features.series import CLOSE

Row = dict[str, float]
LEGS = ("ce", "pe")
FUTURE_OI = 5


def run(
    inputs: SessionInputs, out: ComponentOutput, start: int, stop: int, day: DayConstants, carried: Carried
) -> None:
    """Fill minutes [start, stop) of ``out``. ``carried`` gives the average true range at the open, unchanged."""
    session = Session(inputs, day, stop)
    rows = [session.row(t) for t in range(stop)]
    for t, more in enumerate(levels(inputs, stop, day, carried.atr)):
        rows[t] |= more
    for t, more in enumerate(divergences(inputs, stop, day, session.flow_known, session.links)):
        rows[t] |= more
    names = [spec.name.removeprefix("c3_") for spec in features()]
    for t in range(start, stop):
        out.values[t] = [rows[t].get(name, NAN) for name in names]
        out.score[t], out.confidence[t], out.health[t] = _verdict(rows[t], day)


@dataclass
class Session:
    """The minutes so far: what later ones look back at."""

    inputs: SessionInputs
    day: DayConstants
    stop: int

    def __post_init__(self) -> None:
        n = self.stop
        self.opened = r.opened(self.inputs.expiry[:n])
        self.set = Held(self.inputs, self.opened, self.day.usual, self.day.least, self.day)
        self.price = self.inputs.underlying[:n, CLOSE]
        self.step = {name: np.full(n, NAN) for name in ("ce", "pe", "all", "price")}
        self.pcr, self.states, self.absorbed = (np.full(n, NAN) for _ in range(3))
        self.flow_known, self.links = np.full(n, NAN), np.full(n, NAN)
        self.points = _atm_points(self.inputs, n)
        self.last_flow = -1

    def row(self, t: int) -> Row:
        """Columns of minute ``t`` by name but for walls, max pain and divergences, and what the verdict needs."""
        row: Row = {}
        first = int(self.day.timeframes[0])
        self.step["price"][t] = _log_return(self.price, t, first)
        self.flow_known[t] = self.flow_known[t - 1] if t else NAN
        there = self.inputs.expiry[t] >= 0
        if there:
            self._velocities(t, row)
            self._cumulative(t, row)
            self._changes(t, first, row)
        self._buildups(t, row)
        if there:
            self._flow(t, row)
            self._trend(t, row)
        return row

    def _underlying(self, t: int, n: int) -> tuple[float, float]:
        """Relative changes of the underlying's price and, where it is a listed future, of its open interest."""
        if t < n:
            return NAN, NAN
        oi = self.inputs.future[:, FUTURE_OI]
        price = relative(self.price[t], self.price[t - n])
        return price, relative(oi[t], oi[t - n]) if self.day.future else NAN

    def _velocities(self, t: int, row: Row) -> None:
        """Velocities and accelerations of the six sums."""
        fields = {"oi": self.inputs.chain_oi, "price": self.inputs.chain_close}
        for leg, name in enumerate(LEGS):
            for p, n in zip(SPANS, self.day.velocity_minutes.tolist(), strict=True):
                for quantity, field in fields.items():
                    row[f"cumulative_{quantity}_velocity_{name}_{p}"] = self.set.change(field, t, leg, n)
                    row[f"cumulative_{quantity}_acceleration_{name}_{p}"] = self.set.acceleration(field, t, leg, n)
                # the log of a ratio: two logs of millions differ by rounding that is larger than a steady pace
                now, before = 1.0 + self.set.volumes(t, leg, n, 2)
                row[f"cumulative_volume_velocity_{name}_{p}"] = float(np.log(now / before))
                now, before, earlier = 1.0 + self.set.volumes(t, leg, n, 3)
                row[f"cumulative_volume_acceleration_{name}_{p}"] = float(
                    np.log(now / before) - np.log(before / earlier)
                )

    def _cumulative(self, t: int, row: Row) -> None:
        """The rest of group cumulative."""
        inputs, day = self.inputs, self.day
        oi = inputs.chain_oi
        calls, puts = (float(self.set.sums(oi, t, leg, (t,))[0]) for leg in (0, 1))
        whole = [r.total(oi[t, :, leg][~np.isnan(oi[t, :, leg])]) for leg in (0, 1)]
        self.pcr[t] = puts / calls if calls > 0 else NAN
        row["cumulative_pcr"] = self.pcr[t]
        row["cumulative_net_oi"] = (puts - calls) / sum(whole) if sum(whole) > 0 else NAN
        row["cumulative_concentration_ce"] = calls / whole[0] if whole[0] > 0 else NAN
        row["cumulative_concentration_pe"] = puts / whole[1] if whole[1] > 0 else NAN
        span = int(day.velocity_minutes[1])
        of_calls, of_puts = (float(self.set.volumes(t, leg, span, 1)[0]) for leg in (0, 1))
        row["cumulative_pcr_volume_15"] = of_puts / of_calls if of_calls > 0 else NAN
        if not math.isnan(calls + puts):
            self._link(t)
            row["cumulative_net_flow"] = self.flow_known[t]
        held = oi[t, self.set.strikes(t)]
        row["known"] = int((~np.isnan(held)).sum()) / (2 * (2 * day.usual + 1))
        known = self.points[max(t - int(day.timeframes[3]) + 1, 0) : t + 1]
        known = known[~np.isnan(known)]
        points = r.total(known) / known.size if known.size else NAN
        side = int(day.sides[2 if points > day.range_cuts[1] else 0 if points < day.range_cuts[0] else 1])
        expected = inputs.forwards[t, NEAR] * points / 100 * math.sqrt(inputs.years[t, NEAR])
        row["cumulative_range_reach"] = side * inputs.steps[t] / expected if expected > 0 else NAN
        inside = Held(inputs, self.opened, side, math.ceil(day.least * (2 * side + 1) / (2 * day.usual + 1)), day)
        both = sum(float(inside.sums(oi, t, leg, (t,))[0]) for leg in (0, 1))
        row["cumulative_concentration_range"] = both / sum(whole) if sum(whole) > 0 else NAN
        row["cumulative_net_velocity_range_15"] = inside.change(oi, t, 1, span) - inside.change(oi, t, 0, span)

    def _link(self, t: int) -> None:
        """One link of the net flow, from the last minute that was known."""
        before, self.last_flow = self.last_flow, t
        if before < 0:
            self.flow_known[t] = 0.0
            return
        calls, puts = (self.set.sums(self.inputs.chain_oi, t, leg, (t, before)) for leg in (0, 1))
        base = calls[1] + puts[1]
        if base > 0:
            self.links[t] = ((puts[0] - puts[1]) - (calls[0] - calls[1])) / base
            self.flow_known[t] += self.links[t]

    def _changes(self, t: int, first: int, row: Row) -> None:
        """PCR changes, build-ups of the legs, correlations and the three-way state."""
        oi, close, day = self.inputs.chain_oi, self.inputs.chain_close, self.day
        for p, n in zip(PCR_SPANS, day.pcr_minutes.tolist(), strict=True):
            calls, puts = (self.set.change(oi, t, leg, n) for leg in (0, 1))
            row[f"rolling_pcr_change_{p}"] = (1 + puts) / (1 + calls) - 1 if calls > -1 else NAN
        for leg, name in enumerate(LEGS):
            self.step[name][t] = self.set.change(oi, t, leg, first)
            for p, n in zip(TIMEFRAMES, day.timeframes.tolist(), strict=True):
                moves = self.set.change(close, t, leg, n), self.set.change(oi, t, leg, n)
                found = r.buildup(*moves, *self._cuts(n), day.weak)
                row[f"rolling_buildup_{name}_{p}"] = found if name == "ce" else -found
        both = self.set.sums(oi, t, 0, (t, t - first)) + self.set.sums(oi, t, 1, (t, t - first))
        self.step["all"][t] = relative(both[0], both[1])
        pairs = {"correlation_ce": ("price", "ce"), "correlation_pe": ("price", "pe"), "legs": ("ce", "pe")}
        for name, (x, y) in pairs.items():
            for p, n in zip(WINDOWS, day.correlation_windows.tolist(), strict=True):
                row[f"rolling_{name}_{p}"] = r.correlation(self.step[x], self.step[y], t, n, day.enough)
                if name == "legs":
                    row[f"rolling_leg_divergence_{p}"] = 1 - abs(row[f"rolling_{name}_{p}"])
        self.states[t] = self._state(t)

    def _cuts(self, n: int) -> tuple[float, float]:
        factor = math.sqrt(n / self.day.buildup_minutes)
        return float(self.day.buildup_cuts[0] * factor), float(self.day.buildup_cuts[1] * factor)

    def _state(self, t: int) -> float:
        """Calls, puts and future: do they agree?"""
        n, day = self.day.buildup_minutes, self.day
        cuts = self._cuts(n)
        states = [
            r.quadrant(self.set.change(self.inputs.chain_close, t, leg, n), change, *cuts)
            for leg in (0, 1)
            for change in [self.set.change(self.inputs.chain_oi, t, leg, n)]
        ]
        price, oi = self._underlying(t, n)
        price_cut, oi_cut = (day.future_share * cut for cut in cuts)
        # what is no listed future moves by its price alone
        third = r.quadrant(price, oi if day.future else math.inf, price_cut, oi_cut)
        if states[0] is None or states[1] is None or third is None:
            return NAN
        calls, puts, future = r.DIRECTION[states[0]], -r.DIRECTION[states[1]], r.DIRECTION[third]
        if calls == 0 or calls != puts:
            return 0.0
        return calls if future == calls else day.weak * calls if future == 0 else 0.0

    def _buildups(self, t: int, row: Row) -> None:
        """Build-ups of the underlying, and the weighted trends of it and of the options."""
        day = self.day
        found = []
        for n in day.timeframes.tolist():
            price_cut, oi_cut = (day.future_share * cut for cut in self._cuts(n))
            price, oi = self._underlying(t, n)
            alone = day.weak * min(1.0, max(-1.0, price / price_cut)) if not math.isnan(price) else NAN
            found.append(r.buildup(price, oi, price_cut, oi_cut, day.weak) if day.future else alone)
        row["rolling_buildup_underlying_5"], row["rolling_buildup_underlying_15"] = found[1], found[3]
        row["of_underlying"] = r.weighted(found, day.timeframe_weights)
        together = [
            (row.get(f"rolling_buildup_ce_{p}", NAN) + row.get(f"rolling_buildup_pe_{p}", NAN)) / 2 for p in TIMEFRAMES
        ]
        row["rolling_trend"] = r.weighted(together, day.timeframe_weights)
        row["rolling_pcr_z_50"] = r.standing(self.pcr, t, day.z_window, day.enough)
        row["rolling_three_way_15"] = r.mean_of(self.states, t, int(day.timeframes[3]), day.enough)

    def _z(self, name: str, t: int) -> float:
        return r.standing(self.step[name], t, self.day.z_window, self.day.enough)

    def _flow(self, t: int, row: Row) -> None:
        """Institutional flow."""
        day = self.day
        z = {name: self._z(name, t) for name in self.step}
        for name in ("ce", "pe", "all"):
            row[f"institutional_flow_z_{name}"] = z[name]
        row["institutional_flow_level"] = (r.level(z["pe"], day.z_levels) - r.level(z["ce"], day.z_levels)) / 2
        self._positions(t, row)
        if not math.isnan(z["all"]) and not math.isnan(z["price"]):
            grown = min(1.0, max(z["all"], 0.0) / day.absorption[0])
            self.absorbed[t] = grown if abs(z["price"]) < day.absorption[1] else 0.0
        row["institutional_absorption_50"] = r.mean_of(self.absorbed, t, day.z_window, day.enough)
        move = _log_return(self.price, t, day.lookback)
        for name, leg, right_way in (("accumulation", "pe", move > 0), ("distribution", "ce", move < 0)):
            pressure = min(1.0, max(z[leg], 0.0) / day.accumulation_z)
            pressure *= r.grade(row[f"institutional_turnover_{leg}"], day.ratio_cuts)
            known = not math.isnan(move + z[leg] + pressure)
            row[f"institutional_{name}"] = NAN if not known else pressure if right_way else 0.0

    def _positions(self, t: int, row: Row) -> None:
        """Turnover, premium-weighted flow and composite PCR, strike by strike."""
        day, oi, close = self.day, self.inputs.chain_oi, self.inputs.chain_close
        span = int(day.velocity_minutes[1])
        before = t - span if t - span >= self.opened[t] else None
        moved, value, busy, fresh = [], 0.0, [], []
        for leg, name in enumerate(LEGS):
            held = [k for k in self.set.strikes(t) if not math.isnan(oi[t, k, leg])]
            paced = [(k, x) for k in held if not math.isnan(x := self.set.pace(t, k, leg, day.z_window))]
            traded, open_interest = sum(x * day.n_bars for _, x in paced), sum(oi[t, k, leg] for k, _ in paced)
            enough = len(paced) >= day.least and open_interest > 0
            row[f"institutional_turnover_{name}"] = traded / open_interest if enough else NAN
            weighed = [oi[t, k, leg] * x for k in held if not math.isnan(x := self.set.pace(t, k, leg, span))]
            busy.append(sum(weighed) if len(weighed) >= day.least else NAN)
            both = [k for k in held if before is not None and not math.isnan(oi[before, k, leg])]
            added = [oi[t, k, leg] - oi[before, k, leg] for k in both]
            fresh.append(sum(max(x, 0.0) for x in added) if len(both) >= day.least else NAN)
            priced = [(k, x) for k, x in zip(both, added, strict=True) if not math.isnan(close[t, k, leg])]
            moved.append(sum(x * close[t, k, leg] for k, x in priced) if len(priced) >= day.least else NAN)
            for k, _ in priced:
                value += oi[t, k, leg] * close[t, k, leg]
        row["institutional_money_flow_15"] = (moved[1] - moved[0]) / value if value > 0 else NAN
        ratios = [
            self.pcr[t],
            busy[1] / busy[0] if busy[0] > 0 else NAN,
            fresh[1] / fresh[0] if fresh[0] > 0 else NAN,
        ]
        row["institutional_pcr_composite"] = r.weighted(
            [x if math.isnan(x) else min(x, day.pcr_most) for x in ratios], day.pcr_weights
        )

    def _trend(self, t: int, row: Row) -> None:
        """Trend score and integrated score, and the four views behind the latter."""
        day = self.day
        parts = []
        for kind in ("velocity", "acceleration"):
            net = [row[f"cumulative_oi_{kind}_pe_{p}"] - row[f"cumulative_oi_{kind}_ce_{p}"] for p in SPANS]
            parts.append(r.plain_mean([r.grade(x, day.velocity_cuts) for x in net]))
        halves = [(row[f"rolling_correlation_pe_{p}"] - row[f"rolling_correlation_ce_{p}"]) / 2 for p in WINDOWS]
        deviation = r.per_bar(r.squares(self.price[: t + 1]), self.price, t) * math.sqrt(day.lookback)
        move = _log_return(self.price, t, day.lookback)
        direction = min(max(move / deviation, -1.0), 1.0) if deviation > 0 and not math.isnan(move) else NAN
        parts.append(direction * r.plain_mean(halves))
        parts.append(row["institutional_flow_level"])
        row["institutional_trend_score"] = r.weighted(parts, day.trend_weights)
        composite = row["institutional_pcr_composite"]
        place = int(np.sum(composite >= day.pcr_cuts))
        pressure = row["institutional_accumulation"] - row["institutional_distribution"]
        views = [
            r.plain_mean([row["institutional_trend_score"], row["rolling_trend"]]),
            row["of_underlying"],
            NAN if math.isnan(composite) else float(day.pcr_scores[place]),
            (pressure + row["institutional_flow_level"]) / 2,
        ]
        row["institutional_integrated"] = r.weighted(views, day.integrated_weights)
        row |= {f"view_{i}": view for i, view in enumerate(views)}


def _verdict(row: Row, day: DayConstants) -> tuple[float, float, int]:
    """Score, confidence and health of one minute."""
    total = row.get("institutional_integrated", NAN)
    if math.isnan(total):
        return NAN, 0.0, 0
    views = np.array([row[f"view_{i}"] for i in range(4)])
    known = np.isfinite(views)
    agreement = max(1.0 - float(np.std(views[known])), 0.0) if known.sum() >= 2 else 1.0
    spoke = min(float(day.integrated_weights[known].sum()), 1.0)
    longest = (row["cumulative_oi_acceleration_pe_45"], row["cumulative_price_acceleration_pe_45"])
    warm = bool(known.all()) and not any(math.isnan(x) for x in longest)
    return min(max(total, -1.0), 1.0), spoke * agreement * row["known"], 2 if warm else 1


def _log_return(price: Floats, t: int, n: int) -> float:
    if t < n or not (price[t] > 0 and price[t - n] > 0):
        return NAN
    return math.log(price[t] / price[t - n])


def _atm_points(inputs: SessionInputs, stop: int) -> Floats:
    """ATM volatility of the nearest expiry in points: mean of both legs, else between neighbours that have both."""
    out = np.full(stop, NAN)
    for t in range(stop):
        at = inputs.around[t, ATM - 1 : ATM + 2]
        low, mid, high = (float(inputs.volatility[t, NEAR, k].mean()) if k >= 0 else NAN for k in at)
        if math.isnan(mid) and (at >= 0).all():
            strikes = np.log(inputs.strikes_listed[at])
            mid = low + (high - low) * (strikes[1] - strikes[0]) / (strikes[2] - strikes[0])
        out[t] = 100 * mid
    return out
