"""C2 as it would be written on a blackboard: whole-session arrays, one feature at a time, by name.

The compiled pass is compared with this one. Nothing is carried from call to call: each one starts from the open again.
Shapes: M minutes, S strikes of the set around ATM, two sides (calls, puts), seven Greeks.
"""

from __future__ import annotations

import numpy as np

from mr_platform.features.c2_greeks_sentiment.catalogue import features
from mr_platform.features.c2_greeks_sentiment.orders import FIRST, SECOND, SIDES, STRADDLES
from mr_platform.features.c2_greeks_sentiment.reference_windows import (
    ages,
    dispersion,
    enough_in_window,
    imbalance,
    known_mean,
    lead_correlation,
    mean_of,
    median_so_far,
    per,
    same_sign_share,
    std_of,
    sum_of,
    weighted_mean,
)
from mr_platform.features.c2_greeks_sentiment.state import (
    EXPOSURE_LAGS,
    STRADDLE_AT,
    WEIGHT_HELD,
    Carried,
    DayConstants,
    Floats,
    Ints,
)
from mr_platform.features.inputs import ATM, GREEKS, NEAR, SessionInputs
from mr_platform.features.series import CLOSE
from mr_platform.kernels.reference.black76 import greeks as black76_greeks
from mr_platform.kernels.reference.windows import lagged

Columns = dict[str, Floats]

DELTA, GAMMA, THETA, VEGA, VANNA, CHARM, VOLGA = range(7)
ORDERS = (FIRST, SECOND)
CALL, PUT = 0, 1
SIX = [3, 6, 4, 7, 5, 8]
"""Call and put at ATM, ITM1, OTM1 among the rolling series."""
FLAT = 1e-9
BITS = 2.0**37 + 1.0


def run(
    inputs: SessionInputs,
    start: int,
    stop: int,
    day: DayConstants,
    carried: Carried,
    values: Floats,
    score: Floats,
    confidence: Floats,
    health: np.ndarray,
) -> None:
    """Fill minutes [start, stop) and the traces that ``leave`` reads; arguments as in ``cpu.run``."""
    rows = slice(start, stop)
    with np.errstate(all="ignore"):
        columns, verdict, sure, state = _session(inputs.until(stop), day, carried)
    for i, spec in enumerate(features()):
        values[rows, i] = columns[spec.name.removeprefix("c2_")][rows]
    score[rows], confidence[rows], health[rows] = verdict[rows], sure[rows], state[rows]


def _session(inputs: SessionInputs, day: DayConstants, carried: Carried) -> tuple[Columns, Floats, Floats, np.ndarray]:
    """All columns by name, then score, confidence and health."""
    m = inputs.minutes.size
    out: Columns = {}
    places = inputs.around[:, ATM - day.reach : ATM + day.reach + 1]
    traded, held, volatility, weight = _legs(inputs, day, places, 0)
    exposure = [_exposure(inputs, day, places, lag) for lag in EXPOSURE_LAGS]
    at = [day.reach + step for step in STRADDLE_AT]

    straddle_exposure = np.stack([_net(exposure[0][:, j]) for j in at], axis=1)
    scale = np.broadcast_to(day.scale, straddle_exposure.shape)
    own = median_so_far(np.abs(straddle_exposure), day.least_scale_minutes)
    gross = np.stack([np.abs(exposure[0][:, j]).sum(axis=1) for j in at], axis=1)
    scale = np.maximum(np.where(np.isnan(scale), own, scale), day.least_scale_share * gross)
    z = np.where(scale > 0, np.tanh(straddle_exposure / scale), np.nan)
    greeks = weighted_mean(z, day.straddle_weights[None, :, None], axis=1)
    straddle = sum(
        share * (z[:, :, part] * day.weights[part]).sum(axis=2) / day.weights[part].sum()
        for share, part in zip(day.order_shares, (slice(0, 4), slice(4, 7)), strict=True)
    )
    assert isinstance(straddle, np.ndarray)
    overall = weighted_mean(straddle, day.straddle_weights[None, :], axis=1)

    six = np.ix_(range(m), at, (CALL, PUT))
    active = np.stack([np.median(legs[six].reshape(m, 6), axis=1) for legs in (traded, held)], axis=1)
    pairs = np.isfinite(traded).all(axis=2).sum(axis=1)
    largest = np.where(pairs >= day.least_strikes, np.fmax.reduce(traded.reshape(m, -1), axis=1), np.nan)

    carried.exposure[:m], carried.greeks[:m], carried.overall[:m] = straddle_exposure, greeks, overall
    carried.active[:m] = np.column_stack([active, largest])

    _first_order(inputs, places, exposure, z, day, out)
    _second_order(inputs, places, volatility, exposure, z, day, out)
    spread = dispersion(straddle)
    unknown = np.isnan(overall)
    ratios = [
        known_mean(legs[six].reshape(m, 6)) / usual
        for legs, usual in ((traded, day.volume_median), (held, day.oi_median))
    ]
    agreement = np.where(np.isnan(spread), day.agreement_floor, np.maximum(day.agreement_floor, 1 - spread))
    parts = np.column_stack([agreement, np.minimum(1, ratios[0]), np.minimum(1, ratios[1])])
    sure = np.where(unknown, 0.0, np.clip(parts @ day.confidence_weights, day.confidence_floor, 1))
    verdict = np.clip(overall, -1, 1)
    whole = np.isfinite(straddle).all(axis=1) & (day.learned == 1)
    health = np.where(unknown, 0, np.where(whole, 2, 1)).astype(np.int8)

    _dte(inputs, places, (held, volatility, weight), exposure[0], greeks, (verdict, sure), day, out)
    flow = _flow(inputs, places, traded, at)
    _sentiment(inputs, straddle, overall, greeks, carried.active[:m], flow, day, out)
    return out, verdict, sure, health


