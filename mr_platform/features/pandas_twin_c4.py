"""C4 as an analyst writes it with pandas: a fit a minute by ``numpy.polyfit``, the rest on frames minute by strike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mr_platform.features.c4_iv_skew.catalogue import DISTANCES, PATTERNS
from mr_platform.features.c4_iv_skew.dual import MINUTES
from mr_platform.features.c4_iv_skew.state import MINUTES_A_YEAR
from mr_platform.features.inputs import SessionInputs
from mr_platform.features.pandas_twin import LEGS, Columns, Floats, Frame, Frames, Series, least

if TYPE_CHECKING:
    from mr_platform.features.c4_iv_skew.component import SessionState
    from mr_platform.features.component import SessionStart

NEAR, NEXT, FAR = range(3)
ROLES = ("near", "next", "far")


class Smile:
    """An expiry's volatilities [M, K] by leg, and its out-of-the-money options: moneyness, volatility and weight."""

    def __init__(self, inputs: SessionInputs, role: int) -> None:
        import pandas as pd

        strikes = inputs.strikes_listed
        volatility = inputs.volatility[:, role]
        self.leg = {leg: pd.DataFrame(volatility[:, :, i], columns=strikes) for i, leg in enumerate(LEGS)}
        self.at_money = inputs.at_money[:, role]
        self.both = (self.leg["ce"] + self.leg["pe"]) / 2
        self.atm: Series = pd.Series(self.at_strike(self.both))
        self.years: Series = pd.Series(inputs.years[:, role])
        root: Series = np.sqrt(self.years)
        forward = pd.Series(inputs.forwards[:, role])
        self.is_put = pd.DataFrame(strikes[None, :] < forward.to_numpy()[:, None], columns=strikes)
        self.iv = self.leg["pe"].where(self.is_put, self.leg["ce"])
        moneyness = pd.DataFrame(np.log(strikes)[None, :] - np.log(forward.to_numpy())[:, None], columns=strikes)
        self.x = moneyness.div(root, axis=0).where(self.iv.notna())
        reach: Frame = moneyness.div(self.atm * root, axis=0).rsub(0.5 * self.atm * root, axis=0)
        self.weight = np.exp(-0.5 * reach**2).where(self.iv.notna())
        self.root = root

    def at_strike(self, field: Frame, lag: int = 0) -> Floats:
        """A field ``lag`` minutes ago at the strike that is at the money now."""
        return np.take_along_axis(field.shift(lag).to_numpy(), self.at_money[:, None], axis=1)[:, 0]

    def moved(self, lag: int) -> Series:
        """Change of the volatility of the strike that is at the money now."""
        return self.atm - self.at_strike(self.both, lag)

    def long(self) -> Frame:
        """The out-of-the-money options, a row each."""
        import pandas as pd
        from scipy.stats import norm

        side = np.where(self.is_put, -1.0, 1.0)
        volatility, root = self.iv.to_numpy(), self.root.to_numpy()[:, None]
        delta = norm.cdf(side * (0.5 * volatility * root - self.x.to_numpy() / volatility))
        columns = {"x": self.x, "iv": self.iv, "weight": self.weight}
        flat = {name: frame.to_numpy().ravel() for name, frame in columns.items()}
        minute = np.repeat(np.arange(len(self.iv)), self.iv.shape[1])
        return pd.DataFrame({"minute": minute, **flat, "delta": delta.ravel(), "side": side.ravel()}).dropna()


def _average(values: Frame, weights: Frame) -> Series:
    weights = weights.where(values.notna())
    return (values * weights).sum(axis=1, min_count=1) / weights.sum(axis=1, min_count=1)


def _slope(y: Frame, x: Frame, weights: Frame) -> Series:
    """Slope of the weighted line through each row."""
    weights = weights.where(y.notna())
    dx = x.sub(_average(x.where(y.notna()), weights), axis=0)
    dy = y.sub(_average(y, weights), axis=0)
    return (weights * dx * dy).sum(axis=1) / (weights * dx**2).sum(axis=1)


