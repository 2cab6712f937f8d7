"""C3 as an analyst writes it with pandas: frames minute by strike, looked up at the strikes around the money.

Divergences are left out: their swings are a recursion that frames have no words for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mr_platform.features.c3_oi_price_action.catalogue import PCR_SPANS, SPANS, TIMEFRAMES, WINDOWS
from mr_platform.features.inputs import ATM, NEAR, SessionInputs
from mr_platform.features.pandas_twin import LEGS, Columns, Floats, Frame, Frames, Series, known_mean, least

if TYPE_CHECKING:
    from mr_platform.features.c3_oi_price_action.component import SessionState
    from mr_platform.features.component import SessionStart


class Held:
    """Sums over the strikes around the money, now and some minutes before, one set of strikes: that of now."""

    def __init__(self, frames: Frames, inputs: SessionInputs, day: Any) -> None:
        self.frames, self.inputs, self.day = frames, inputs, day
        self.rolled: dict[tuple[str, int], Frame] = {}

    def at(self, frame: Frame, lag: int = 0, side: int | None = None) -> Frame:
        """A frame's values ``lag`` minutes ago at the strikes of now [M, 2 side + 1]."""
        import pandas as pd

        reach = self.day.usual if side is None else side
        places = self.inputs.around[:, ATM - reach : ATM + reach + 1]
        return pd.DataFrame(np.take_along_axis(frame.shift(lag).to_numpy(), places, axis=1))

    def total(self, frame: Frame, lag: int = 0, side: int | None = None) -> Series:
        """Sum over the strikes."""
        found = self.at(frame, lag, side)
        return found.sum(axis=1, min_count=self.day.least if side is None else 1)

    def change(self, frame: Frame, n: int, side: int | None = None) -> Series:
        """Relative change of the sum over ``n`` minutes."""
        return _relative(self.total(frame, 0, side), self.total(frame, n, side))

    def acceleration(self, frame: Frame, n: int) -> Series:
        """Change of that change, one set of strikes at all three times."""
        middle = self.total(frame, n)
        return _relative(self.total(frame), middle) - _relative(middle, self.total(frame, 2 * n))

    def volume(self, leg: str, n: int) -> Frame:
        """Volume of ``n`` bars of every strike."""
        if (leg, n) not in self.rolled:
            windows = self.frames.traded[leg].rolling(n, min_periods=least(n, self.day.enough))
            self.rolled[leg, n] = windows.sum()
        return self.rolled[leg, n]

    def pace(self, leg: str, n: int) -> Frame:
        """Mean volume a bar of the strikes of now."""
        windows = self.frames.traded[leg].rolling(n, min_periods=least(n, self.day.enough))
        return self.at(windows.mean())


def _relative(now: Series, before: Series) -> Series:
    return (now - before) / before


def c3(frames: Frames, inputs: SessionInputs, state: SessionState, start: SessionStart) -> Columns:
    """The features of C3 by name without its prefix, but for divergences."""
    import pandas as pd

    day = state.day
    out: Columns = {}
    held = Held(frames, inputs, day)
    price = frames.underlying["close"]
    _velocities(held, out)
    _cumulative(held, out)
    step = {leg: held.change(frames.oi[leg], int(day.timeframes[0])) for leg in LEGS}
    both = [held.total(frames.oi["ce"], lag) + held.total(frames.oi["pe"], lag) for lag in (0, int(day.timeframes[0]))]
    step["all"] = _relative(*both)
    step["price"] = np.log(price).diff(int(day.timeframes[0]))
    of_underlying = _buildups(held, pd.Series(inputs.future[:, 5]), price, out)
    _correlations(held, step, out)
    _walls(held, start, out)
    _max_pain(held, out)
    level = _flow(held, step, price, out)
    _integrated(held, level, of_underlying, price, out)
    return out


def _velocities(held: Held, out: Columns) -> None:
    day, frames = held.day, held.frames
    for leg in LEGS:
        for p, n in zip(SPANS, day.velocity_minutes.tolist(), strict=True):
            for quantity, frame in (("oi", frames.oi[leg]), ("price", frames.close[leg])):
                out[f"cumulative_{quantity}_velocity_{leg}_{p}"] = held.change(frame, n)
                out[f"cumulative_{quantity}_acceleration_{leg}_{p}"] = held.acceleration(frame, n)
            now, before, earlier = (np.log1p(held.total(held.volume(leg, n), k * n)) for k in range(3))
            out[f"cumulative_volume_velocity_{leg}_{p}"] = now - before
            out[f"cumulative_volume_acceleration_{leg}_{p}"] = (now - before) - (before - earlier)


