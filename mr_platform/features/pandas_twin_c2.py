"""C2 as an analyst writes it with pandas: legs around the money as one long frame, grouped by minute and side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mr_platform.features.inputs import ATM, GREEKS, NEAR, SessionInputs
from mr_platform.features.pandas_twin import LEGS, Columns, Floats, Frame, Frames, Series, dispersion, known_mean, least

if TYPE_CHECKING:
    from mr_platform.features.c2_greeks_sentiment.component import SessionState
    from mr_platform.features.component import SessionStart

FIRST, SECOND = list(GREEKS[:4]), list(GREEKS[4:])
PUT_SIGN = dict(zip(GREEKS, (1, -1, -1, -1, 1, 1, -1), strict=True))
"""Whether a straddle's exposure is the sum of call and put, or their difference, calls speaking for a rise."""
STRADDLES = {"atm": 0, "itm1": -1, "otm1": 1}
BITS = 2.0**37 + 1.0
FLAT = 1e-9


class Around:
    """The legs around the money of every minute, as long series by minute, step from ATM and leg."""

    def __init__(self, inputs: SessionInputs, day: Any) -> None:
        import pandas as pd

        self.inputs, self.day = inputs, day
        m, reach = inputs.minutes.size, day.reach
        self.places = inputs.around[:, ATM - reach : ATM + reach + 1]
        axes: Any = [range(m), range(-reach, reach + 1), LEGS]
        self.index = pd.MultiIndex.from_product(axes, names=["minute", "step", "leg"])
        self.minute = self.index.get_level_values("minute")
        self.forward = pd.Series(inputs.forward)
        self.strike = self.legs(np.broadcast_to(inputs.strikes_listed[None, :, None], inputs.chain_oi.shape))

    def legs(self, field: Floats, lag: int = 0) -> Series:
        """A field [M, K, 2] at this minute's strikes, ``lag`` minutes ago."""
        import pandas as pd

        found = np.full((*self.places.shape, 2), np.nan)
        found[lag:] = np.take_along_axis(field[: field.shape[0] - lag], self.places[lag:, :, None], axis=1)
        return pd.Series(found.ravel(), self.index)

    def per_minute(self, series: Series) -> Floats:
        """A series by minute at every leg."""
        return np.asarray(series.to_numpy()[self.minute])

    def rounded(self, field: Floats, lag: int = 0) -> Series:
        """As ``legs``, to the bits that a price known to a tick can say."""
        values = self.legs(field, lag)
        return values * BITS - (values * BITS - values)

    def weight(self, lag: int) -> Series:
        """Leg weight by volume and open interest."""
        day = self.day
        traded, held = (self.legs(f, lag) / day.lot for f in (self.inputs.chain_volume, self.inputs.chain_oi))
        by_volume = (traded / day.volume_median).clip(upper=day.volume_cap)
        return day.volume_share * by_volume + day.oi_share * (held / day.oi_median).clip(upper=day.oi_cap)

    def exposures(self, lag: int) -> Frame:
        """Weight times Greek of the legs, a column a Greek; over five minutes the Greeks alone move."""
        import pandas as pd

        weight = self.weight(0 if lag == 5 else lag)
        forward = self.per_minute(self.forward.shift(lag))
        unit = {"gamma": forward / 100, "theta": 1e4 / forward, "vega": 1e4 / forward, "volga": 1e4 / forward}
        return pd.DataFrame({g: weight * self.rounded(getattr(self.inputs, g), lag) * unit.get(g, 1.0) for g in GREEKS})

    def sides(self, legs: Frame) -> dict[str, Frame]:
        """Sums over the strikes of each side [M, Greek]."""
        grouped = legs.groupby(level=["leg", "minute"], sort=False)
        total = grouped.sum().where(grouped.count() >= self.day.least_strikes)
        return {leg: total.loc[leg] for leg in LEGS}


def c2(frames: Frames, inputs: SessionInputs, state: SessionState, start: SessionStart) -> Columns:
    """The features of C2 by name without its prefix."""
    import pandas as pd

    day = state.day
    out: Columns = {}
    around = Around(inputs, day)
    exposure = {lag: around.exposures(lag) for lag in (0, 5, 15)}
    by_step = {leg: exposure[0].xs(leg, level="leg") for leg in LEGS}
    z, straddle = {}, {}
    shares = np.concatenate(
        [
            s * day.weights[p] / day.weights[p].sum()
            for s, p in zip(day.order_shares, (slice(4), slice(4, 7)), strict=True)
        ]
    )
    for i, (a, step) in enumerate(STRADDLES.items()):
        call, put = (by_step[leg].xs(step, level="step") for leg in LEGS)
        net = (call + put * pd.Series(PUT_SIGN)).assign(theta=put["theta"] - call["theta"])
        scale = pd.DataFrame(np.broadcast_to(day.scale[i], net.shape), columns=net.columns)
        if np.isnan(day.scale[i]).any():
            scale = scale.fillna(net.abs().expanding(min_periods=day.least_scale_minutes).median())
        scale = np.maximum(scale, day.least_scale_share * (call.abs() + put.abs()))
        z[a] = np.tanh(net / scale)
        straddle[a] = (z[a] * shares).sum(axis=1, skipna=False)
    parts = list(straddle.values())
    overall = known_mean(parts, day.straddle_weights)
    greeks = pd.DataFrame({g: known_mean([z[a][g] for a in STRADDLES], day.straddle_weights) for g in GREEKS})
    sides = around.sides(exposure[0])
    _first_order(around, exposure, sides, z, out)
    _second_order(around, exposure, sides, z, out)
    _sentiment(around, frames, parts, overall, greeks, shares, out)
    _dte(around, frames, exposure[0], sides, greeks, overall, parts, out)
    return out