def _of_minute(group: Frame, deltas: Floats) -> dict[str, float]:
    """Parabola and wings of one smile."""
    x, iv, weight = (group[name].to_numpy() for name in ("x", "iv", "weight"))
    curve = np.polyfit(x, iv, 2, w=np.sqrt(weight))
    rest, level = iv - np.polyval(curve, x), np.average(iv, weights=weight)
    squares = np.average(rest**2, weights=weight)
    found = {
        "slope": curve[1],
        "curvature": 2 * curve[0],
        "error": np.sqrt(squares),
        "explained": 1 - squares / np.average((iv - level) ** 2, weights=weight),
    }
    delta, side = group["delta"].to_numpy(), group["side"].to_numpy()
    for name, sign in (("put", -1.0), ("call", 1.0)):
        of = np.flatnonzero(side == sign)
        outward = of if sign < 0 else of[::-1]
        reached = np.interp(deltas, delta[outward], iv[outward], left=np.nan, right=np.nan)
        found |= {f"{name}_{i}": value for i, value in enumerate(reached)}
    return found


def c4(frames: Frames, inputs: SessionInputs, state: SessionState, start: SessionStart) -> Columns:
    """The features of C4 by name without its prefix, but for places in earlier sessions."""
    import pandas as pd

    day = state.day
    out: Columns = {}
    smiles = [Smile(inputs, role) for role in range(3)]
    fits = [
        pd.DataFrame({t: _of_minute(group, day.wing_deltas) for t, group in smile.long().groupby("minute")}).T
        for smile in smiles[:FAR]
    ]
    _skew(smiles[NEAR], fits, inputs, day, out)
    _moves(smiles, inputs, day, out)
    _term(smiles, day, out)
    _levels(smiles, fits, day, out)
    return out


def _skew(near: Smile, fits: list[Frame], inputs: SessionInputs, day: Any, out: Columns) -> None:
    fit = fits[NEAR]
    for i, delta in ((1, 25), (0, 10)):
        put, call = fit[f"put_{i}"], fit[f"call_{i}"]
        out[f"skew_put_skew_{delta}"] = put - near.atm
        out[f"skew_call_skew_{delta}"] = call - near.atm
        out[f"skew_risk_reversal_{delta}"] = call - put
        out[f"skew_butterfly_{delta}"] = (put + call) / 2 - near.atm
    for name in ("slope", "curvature", "error"):
        out[f"skew_smile_{name}"] = fit[name]
    out["dual_dte_smile_slope_next"] = fits[NEXT]["slope"]
    for name, side in (("put", near.is_put), ("call", ~near.is_put)):
        out[f"skew_{name}_slope"] = _slope(near.iv.where(side), near.x, near.weight)
    left, right = near.x < -day.asymmetry, near.x > day.asymmetry
    means = [_average(near.iv.where(side), near.weight) for side in (left, right)]
    out["skew_asymmetry"] = means[0] - means[1]
    out["skew_normalised_reversal_25"] = out["skew_risk_reversal_25"] / near.atm
    out["dual_dte_risk_reversal_next"] = fits[NEXT]["call_1"] - fits[NEXT]["put_1"]
    steps, last = day.reversal_steps.astype(int), near.iv.shape[1] - 1
    for points, n in zip(DISTANCES, steps, strict=True):
        # the longest distance is of the furthest pair that is listed, beyond the one before it
        there = np.minimum(near.at_money, last - near.at_money)
        reach = np.where(there >= n, n, np.where((points == DISTANCES[-1]) & (there > steps[-2]), there, -1))
        out[f"skew_distance_reversal_{points}"] = _pair(near, reach)
    gap = near.leg["ce"] - near.leg["pe"]
    out["skew_parity_gap_atm"] = near.at_strike(gap)
    for n, lag in zip(MINUTES, day.momentum.tolist(), strict=True):
        out[f"skew_momentum_reversal_{n}"] = out["skew_risk_reversal_25"].diff(lag)