def _cumulative(held: Held, out: Columns) -> None:
    day, frames = held.day, held.frames
    calls, puts = (held.total(frames.oi[leg]) for leg in LEGS)
    whole = {leg: frames.oi[leg].sum(axis=1) for leg in LEGS}
    out["cumulative_pcr"] = puts / calls
    out["cumulative_net_oi"] = (puts - calls) / (whole["ce"] + whole["pe"])
    out["cumulative_concentration_ce"], out["cumulative_concentration_pe"] = calls / whole["ce"], puts / whole["pe"]
    span = int(day.velocity_minutes[1])
    traded = {leg: held.total(held.volume(leg, span)) for leg in LEGS}
    out["cumulative_pcr_volume_15"] = traded["pe"] / traded["ce"]
    then = {leg: held.total(frames.oi[leg], 1) for leg in LEGS}
    links = ((puts - then["pe"]) - (calls - then["ce"])) / (then["ce"] + then["pe"])
    out["cumulative_net_flow"] = links.fillna(0.0).cumsum()
    _adapted(held, whole["ce"] + whole["pe"], span, out)


def _adapted(held: Held, whole: Series, span: int, out: Columns) -> None:
    """Sums over as many strikes as volatility asks for."""
    import pandas as pd

    day, frames, inputs = held.day, held.frames, held.inputs
    legs = inputs.volatility[:, NEAR].mean(axis=2)
    points = pd.Series(100 * np.take_along_axis(legs, inputs.around[:, ATM : ATM + 1], axis=1)[:, 0])
    points = points.rolling(int(day.timeframes[3]), min_periods=1).mean()
    side = pd.Series(
        np.select([points > day.range_cuts[1], points < day.range_cuts[0]], [day.sides[2], day.sides[0]], day.sides[1])
    )
    expected = inputs.forwards[:, NEAR] * points / 100 * np.sqrt(inputs.years[:, NEAR])
    out["cumulative_range_reach"] = side * inputs.steps / expected
    inside, velocity = pd.Series(np.nan, side.index), pd.Series(np.nan, side.index)
    for reach in np.unique(side).tolist():
        both = held.total(frames.oi["ce"], 0, reach) + held.total(frames.oi["pe"], 0, reach)
        change = held.change(frames.oi["pe"], span, reach) - held.change(frames.oi["ce"], span, reach)
        inside, velocity = inside.mask(side == reach, both / whole), velocity.mask(side == reach, change)
    out["cumulative_concentration_range"], out["cumulative_net_velocity_range_15"] = inside, velocity


def _cuts(day: Any, n: int, share: float = 1.0) -> Floats:
    return np.asarray(share * day.buildup_cuts * math.sqrt(n / day.buildup_minutes))


def _buildup(price: Series, oi: Series, cuts: Floats, weak: float) -> Series:
    """Signed by the price; new positions 1, closed ones ``weak``; geometric mean of both moves over their cuts."""
    import pandas as pd

    strength = np.sqrt(price.abs() / cuts[0] * (oi.abs() / cuts[1])).clip(upper=1)
    return pd.Series(np.where(price > 0, 1, -1) * np.where(oi > 0, 1, weak)) * strength


def _direction(price: Series, oi: Series, cuts: Floats) -> Series:
    """Sign of the price where both moved beyond their cuts, else 0; NaN where not known."""
    beyond = (price.abs() > cuts[0]) & (oi.abs() > cuts[1])
    return np.sign(price).where(beyond, 0.0).where(price.notna() & oi.notna())


def _buildups(held: Held, future_oi: Series, price: Series, out: Columns) -> Series:
    """Build-ups of legs and future, their trend and three-way state; the future's weighted build-up."""
    day, frames = held.day, held.frames
    together, of_future = [], []
    for p, n in zip(TIMEFRAMES, day.timeframes.tolist(), strict=True):
        for leg, way in zip(LEGS, (1, -1), strict=True):
            moves = held.change(frames.close[leg], n), held.change(frames.oi[leg], n)
            out[f"rolling_buildup_{leg}_{p}"] = way * _buildup(*moves, _cuts(day, n), day.weak)
        moves = price.pct_change(n, fill_method=None), future_oi.pct_change(n, fill_method=None)
        of_future.append(_buildup(*moves, _cuts(day, n, day.future_share), day.weak))
        together.append((out[f"rolling_buildup_ce_{p}"] + out[f"rolling_buildup_pe_{p}"]) / 2)
    out["rolling_buildup_underlying_5"], out["rolling_buildup_underlying_15"] = of_future[1], of_future[3]
    out["rolling_trend"] = known_mean(together, day.timeframe_weights)
    n = day.buildup_minutes
    calls, puts = (
        way * _direction(held.change(frames.close[leg], n), held.change(frames.oi[leg], n), _cuts(day, n))
        for leg, way in zip(LEGS, (1, -1), strict=True)
    )
    moves = price.pct_change(n, fill_method=None), future_oi.pct_change(n, fill_method=None)
    future = _direction(*moves, _cuts(day, n, day.future_share))
    state = calls.where(future == calls, (day.weak * calls).where(future == 0, 0.0)).where(calls == puts, 0.0)
    state = state.where(calls.notna() & puts.notna() & future.notna())
    window = int(day.timeframes[3])
    out["rolling_three_way_15"] = state.rolling(window, min_periods=least(window, day.enough)).mean()
    return known_mean(of_future, day.timeframe_weights)