def _at(field: Floats, places: Ints, lag: int) -> Floats:
    """``field`` [M, K, 2] at this minute's strikes ``places`` [M, S], ``lag`` minutes ago; NaN where not listed."""
    minutes = np.arange(places.shape[0])[:, None] - lag
    known = (places >= 0) & (minutes >= 0)
    if not known.any():
        return np.full((*places.shape, 2), np.nan)
    found = field[np.maximum(minutes, 0), np.maximum(places, 0)]
    return np.where(known[..., None], found, np.nan)


def _strikes(inputs: SessionInputs, places: Ints) -> Floats:
    """Strikes of the set in points [M, S]; NaN where not listed."""
    return _at(
        np.broadcast_to(inputs.strikes_listed[:, None], (places.shape[0], inputs.strikes_listed.size, 2)), places, 0
    )[..., 0]


def _known(values: Floats) -> Floats:
    """Rounded to 16 bits, more than a price known to a tick can say (see ``legs``)."""
    return np.asarray(values * BITS - (values * BITS - values))


def _legs(inputs: SessionInputs, day: DayConstants, places: Ints, lag: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Contracts traded and held, volatility and leg weight [M, S, 2]."""
    traded = _at(inputs.chain_volume, places, lag) / day.lot
    held = _at(inputs.chain_oi, places, lag) / day.lot
    weight = day.volume_share * np.minimum(traded / day.volume_median, day.volume_cap) + day.oi_share * np.minimum(
        held / day.oi_median, day.oi_cap
    )
    return traded, held, _known(_at(inputs.volatility[:, NEAR], places, lag)), weight


def _exposure(inputs: SessionInputs, day: DayConstants, places: Ints, lag: int) -> Floats:
    """Leg weight times Greek [M, S, 2, 7] of this minute's strikes ``lag`` minutes ago, same expiry only."""
    # over five minutes the Greeks alone move, over fifteen the weights too
    *_, weight = _legs(inputs, day, places, 0 if lag == EXPOSURE_LAGS[WEIGHT_HELD] else lag)
    same = lagged(inputs.expiry.astype(float), lag) == inputs.expiry
    forward = np.where(same, lagged(inputs.forward, lag), np.nan)[:, None, None]
    per_basis_point = 1e4 / forward
    unit = {"gamma": forward / 100, "theta": per_basis_point, "vega": per_basis_point, "volga": per_basis_point}
    legs = [
        weight * _known(_at(getattr(inputs, name), places, lag)) * unit.get(name, np.ones_like(forward))
        for name in GREEKS
    ]
    return np.where(same[:, None, None, None], np.stack(legs, axis=-1), np.nan)


def _net(legs: Floats) -> Floats:
    """Exposure of a straddle [M, 7] from that of its legs [M, 2, 7], calls speaking for a rise."""
    total, difference = legs[:, CALL] + legs[:, PUT], legs[:, CALL] - legs[:, PUT]
    difference[:, THETA] *= -1
    return np.where(np.isin(np.arange(7), (DELTA, VANNA, CHARM)), total, difference)


def _side(exposure: Floats, greek: int, side: int, least: int) -> Floats:
    """Sum of one side over the set [M]; NaN with fewer than ``least`` legs."""
    legs = exposure[:, :, side, greek]
    return np.where(np.isfinite(legs).sum(axis=1) >= least, np.nansum(legs, axis=1), np.nan)


def _held(exposure: list[Floats], lag: int, greek: int, least: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Call and put side now, then ``lag`` minutes ago, over the legs known at both times."""
    now, then = exposure[0][..., greek], exposure[{5: 1, 15: 2}[lag]][..., greek]
    both = np.isfinite(now) & np.isfinite(then)
    few = (both.sum(axis=1) < least).any(axis=1)
    sums = [
        np.where(few, np.nan, np.where(both, x, 0.0)[:, :, side].sum(axis=1)) for x in (now, then) for side in (0, 1)
    ]
    return sums[0], sums[1], sums[2], sums[3]


def _first_order(
    inputs: SessionInputs, places: Ints, exposure: list[Floats], z: Floats, day: DayConstants, out: Columns
) -> None:
    """Columns of group first_order."""
    least = day.least_strikes
    for g, greek in enumerate(FIRST):
        call, put = (_side(exposure[0], g, side, least) for side in (CALL, PUT))
        for side, total in zip(SIDES, (call, put), strict=True):
            out[f"first_order_{greek}_{side}"] = total
        for i, a in enumerate(STRADDLES):
            out[f"first_order_{greek}_{a}"] = z[:, i, g]
        out[f"first_order_imbalance_{greek}"] = imbalance(abs(call), abs(put))
        call, put, call_then, put_then = map(np.abs, _held(exposure, 5, g, least))
        out[f"first_order_velocity_{greek}_5"] = per(call + put - (call_then + put_then), call_then + put_then)
        call, put, call_then, put_then = map(np.abs, _held(exposure, 15, g, least))
        out[f"first_order_shift_{greek}_15"] = imbalance(call, put) - imbalance(call_then, put_then)
    gamma, theta = (_side(exposure[0], g, CALL, least) + _side(exposure[0], g, PUT, least) for g in (GAMMA, THETA))
    gamma = np.where(gamma > 0, gamma, np.nan)
    both = np.where(np.isfinite(exposure[0][..., GAMMA]), exposure[0][..., GAMMA], 0.0).sum(axis=2)
    distance = _strikes(inputs, places) - inputs.forward[:, None]
    out["first_order_gamma_centre"] = np.nan_to_num(both * distance).sum(axis=1) / gamma / inputs.steps
    near = exposure[0][:, day.reach - 1 : day.reach + 2, :, GAMMA].sum(axis=(1, 2))
    out["first_order_gamma_concentration"] = near / gamma
    # back to points and rupees: the move x with gamma x^2 / 2 = |theta|
    forward = inputs.forward
    move = np.sqrt(2 * -theta * forward / 1e4 / (gamma * 100 / forward))
    out["first_order_breakeven_move"] = 100 * move / forward


def _second_order(
    inputs: SessionInputs,
    places: Ints,
    volatility: Floats,
    exposure: list[Floats],
    z: Floats,
    day: DayConstants,
    out: Columns,
) -> None:
    """Columns of group second_order."""
    least = day.least_strikes
    now = exposure[0]
    for i, greek in enumerate(SECOND):
        for side, name in enumerate(SIDES):
            out[f"second_order_{greek}_{name}"] = _side(now, 4 + i, side, least)
        for a, straddle in enumerate(STRADDLES):
            out[f"second_order_{greek}_{straddle}"] = z[:, a, 4 + i]
    both = [_side(now, g, CALL, least) + _side(now, g, PUT, least) for g in range(7)]
    size = [[_side(np.abs(now), g, side, least) for side in (CALL, PUT)] for g in range(7)]
    held_delta = size[DELTA][0] + size[DELTA][1]
    out["second_order_charm_drift"] = per(both[CHARM], held_delta)
    out["second_order_vanna_drift"] = per(both[VANNA], held_delta)
    out["second_order_convexity"] = per(both[VOLGA], both[VEGA])
    out["second_order_imbalance_volga"] = imbalance(*size[VOLGA])
    strike = _strikes(inputs, places)
    beyond = [strike > inputs.forward[:, None], strike < inputs.forward[:, None]]
    legs = [np.where(beyond[side], now[:, :, side, VANNA], np.nan) for side in (CALL, PUT)]
    few = np.stack([np.isfinite(x).sum(axis=1) < day.least_wing for x in legs]).any(axis=0)
    call, put = (np.nansum(np.abs(x), axis=1) for x in legs)
    out["second_order_imbalance_wings"] = np.where(few, np.nan, imbalance(call, put))
    for name, above, below, way in (("vanna", VANNA, DELTA, -1), ("convexity", VOLGA, VEGA, 1)):
        of, by = _held(exposure, 15, above, least), _held(exposure, 15, below, least)
        before = per(of[2] + of[3], by[2] + way * by[3])
        out[f"second_order_{name}_shift_15"] = per(of[0] + of[1], by[0] + way * by[1]) - before
    found = black76_greeks(
        inputs.forward[:, None, None], strike[..., None], inputs.years[:, NEAR, None, None], volatility, np.arange(2.0)
    )
    forward = inputs.forward[:, None, None]
    total = np.where(both[GAMMA] > 0, both[GAMMA], np.nan)
    # relative changes of a leg's gamma, by its share of the exposure; a leg without gamma has none
    lives = now[..., GAMMA] > 0
    for name, change in (("speed", found.speed * forward / 100), ("zomma", found.zomma), ("color", found.color)):
        legs_of = np.where(lives, now[..., GAMMA] * (change / found.gamma), 0.0)
        out[f"second_order_{name}"] = legs_of.sum(axis=(1, 2)) / total


def _dte(
    inputs: SessionInputs,
    places: Ints,
    legs: tuple[Floats, Floats, Floats],
    exposure: Floats,
    greeks: Floats,
    verdict: tuple[Floats, Floats],
    day: DayConstants,
    out: Columns,
) -> None:
    """Columns of group dte; the percentile is the component's."""
    held, volatility, weight = legs
    days = np.clip(inputs.dte, 0, len(day.multipliers) - 1)
    force = day.weights * day.multipliers[days]
    parts = np.empty(greeks.shape)
    for share, part in zip(day.order_shares, (slice(0, 4), slice(4, 7)), strict=True):
        parts[:, part] = share * force[:, part] * greeks[:, part] / force[:, part].sum(axis=1)[:, None]
    for g, greek in enumerate((*FIRST, *SECOND)):
        out[f"dte_contribution_{greek}"] = parts[:, g]
    total, size = parts.sum(axis=1), np.abs(parts).sum(axis=1)
    out["dte_score"] = total
    out["dte_score_percentile"] = np.full(total.size, np.nan)
    out["dte_concentration"] = np.where(size > 0, np.abs(parts).max(axis=1) / size, np.nan)
    out["dte_conflict"] = np.where(size > 0, 1 - np.abs(total) / size, np.nan)

    forward, years, middle = inputs.forward, inputs.years[:, NEAR], day.reach
    theta = -exposure[:, middle, :, THETA].sum(axis=1) * forward / 1e4
    gamma = exposure[:, middle, :, GAMMA].sum(axis=1) * 100 / forward
    premium = (weight[:, middle] * inputs.bars[:, [3, 6], CLOSE]).sum(axis=1)
    out["dte_decay_rate"] = per(theta, premium)
    same = lagged(inputs.expiry.astype(float), 1) == inputs.expiry
    change = np.where(same, forward - lagged(forward, 1), np.nan)
    for n in (15, 60):
        gain = 0.5 * gamma * sum_of(change**2, n, day.enough) / enough_in_window(change, n)
        ratio = gain / (theta / 1440)
        out[f"dte_gamma_gain_{n}"] = np.where((gain > 0) & (theta > 0), np.log(ratio), np.nan)

    strikes = _strikes(inputs, places)
    iv = volatility.mean(axis=2)
    low, at, high = (strikes[:, middle + step] for step in (-1, 0, 1))
    between = iv[:, middle - 1] + (iv[:, middle + 1] - iv[:, middle - 1]) * np.log(at / low) / np.log(high / low)
    width = forward * np.where(np.isnan(iv[:, middle]), between, iv[:, middle]) * np.sqrt(years)
    oi = held.sum(axis=2)
    known = np.isfinite(oi).sum(axis=1) >= day.least_strikes
    best = np.argmax(np.where(np.isfinite(oi), oi, -1.0), axis=1)
    rows = np.arange(best.size)
    known &= oi[rows, best] > 0
    distance = np.where(known, (forward - strikes[rows, best]) / width, np.nan)
    out["dte_pin_distance"] = distance
    both = _side(exposure, GAMMA, CALL, day.least_strikes) + _side(exposure, GAMMA, PUT, day.least_strikes)
    share = np.where(known & (both > 0), exposure[rows, best, :, GAMMA].sum(axis=1) / both, np.nan)
    out["dte_pin_gamma_share"] = share
    out["dte_pin_oi_share"] = np.where(known, oi[rows, best] / np.nansum(oi, axis=1), np.nan)
    near = out["first_order_gamma_concentration"]
    out["dte_pin_risk"] = day.pin[days] * near * np.exp(-(distance**2) / 2) / (1 + 365 * years)
    score, sure = verdict
    caught = np.minimum(day.transition_score_cap, np.abs(score)) * sure * day.transition[days]
    out["dte_transition_probability"] = np.minimum(day.transition_cap, caught)
    centre = []
    for side in (CALL, PUT):
        legs_of = exposure[:, :, side, GAMMA]
        weight_of = _side(exposure, GAMMA, side, day.least_strikes)
        steps = np.nansum(legs_of * (np.arange(legs_of.shape[1]) - middle), axis=1)
        centre.append(per(steps, weight_of) * inputs.steps)
    out["dte_gamma_gap"] = (centre[0] - centre[1]) / width


def _flow(inputs: SessionInputs, places: Ints, traded: Floats, at: list[int]) -> Columns:
    """Sums of the six legs a minute behind the two flows [M]."""
    m = inputs.minutes.size
    price, before = (x.reshape(m, 3, 2) for x in (inputs.bars[:, SIX, CLOSE], inputs.held[:, SIX, 0]))
    same = lagged(inputs.expiry.astype(float), 1) == inputs.expiry
    same &= inputs.expiry >= 0
    move = np.where(same, inputs.forward - lagged(inputs.forward, 1), np.nan)[:, None, None]
    volume = traded[:, at]
    delta, vega = (_known(_at(field, places, 0))[:, at] for field in (inputs.delta, inputs.vega))
    left_over = price - before - delta * move
    way = np.where(np.abs(left_over) <= FLAT * price, 0.0, np.sign(left_over))
    known = np.isfinite(left_over) & np.isfinite(volume)
    none = ~known.any(axis=(1, 2))

    def legs(x: Floats) -> Floats:
        return np.where(none, np.nan, np.where(known, x, 0.0).sum(axis=(1, 2)))

    return {
        "delta": legs(way * volume * delta),
        "delta_gross": legs(volume * np.abs(delta)),
        "vega": legs(way * volume * vega),
        "vega_gross": legs(volume * vega),
    }


def _sentiment(
    inputs: SessionInputs,
    straddle: Floats,
    overall: Floats,
    greeks: Floats,
    active: Floats,
    flow: Columns,
    day: DayConstants,
    out: Columns,
) -> None:
    """Columns of group sentiment."""
    for i, a in enumerate(STRADDLES):
        out[f"sentiment_score_{a}"] = straddle[:, i]
    known = np.isfinite(overall)
    level = (overall[:, None] >= day.cuts[3:]).sum(axis=1) - (overall[:, None] <= day.cuts[:3]).sum(axis=1)
    out["sentiment_level"] = np.where(known, level, np.nan)
    out["sentiment_level_age"] = ages(out["sentiment_level"])
    distance = overall[:, None] - day.cuts
    nearest = np.argmin(np.abs(distance), axis=1)
    out["sentiment_cut_distance"] = distance[np.arange(nearest.size), nearest]
    out["sentiment_mean_15"] = np.where(known, mean_of(overall, 15, day.enough), np.nan)
    out["sentiment_change_5"] = overall - lagged(overall, 5)
    out["sentiment_dispersion_15"] = np.where(known, std_of(overall, 15, day.enough), np.nan)
    out["sentiment_agreement"] = 1 - dispersion(straddle)
    shares = np.concatenate(
        [day.order_shares[i] * day.weights[p] / day.weights[p].sum() for i, p in enumerate((slice(0, 4), slice(4, 7)))]
    )
    agrees = np.sign(greeks) == np.sign(overall)[:, None]
    out["sentiment_greek_agreement"] = np.where(known, (agrees * shares).sum(axis=1), np.nan)
    usual = (day.volume_median, day.oi_median, day.large_flow)
    for i, name in enumerate(("volume_ratio", "oi_ratio", "flow_size")):
        out[f"sentiment_{name}"] = np.where(active[:, i] > 0, np.log(active[:, i] / usual[i]), np.nan)
    for name in ("delta", "vega"):
        above = sum_of(flow[name], 5, day.enough)
        out[f"sentiment_{name}_flow_5"] = per(above, sum_of(flow[f"{name}_gross"], 5, day.enough))
    out["sentiment_lead_correlation_60"] = lead_correlation(overall, inputs.underlying[:, CLOSE], 60, 5, day.enough)
    out["sentiment_persistence_30"] = same_sign_share(overall, 30, day.enough)