def _pair(smile: Smile, reach: Floats) -> Floats:
    """Volatility of the call ``reach`` strikes above the money less that of the put as far below."""
    rows = np.arange(reach.size)
    step = np.maximum(reach, 0).astype(int)
    found = smile.leg["ce"].to_numpy()[rows, np.minimum(smile.at_money + step, smile.iv.shape[1] - 1)]
    found = found - smile.leg["pe"].to_numpy()[rows, np.maximum(smile.at_money - step, 0)]
    return np.where(reach >= 0, found, np.nan)


def _moves(smiles: list[Smile], inputs: SessionInputs, day: Any, out: Columns) -> None:
    """Changes of the volatility of strikes held, and what is made of them."""
    import pandas as pd

    near, following, far = smiles
    for n, lag in zip(MINUTES, day.momentum.tolist(), strict=True):
        out[f"dual_dte_momentum_near_{n}"] = near.moved(lag)
    shortest, quarter, half_hour, hour = day.momentum.tolist()
    out["dual_dte_momentum_next_15"] = following.moved(quarter)
    out["dual_dte_momentum_next_60"] = following.moved(hour)
    out["dual_dte_momentum_far_60"] = far.moved(hour)
    before = near.at_strike(near.both, quarter) - near.at_strike(near.both, 2 * quarter)
    out["dual_dte_acceleration_near_15"] = out["dual_dte_momentum_near_15"] - before
    forward: Series = pd.Series(inputs.forwards[:, NEAR])
    returns = np.log(forward).diff()
    one, one_next = near.moved(1), following.moved(1)
    half, whole = least(half_hour, day.enough), least(hour, day.enough)
    out["dual_dte_volatility_near_30"] = one.rolling(half_hour, min_periods=half).std(ddof=0)
    squares, year = returns**2, np.sqrt(MINUTES_A_YEAR)
    realised = np.sqrt(squares.rolling(hour, min_periods=whole).mean()) * year
    out["dual_dte_realised_spread_60"] = near.atm - realised
    realised = np.sqrt(squares.rolling(half_hour, min_periods=half).mean()) * year
    out["dual_dte_realised_ratio_30"] = realised / near.atm
    windows = returns.rolling(hour, min_periods=whole)
    out["dual_dte_spot_beta_60"] = windows.cov(one, ddof=0) / windows.var(ddof=0)
    out["dual_dte_spot_correlation_60"] = windows.corr(one)
    out["dual_dte_correlation_next_60"] = one.rolling(hour, min_periods=whole).corr(one_next)
    for lag in (shortest, 1):
        earlier = near.leg["pe"].shift(lag).where(near.is_put, near.leg["ce"].shift(lag))
        change = near.iv - earlier
        velocity = np.sqrt(_average(change**2, near.weight))
        if lag == shortest:
            out["dual_dte_surface_shift_5"] = _average(change, near.weight)
            out["dual_dte_surface_tilt_5"] = _slope(change, near.x, near.weight)
            out["dual_dte_surface_velocity_5"] = velocity
    windows = velocity.rolling(hour, min_periods=whole)
    mean, deviation = windows.mean().shift(), windows.std(ddof=0).shift()
    out["regime_surface_abnormality"] = (velocity - mean) / (deviation * day.abnormal)


def _term(smiles: list[Smile], day: Any, out: Columns) -> None:
    import pandas as pd

    near, following, far = (smile.atm for smile in smiles)
    t1, t2, t3 = (smile.years for smile in smiles)
    slope = out["term_slope_next"] = following / near - 1
    out["term_slope_far"] = far / near - 1
    between = (following**2 * t2 - near**2 * t1) / (t2 - t1)
    beyond = (far**2 * t3 - following**2 * t2) / (t3 - t2)
    out["term_forward_volatility_next"] = np.sqrt(between.where(between > 0))
    out["term_forward_volatility_far"] = np.sqrt(beyond.where(beyond > 0))
    out["term_forward_premium"] = out["term_forward_volatility_next"] / near - 1
    slopes = pd.concat([slope, far / following - 1], axis=1)
    graded = (slopes / day.contango).where(slopes >= 0, -slopes / day.backwardation).clip(-1, 1).mean(axis=1)
    quarter = int(day.momentum[1])
    out["term_contango_15"] = graded.rolling(quarter, min_periods=least(quarter, day.enough)).mean()
    out["term_momentum_slope_15"] = slope.diff(quarter)
    out["term_momentum_slope_60"] = slope.diff(int(day.momentum[3]))
    out["term_curvature"] = following - near - (far - near) * np.log(t2 / t1) / np.log(t3 / t1)
    out["term_variance_share_near"] = near**2 * t1 / (far**2 * t3)