def _z(series: Series, day: Any) -> Series:
    windows = series.rolling(day.z_window, min_periods=least(day.z_window, day.enough))
    return (series - windows.mean()) / windows.std(ddof=0)


def _correlations(held: Held, step: dict[str, Series], out: Columns) -> None:
    day, frames = held.day, held.frames
    for p, n in zip(PCR_SPANS, day.pcr_minutes.tolist(), strict=True):
        calls, puts = (held.change(frames.oi[leg], n) for leg in LEGS)
        out[f"rolling_pcr_change_{p}"] = (1 + puts) / (1 + calls) - 1
    for p, n in zip(WINDOWS, day.correlation_windows.tolist(), strict=True):
        enough = least(n, day.enough)
        for leg in LEGS:
            out[f"rolling_correlation_{leg}_{p}"] = step["price"].rolling(n, min_periods=enough).corr(step[leg])
        out[f"rolling_leg_divergence_{p}"] = 1 - step["ce"].rolling(n, min_periods=enough).corr(step["pe"]).abs()
    out["rolling_pcr_z_50"] = _z(out["cumulative_pcr"], day)


def _walls(held: Held, start: SessionStart, out: Columns) -> None:
    """Strikes with more open interest than most of their side, by how far they are in true ranges."""
    import pandas as pd

    day, frames, inputs = held.day, held.frames, held.inputs
    bars, before = frames.underlying, frames.underlying["close"].shift()
    high, low = bars["high"].combine(before, np.fmax), bars["low"].combine(before, np.fmin)
    assert start.previous is not None
    seed = pd.Series([start.previous.atr_value[1, 0]])
    ranges = pd.concat([seed, high - low], ignore_index=True).ewm(alpha=1 / day.atr_period, adjust=False).mean()
    ranges = ranges.iloc[1:].reset_index(drop=True)
    forward = pd.Series(inputs.forwards[:, NEAR])
    for leg, way in zip(LEGS, (1, -1), strict=True):
        oi = frames.oi[leg]
        wall = oi.gt(oi.quantile(day.wall_percentile, axis=1), axis=0)
        strikes = pd.DataFrame(np.broadcast_to(oi.columns.to_numpy(), oi.shape), columns=oi.columns)
        away = way * strikes.sub(forward, axis=0)
        out[f"institutional_wall_distance_{leg}"] = away.where(wall & (away >= 0)).min(axis=1) / ranges
        out[f"institutional_wall_share_{leg}"] = oi.where(wall).sum(axis=1) / oi.sum(axis=1)


def _max_pain(held: Held, out: Columns) -> None:
    import pandas as pd

    frames, inputs = held.frames, held.inputs
    strikes = inputs.strikes_listed
    between = strikes[None, :] - strikes[:, None]
    paid = frames.oi["ce"].to_numpy() @ np.maximum(between, 0) + frames.oi["pe"].to_numpy() @ np.maximum(-between, 0)
    paid_at = pd.DataFrame(paid, columns=strikes)
    pain, forward = paid_at.idxmin(axis=1), pd.Series(inputs.forwards[:, NEAR])
    out["institutional_max_pain_distance"] = (pain - forward) / forward
    out["institutional_max_pain_migration"] = (pain - pain.iloc[0]) / inputs.steps
    away = forward.to_numpy()[:, None] - strikes[None, :]
    at_forward = (frames.oi["ce"] * np.maximum(away, 0) + frames.oi["pe"] * np.maximum(-away, 0)).sum(axis=1)
    out["institutional_pain_excess"] = at_forward / paid_at.min(axis=1) - 1


def _grade(x: Any, cuts: Floats) -> Any:
    """Thirds at the three cuts, linear in between, signed."""
    import pandas as pd

    graded = np.interp(x.abs(), [0.0, *cuts[::-1]], [0.0, 1 / 3, 2 / 3, 1.0])
    return pd.Series(np.where(x > 0, graded, -graded), x.index).where(x.notna())