def _imbalance(calls: Series, puts: Series) -> Series:
    return ((calls - puts) / (calls + puts)).where(calls + puts > 0)


def _per(of: Series, by: Series) -> Series:
    return (of / by).where(by > 0)


def _held(around: Around, exposure: dict[int, Frame], lag: int) -> list[dict[str, Frame]]:
    """Sides now and ``lag`` minutes ago over the legs known at both times."""
    now, then = exposure[0], exposure[lag]
    both = now.notna() & then.notna()
    return [around.sides(one.where(both)) for one in (now, then)]


def _first_order(
    around: Around,
    exposure: dict[int, Frame],
    sides: dict[str, Frame],
    z: dict[str, Frame],
    out: Columns,
) -> None:
    five, quarter = _held(around, exposure, 5), _held(around, exposure, 15)
    for g in FIRST:
        for leg in LEGS:
            out[f"first_order_{g}_{leg}"] = sides[leg][g]
        for a in STRADDLES:
            out[f"first_order_{g}_{a}"] = z[a][g]
        out[f"first_order_imbalance_{g}"] = _imbalance(sides["ce"][g].abs(), sides["pe"][g].abs())
        now, then = (side["ce"][g].abs() + side["pe"][g].abs() for side in five)
        out[f"first_order_velocity_{g}_5"] = _per(now - then, then)
        now, then = (_imbalance(side["ce"][g].abs(), side["pe"][g].abs()) for side in quarter)
        out[f"first_order_shift_{g}_15"] = now - then
    gamma, theta = (sides["ce"][g] + sides["pe"][g] for g in ("gamma", "theta"))
    legs = exposure[0]["gamma"]
    distance = around.strike - around.per_minute(around.forward)
    centre = (legs * distance).groupby(level="minute").sum()
    out["first_order_gamma_centre"] = centre / gamma / around.inputs.steps
    near = legs[legs.index.get_level_values("step").isin([-1, 0, 1])]
    out["first_order_gamma_concentration"] = near.groupby(level="minute").sum() / gamma
    forward = around.forward
    move = np.sqrt(2 * -theta * forward / 1e4 / (gamma * 100 / forward))
    out["first_order_breakeven_move"] = 100 * move / forward


def _second_order(
    around: Around,
    exposure: dict[int, Frame],
    sides: dict[str, Frame],
    z: dict[str, Frame],
    out: Columns,
) -> None:
    for g in SECOND:
        for leg in LEGS:
            out[f"second_order_{g}_{leg}"] = sides[leg][g]
        for a in STRADDLES:
            out[f"second_order_{g}_{a}"] = z[a][g]
    both = sides["ce"] + sides["pe"]
    size = around.sides(exposure[0].abs())
    held_delta = size["ce"]["delta"] + size["pe"]["delta"]
    out["second_order_charm_drift"] = _per(both["charm"], held_delta)
    out["second_order_vanna_drift"] = _per(both["vanna"], held_delta)
    out["second_order_convexity"] = _per(both["volga"], both["vega"])
    out["second_order_imbalance_volga"] = _imbalance(size["ce"]["volga"], size["pe"]["volga"])
    forward = around.per_minute(around.forward)
    is_call = around.index.get_level_values("leg") == "ce"
    wing = np.where(is_call, around.strike > forward, around.strike < forward)
    wings = exposure[0]["vanna"].where(wing).abs().groupby(level=["leg", "minute"], sort=False)
    sums = wings.sum().where(wings.count() >= around.day.least_wing)
    out["second_order_imbalance_wings"] = _imbalance(sums.loc["ce"], sums.loc["pe"])
    quarter = _held(around, exposure, 15)
    for name, above, below, way in (("vanna", "vanna", "delta", -1), ("convexity", "volga", "vega", 1)):
        now, then = (
            _per(side["ce"][above] + side["pe"][above], side["ce"][below] + way * side["pe"][below]) for side in quarter
        )
        out[f"second_order_{name}_shift_15"] = now - then
    _third_order(around, exposure[0]["gamma"], both["gamma"], out)