def _levels(smiles: list[Smile], fits: list[Frame], day: Any, out: Columns) -> None:
    """ATM volatility and its place in the session; the seven levels, the patterns and what moves them."""
    import pandas as pd
    from scipy.stats import norm

    near = smiles[NEAR].atm
    for smile, name in zip(smiles, ROLES, strict=True):
        out[f"dual_dte_atm_iv_{name}"] = smile.atm
    out["dual_dte_expected_move_near"] = near * smiles[NEAR].root
    butterfly = (fits[NEXT]["put_1"] + fits[NEXT]["call_1"]) / 2 - smiles[NEXT].atm
    out["dual_dte_butterfly_next"] = butterfly
    out["term_reversal_gap"] = out["dual_dte_risk_reversal_next"] - out["skew_risk_reversal_25"]
    out["term_butterfly_gap"] = butterfly - out["skew_butterfly_25"]
    seen = near.expanding(min_periods=day.percentile_least)
    out["dual_dte_session_rank"] = (near - seen.min()) / (seen.max() - seen.min())
    place = out["dual_dte_session_percentile"] = (seen.rank() - 1) / (seen.count() - 1)
    out["dual_dte_session_zscore"] = (near - seen.mean()) / seen.std(ddof=0)
    # without history at these days to expiry both percentiles are those of the typical volatility
    blend = out["dual_dte_percentile_atm_blend"] = norm.cdf(np.log(near / day.typical) / day.typical_spread)
    out["regime_level"] = np.searchsorted(day.level_cuts, blend, side="right").astype(float)
    level = out["regime_level_session"] = pd.cut(place, [-np.inf, *day.level_cuts, np.inf], right=False, labels=False)
    run = level.dropna()
    out["regime_level_run"] = (run.groupby((run != run.shift()).cumsum()).cumcount() + 1.0).reindex(level.index)

    put, call = out["skew_put_skew_25"] / near, out["skew_call_skew_25"] / near
    likeness = {}
    for (name, _), (to_put, to_call) in zip(PATTERNS, day.prototypes, strict=True):
        likeness[name] = 1 / (1 + ((put - to_put) ** 2 + (call - to_call) ** 2) / day.pattern_width**2)
        out[f"regime_pattern_{name}"] = likeness[name]
    together = pd.DataFrame(likeness)
    out["regime_pattern_confidence"] = together.max(axis=1) / together.sum(axis=1, min_count=1)
    dearer: Series = -pd.concat([out["skew_risk_reversal_25"], out["skew_risk_reversal_10"]], axis=1).mean(axis=1)
    out["regime_fear"] = np.interp(dearer, day.fear_points[0], day.fear_points[1])
    wing = (fits[NEAR]["put_1"] + fits[NEAR]["call_1"]) / 2
    quarter, hour = int(day.momentum[1]), int(day.momentum[3])
    out["regime_wing_momentum_15"] = wing.diff(quarter)
    moves = ("skew_momentum_reversal_15", "dual_dte_momentum_near_15", "regime_wing_momentum_15")
    pressures = [out[name].abs() / cut for name, cut in zip(moves, day.transitions, strict=True)]
    out["regime_transition_pressure_15"] = pd.concat(pressures, axis=1).max(axis=1)
    windows = near.rolling(hour, min_periods=least(hour, day.enough))
    out["regime_variation_60"] = windows.std(ddof=0) / windows.mean()
    signs = pd.concat([np.sign(out[f"dual_dte_momentum_near_{n}"]) for n in MINUTES], axis=1)
    out["regime_momentum_agreement"] = signs.mean(axis=1).where(signs.count(axis=1) >= 2)