def _flow(held: Held, step: dict[str, Series], price: Series, out: Columns) -> Series:
    """Institutional flow; the level of it."""
    import pandas as pd

    day, frames = held.day, held.frames
    z = {name: _z(series, day) for name, series in step.items()}
    for name in ("ce", "pe", "all"):
        out[f"institutional_flow_z_{name}"] = z[name]
    level = {}
    for leg in LEGS:
        reached = sum((z[leg].abs() >= cut).astype(float) for cut in day.z_levels) / len(day.z_levels)
        level[leg] = (np.sign(z[leg]) * reached).where(z[leg].notna())
    out["institutional_flow_level"] = (level["pe"] - level["ce"]) / 2
    for leg in LEGS:
        traded = held.pace(leg, day.z_window).sum(axis=1, min_count=day.least) * day.n_bars
        out[f"institutional_turnover_{leg}"] = traded / held.total(frames.oi[leg])
    grown = (z["all"].clip(lower=0) / day.absorption[0]).clip(upper=1)
    absorbed = grown.where(z["price"].abs() < day.absorption[1], 0.0).where(z["all"].notna() & z["price"].notna())
    enough = least(day.z_window, day.enough)
    out["institutional_absorption_50"] = absorbed.rolling(day.z_window, min_periods=enough).mean()
    move = np.log(price).diff(day.lookback)
    for name, leg, right_way in (("accumulation", "pe", move > 0), ("distribution", "ce", move < 0)):
        pressure = (z[leg].clip(lower=0) / day.accumulation_z).clip(upper=1)
        pressure = pressure * _grade(out[f"institutional_turnover_{leg}"], day.ratio_cuts)
        out[f"institutional_{name}"] = pressure.where(right_way, 0.0).where((move + pressure).notna())
    span = int(day.velocity_minutes[1])
    moved, value, busy, fresh = {}, 0.0, {}, {}
    for leg in LEGS:
        now, close = held.at(frames.oi[leg]), held.at(frames.close[leg])
        added = now - held.at(frames.oi[leg], span)
        moved[leg] = (added * close).sum(axis=1, min_count=day.least)
        value = value + (now * close).sum(axis=1)
        busy[leg] = (now * held.pace(leg, span)).sum(axis=1, min_count=day.least)
        fresh[leg] = added.clip(lower=0).sum(axis=1, min_count=day.least)
    out["institutional_money_flow_15"] = (moved["pe"] - moved["ce"]) / value
    ratios = [out["cumulative_pcr"], busy["pe"] / busy["ce"], (fresh["pe"] / fresh["ce"]).where(fresh["ce"] > 0)]
    composite = known_mean([ratio.clip(upper=day.pcr_most) for ratio in ratios], day.pcr_weights)
    out["institutional_pcr_composite"] = composite
    return pd.Series(out["institutional_flow_level"])


def _plain_mean(parts: Sequence[Series]) -> Series:
    import pandas as pd

    return pd.concat(parts, axis=1).mean(axis=1)


def _integrated(held: Held, level: Series, of_underlying: Series, price: Series, out: Columns) -> None:
    import pandas as pd

    day, parts = held.day, []
    for kind in ("velocity", "acceleration"):
        net = [out[f"cumulative_oi_{kind}_pe_{p}"] - out[f"cumulative_oi_{kind}_ce_{p}"] for p in SPANS]
        parts.append(_plain_mean([_grade(one, day.velocity_cuts) for one in net]))
    halves = [(out[f"rolling_correlation_pe_{p}"] - out[f"rolling_correlation_ce_{p}"]) / 2 for p in WINDOWS]
    moves = np.log(price).diff()
    deviation = np.sqrt((moves**2).expanding().mean()) * math.sqrt(day.lookback)
    direction = (np.log(price).diff(day.lookback) / deviation).clip(-1, 1)
    parts += [direction * _plain_mean(halves), level]
    trend = out["institutional_trend_score"] = known_mean(parts, day.trend_weights)
    composite = out["institutional_pcr_composite"]
    place = np.searchsorted(day.pcr_cuts, composite, side="right")
    by_composite = pd.Series(day.pcr_scores[np.minimum(place, len(day.pcr_scores) - 1)]).where(composite.notna())
    pressure = out["institutional_accumulation"] - out["institutional_distribution"]
    views = [_plain_mean([trend, out["rolling_trend"]]), of_underlying, by_composite, (pressure + level) / 2]
    out["institutional_integrated"] = known_mean(views, day.integrated_weights)