def _third_order(around: Around, gamma: Series, total: Series, out: Columns) -> None:
    """Relative changes of gamma by its share of the exposure: Black-76's speed, zomma and color over its gamma."""
    volatility = around.rounded(around.inputs.volatility[:, NEAR])
    forward = around.per_minute(around.forward)
    years = around.inputs.years[around.minute, NEAR]
    s = volatility * np.sqrt(years)
    d1 = np.log(forward / around.strike) / s + s / 2
    d2 = d1 - s
    changes = {
        "speed": -(1 + d1 / s) / 100,
        "zomma": (d1 * d2 - 1) / volatility / 100,
        "color": (1 - d1 * d2) / (2 * years) / 365,
    }
    for name, change in changes.items():
        moved = (gamma * change).where(gamma > 0, 0.0).groupby(level="minute").sum()
        out[f"second_order_{name}"] = moved / total.where(total > 0)


def _six(series: Series) -> Frame:
    """The six legs at ATM, ITM1 and OTM1 [M, 6]."""
    return series[series.index.get_level_values("step").isin([-1, 0, 1])].unstack(["step", "leg"])


def _dte(
    around: Around,
    frames: Frames,
    exposure: Frame,
    sides: dict[str, Frame],
    greeks: Frame,
    overall: Series,
    straddles: list[Series],
    out: Columns,
) -> None:
    """All of the group but the percentile, which takes sessions of history."""
    import pandas as pd

    day, inputs = around.day, around.inputs
    force = pd.DataFrame(day.weights * day.multipliers[inputs.dte], columns=list(GREEKS))
    contribution = {}
    for share, order in zip(day.order_shares, (FIRST, SECOND), strict=True):
        for g in order:
            contribution[g] = share * force[g] * greeks[g] / force[order].sum(axis=1)
    parts = pd.DataFrame(contribution)
    for g in GREEKS:
        out[f"dte_contribution_{g}"] = parts[g]
    total, size = parts.sum(axis=1, skipna=False), parts.abs().sum(axis=1, skipna=False)
    out["dte_score"] = total
    out["dte_concentration"] = (parts.abs().max(axis=1, skipna=False) / size).where(size > 0)
    out["dte_conflict"] = (1 - total.abs() / size).where(size > 0)

    atm = exposure.xs(0, level="step").groupby(level="minute").sum(min_count=2)
    forward = around.forward
    theta, gamma = -atm["theta"] * forward / 1e4, atm["gamma"] * 100 / forward
    weight = around.weight(0).xs(0, level="step").unstack("leg")
    premium = weight["ce"] * frames.price["atm_ce"] + weight["pe"] * frames.price["atm_pe"]
    out["dte_decay_rate"] = _per(theta, premium)
    squares = forward.diff() ** 2
    for n in (15, 60):
        moves = squares.rolling(n, min_periods=least(n, day.enough)).mean()
        gain = 0.5 * gamma * moves
        out[f"dte_gamma_gain_{n}"] = np.log((gain / (theta / 1440)).where((gain > 0) & (theta > 0)))
    _pin(around, exposure["gamma"], sides, out)
    agreement = (1 - dispersion(straddles)).clip(lower=day.agreement_floor)
    ratios = [
        (_six(around.legs(field)).mean(axis=1) / day.lot / usual).clip(upper=1)
        for field, usual in ((inputs.chain_volume, day.volume_median), (inputs.chain_oi, day.oi_median))
    ]
    sure = sum(w * x for w, x in zip(day.confidence_weights, (agreement, *ratios), strict=True))
    caught = overall.abs().clip(upper=day.transition_score_cap) * sure.clip(day.confidence_floor, 1)
    caught = caught * day.transition[inputs.dte]
    out["dte_transition_probability"] = caught.clip(upper=day.transition_cap)


def _pin(around: Around, gamma: Series, sides: dict[str, Frame], out: Columns) -> None:
    """Where open interest and gamma stand, in implied standard deviations to expiry."""
    import pandas as pd

    day, inputs = around.day, around.inputs
    years, forward = pd.Series(inputs.years[:, NEAR]), around.forward
    volatility = around.rounded(inputs.volatility[:, NEAR]).xs(0, level="step").groupby(level="minute").mean()
    width = forward * volatility * np.sqrt(years)
    oi = around.legs(inputs.chain_oi).unstack("leg").sum(axis=1)
    best = oi.groupby(level="minute").idxmax()
    at = pd.MultiIndex.from_tuples(best.tolist())
    strikes = around.strike.xs("ce", level="leg")
    distance = out["dte_pin_distance"] = (forward - strikes.loc[at].to_numpy()) / width
    both = gamma.unstack("leg").sum(axis=1)
    total = sides["ce"]["gamma"] + sides["pe"]["gamma"]
    out["dte_pin_gamma_share"] = both.loc[at].to_numpy() / total
    out["dte_pin_oi_share"] = oi.loc[at].to_numpy() / oi.groupby(level="minute").sum()
    near = out["first_order_gamma_concentration"]
    out["dte_pin_risk"] = day.pin[inputs.dte] * near * np.exp(-(distance**2) / 2) / (1 + 365 * years)
    steps = gamma.index.get_level_values("step")
    moments = (gamma * steps).groupby(level=["leg", "minute"], sort=False).sum()
    centre = {leg: moments.loc[leg] / sides[leg]["gamma"] for leg in LEGS}
    out["dte_gamma_gap"] = (centre["ce"] - centre["pe"]) * inputs.steps / width


def _sentiment(
    around: Around,
    frames: Frames,
    straddles: list[Series],
    overall: Series,
    greeks: Frame,
    shares: Floats,
    out: Columns,
) -> None:
    import pandas as pd

    day, inputs = around.day, around.inputs
    for a, score in zip(STRADDLES, straddles, strict=True):
        out[f"sentiment_score_{a}"] = score
    cuts = day.cuts
    level = sum((overall >= cut).astype(float) for cut in cuts[3:]) - sum(
        (overall <= c).astype(float) for c in cuts[:3]
    )
    level = out["sentiment_level"] = level.where(overall.notna())
    run = level.dropna()
    out["sentiment_level_age"] = (run.groupby((run != run.shift()).cumsum()).cumcount() + 1.0).reindex(level.index)
    distances = pd.DataFrame({i: overall - cut for i, cut in enumerate(cuts)})
    nearest = np.argmin(distances.abs().fillna(np.inf).to_numpy(), axis=1)
    out["sentiment_cut_distance"] = distances.to_numpy()[np.arange(nearest.size), nearest]
    windows = overall.rolling(15, min_periods=least(15, day.enough))
    out["sentiment_mean_15"] = windows.mean()
    out["sentiment_change_5"] = overall.diff(5)
    out["sentiment_dispersion_15"] = windows.std(ddof=0)
    out["sentiment_agreement"] = 1 - dispersion(straddles)
    agrees = np.sign(greeks).eq(np.sign(overall), axis=0)
    out["sentiment_greek_agreement"] = (agrees * shares).sum(axis=1).where(overall.notna())
    traded = around.legs(inputs.chain_volume) / day.lot
    held = around.legs(inputs.chain_oi) / day.lot
    active = {
        "volume_ratio": (_six(traded).median(axis=1), day.volume_median),
        "oi_ratio": (_six(held).median(axis=1), day.oi_median),
        "flow_size": (traded.groupby(level="minute").max(), day.large_flow),
    }
    for name, (found, usual) in active.items():
        out[f"sentiment_{name}"] = np.log(found.where(found > 0) / usual)
    _flows(around, frames, traded, out)
    before = overall.shift(5)
    change = np.log(frames.underlying["close"]).diff(5)
    n = least(60, day.enough)
    out["sentiment_lead_correlation_60"] = before.rolling(60, min_periods=n).corr(change)
    signs = pd.concat([np.sign(overall).shift(k).eq(np.sign(overall)) for k in range(30)], axis=1).sum(axis=1)
    known = overall.rolling(30, min_periods=1).count()
    enough = overall.notna() & (known >= day.enough * 30)
    out["sentiment_persistence_30"] = (signs / known).where(enough)


def _flows(around: Around, frames: Frames, traded: Series, out: Columns) -> None:
    """Volume signed by the price change beyond delta times the forward's, of delta and of vega, over five minutes."""
    day, inputs = around.day, around.inputs
    move = around.forward.diff()
    volume = _six(traded)
    greek = {g: _six(around.rounded(getattr(inputs, g))) for g in ("delta", "vega")}
    names = {(step, leg): f"{a}_{leg}" for a, step in STRADDLES.items() for leg in LEGS}
    columns = [names[key] for key in volume.columns]
    price, before = (f[columns].set_axis(volume.columns, axis=1) for f in (frames.price, frames.held[1]))
    beyond = price - before - greek["delta"].mul(move, axis=0)
    way = np.sign(beyond).mask(beyond.abs() <= FLAT * price, 0.0)
    n = least(5, day.enough)
    for name, of in greek.items():
        signed = (way * volume * of).where(beyond.notna()).sum(axis=1, min_count=1)
        gross = (volume * of.abs()).where(beyond.notna()).sum(axis=1, min_count=1)
        above = signed.rolling(5, min_periods=n).sum()
        out[f"sentiment_{name}_flow_5"] = _per(above, gross.rolling(5, min_periods=n).sum())
