"""C4 as it would be written on a blackboard: one smile at a time, then whole-session series, by name.

The compiled pass is compared with this one. Nothing is carried but what the next session reads: each call starts from
the open again.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from mr_platform.features.c4_iv_skew import reference_smile as smiles
from mr_platform.features.c4_iv_skew.catalogue import DISTANCES, PATTERNS, features
from mr_platform.features.c4_iv_skew.dual import MINUTES
from mr_platform.features.c4_iv_skew.reference_series import (
    deviation_of,
    mean_of,
    mean_square,
    ranked,
    regression_of,
    run_lengths,
    session_place,
)
from mr_platform.features.c4_iv_skew.state import (
    ATM_IV,
    BUTTERFLY,
    MINUTES_A_YEAR,
    N_QUANTITIES,
    REVERSAL,
    TERM_SLOPE,
    Carried,
    DayConstants,
    Floats,
)
from mr_platform.kernels.reference.windows import lagged

NEAR, NEXT, FAR = range(3)
FLAT = 1e-12
Ints = np.ndarray
Columns = dict[str, Floats]


def run(
    strikes: Floats,
    volatility: Floats,
    forwards: Floats,
    years: Floats,
    days: Ints,
    at_money: Ints,
    steps: Floats,
    start: int,
    stop: int,
    day: DayConstants,
    carried: Carried,
    values: Floats,
    score: Floats,
    confidence: Floats,
    health: np.ndarray,
) -> None:
    """Fill minutes [start, stop); arguments as in ``cpu.run``. Of ``carried`` the quantities are written."""
    rows = slice(start, stop)
    columns: Columns = {spec.name.removeprefix("c4_"): np.full(stop, np.nan) for spec in features()}
    with np.errstate(all="ignore"):
        atm, wings, explained = _smiles(strikes, volatility[:stop], forwards, years, at_money, steps, day, columns)
        _moves(strikes, volatility[:stop], forwards, years, days[:stop], at_money, atm, day, columns)
        quantities = _term(atm, wings, years[:stop], days[:stop], day, columns)
        _dual(atm, forwards[:stop], years[:stop], days[:stop], quantities, day, columns)
        _regime(atm, wings, days[:stop], quantities, day, columns)
        verdict, sure, state = _verdict(atm, explained, days[:stop], day, columns)
    carried.quantities[rows] = quantities[rows]
    for i, spec in enumerate(features()):
        values[rows, i] = columns[spec.name.removeprefix("c4_")][rows]
    score[rows], confidence[rows], health[rows] = verdict[rows], sure[rows], state[rows]


def _smiles(
    strikes: Floats,
    volatility: Floats,
    forwards: Floats,
    years: Floats,
    at_money: Ints,
    steps: Floats,
    day: DayConstants,
    out: Columns,
) -> tuple[Floats, Floats, Floats]:
    """Columns of single smiles; ATM volatility [M, 3], wings [M, role, delta, side] and R^2 of the near fit [M]."""
    m = volatility.shape[0]
    atm, wings, explained = np.full((m, 3), np.nan), np.full((m, 2, 2, 2), np.nan), np.full(m, np.nan)
    for t in range(m):
        for role in range(3):
            atm[t, role] = smiles.atm_volatility(strikes, volatility[t, role], at_money[t, role], steps[t])
        for role in (NEAR, NEXT):
            smile = smiles.smile_of(strikes, volatility[t, role], forwards[t, role], years[t, role], atm[t, role])
            for i, delta in enumerate(day.wing_deltas):
                for j, side in enumerate((smiles.PUT, smiles.CALL)):
                    wings[t, role, i, j] = smiles.wing(smile, side, delta, day.least_strikes)
            slope, curvature, error, fitted = smiles.parabola(smile, day.least_strikes)
            if role == NEXT and day.smile_on:
                out["dual_dte_smile_slope_next"][t] = slope
            elif role == NEAR and day.smile_on and smile.iv.size >= day.least_strikes:
                out["skew_smile_slope"][t], out["skew_smile_curvature"][t] = slope, curvature
                out["skew_smile_error"][t], explained[t] = error, fitted
                out["skew_put_slope"][t] = smiles.side_slope(smile, smiles.PUT)
                out["skew_call_slope"][t] = smiles.side_slope(smile, smiles.CALL)
                out["skew_asymmetry"][t] = smiles.asymmetry(smile, day.asymmetry)
        k = at_money[t, NEAR]
        for points, n in zip(DISTANCES, day.reversal_steps, strict=True):
            found = smiles.distant_reversal(strikes, volatility[t, NEAR], k, n * steps[t])
            out[f"skew_distance_reversal_{points}"][t] = found
        *_, inner, n = day.reversal_steps
        while np.isnan(out["skew_distance_reversal_1000"][t]) and n - 1 > inner:
            n -= 1
            found = smiles.distant_reversal(strikes, volatility[t, NEAR], k, n * steps[t])
            out["skew_distance_reversal_1000"][t] = found
        if k >= 0:
            out["skew_parity_gap_atm"][t] = volatility[t, NEAR, k, 0] - volatility[t, NEAR, k, 1]
    for i, delta in ((1, 25), (0, 10)):
        put, call = wings[:, NEAR, i, 0], wings[:, NEAR, i, 1]
        out[f"skew_put_skew_{delta}"] = put - atm[:, NEAR]
        out[f"skew_call_skew_{delta}"] = call - atm[:, NEAR]
        out[f"skew_risk_reversal_{delta}"] = call - put
        out[f"skew_butterfly_{delta}"] = (put + call) / 2 - atm[:, NEAR]
    out["skew_normalised_reversal_25"] = out["skew_risk_reversal_25"] / atm[:, NEAR]
    out["dual_dte_risk_reversal_next"] = wings[:, NEXT, 1, 1] - wings[:, NEXT, 1, 0]
    out["dual_dte_butterfly_next"] = wings[:, NEXT, 1].mean(axis=1) - atm[:, NEXT]
    return atm, wings, explained


def _moves(
    strikes: Floats,
    volatility: Floats,
    forwards: Floats,
    years: Floats,
    days: Ints,
    at_money: Ints,
    atm: Floats,
    day: DayConstants,
    out: Columns,
) -> None:
    """Changes of the volatility of strikes held, and what is made of them."""
    both = volatility.mean(axis=3)
    m = both.shape[0]

    def held(t: int, lag: int, role: int) -> float:
        if t < lag or at_money[t, role] < 0 or days[t, role] < 0 or days[t, role] != days[t - lag, role]:
            return float("nan")
        return float(both[t - lag, role, at_money[t, role]])

    def change(lag: int, role: int) -> Floats:
        return np.array([held(t, 0, role) - held(t, lag, role) for t in range(m)])

    for n, lag in zip(MINUTES, day.momentum.tolist(), strict=True):
        out[f"dual_dte_momentum_near_{n}"] = change(lag, NEAR)
    _, quarter, half_hour, hour = day.momentum.tolist()
    out["dual_dte_momentum_next_15"] = change(quarter, NEXT)
    out["dual_dte_momentum_next_60"] = change(hour, NEXT)
    out["dual_dte_momentum_far_60"] = change(hour, FAR)
    before = np.array([held(t, quarter, NEAR) - held(t, 2 * quarter, NEAR) for t in range(m)])
    out["dual_dte_acceleration_near_15"] = out["dual_dte_momentum_near_15"] - before

    same = np.concatenate([[False], days[1:, NEAR] == days[:-1, NEAR]])
    returns = np.where(same, np.log(forwards[:m, NEAR] / lagged(forwards[:m, NEAR], 1)), np.nan)
    one, one_next = change(1, NEAR), change(1, NEXT)
    out["dual_dte_volatility_near_30"] = deviation_of(one, half_hour, day.enough)
    realised_hour = np.sqrt(mean_square(returns, hour, day.enough)) * np.sqrt(MINUTES_A_YEAR)
    realised_half = np.sqrt(mean_square(returns, half_hour, day.enough)) * np.sqrt(MINUTES_A_YEAR)
    out["dual_dte_realised_spread_60"] = atm[:, NEAR] - realised_hour
    out["dual_dte_realised_ratio_30"] = realised_half / atm[:, NEAR]
    beta, correlation = regression_of(returns, one, hour, day.enough)
    out["dual_dte_spot_beta_60"], out["dual_dte_spot_correlation_60"] = beta, correlation
    out["dual_dte_correlation_next_60"] = regression_of(one, one_next, hour, day.enough)[1]
    if not day.velocity_on:
        return
    moved = np.full((m, 2, 3), np.nan)
    for t in range(m):
        smile = smiles.smile_of(strikes, volatility[t, NEAR], forwards[t, NEAR], years[t, NEAR], atm[t, NEAR])
        for i, lag in enumerate((int(day.momentum[0]), 1)):
            if t >= lag and days[t, NEAR] >= 0 and days[t, NEAR] == days[t - lag, NEAR]:
                moved[t, i] = smiles.surface_move(smile, volatility[t - lag, NEAR], day.least_strikes)
    for i, name in enumerate(("shift", "tilt", "velocity")):
        out[f"dual_dte_surface_{name}_5"] = moved[:, 0, i]
    velocity = moved[:, 1, 2]
    mean = lagged(mean_of(velocity, hour, day.enough), 1)
    deviation = lagged(deviation_of(velocity, hour, day.enough), 1)
    abnormal = (velocity - mean) / (deviation * day.abnormal)
    out["regime_surface_abnormality"] = np.where(deviation > FLAT, abnormal, np.nan)


def _term(atm: Floats, wings: Floats, years: Floats, days: Ints, day: DayConstants, out: Columns) -> Floats:
    """Columns of group term; the quantities [M, 4] that are kept for later sessions."""
    near, following, far = atm.T
    t1, t2, t3 = years.T
    quantities = np.full((near.size, N_QUANTITIES), np.nan)
    quantities[:, ATM_IV] = near
    quantities[:, REVERSAL] = out["skew_risk_reversal_25"]
    quantities[:, BUTTERFLY] = out["skew_butterfly_25"]
    quantities[:, TERM_SLOPE] = out["term_slope_next"] = following / near - 1
    out["term_slope_far"] = far / near - 1
    between = (following**2 * t2 - near**2 * t1) / (t2 - t1)
    beyond = (far**2 * t3 - following**2 * t2) / (t3 - t2)
    out["term_forward_volatility_next"] = np.sqrt(np.where(between > 0, between, np.nan))
    out["term_forward_volatility_far"] = np.sqrt(np.where(beyond > 0, beyond, np.nan))
    out["term_forward_premium"] = out["term_forward_volatility_next"] / near - 1
    slopes = np.stack([out["term_slope_next"], far / following - 1], axis=1)
    graded = np.clip(np.where(slopes >= 0, slopes / day.contango, -slopes / day.backwardation), -1, 1)
    smooth = mean_of(_known_mean(graded), int(day.momentum[1]), day.enough)
    out["term_contango_15"] = np.where(np.isnan(near), np.nan, smooth)
    for n, i in ((15, 1), (60, 3)):
        lag = int(day.momentum[i])
        same = (days == lagged(days.astype(float), lag)) & (days >= 0)
        change = quantities[:, TERM_SLOPE] - lagged(quantities[:, TERM_SLOPE], lag)
        out[f"term_momentum_slope_{n}"] = np.where(same[:, NEAR] & same[:, NEXT], change, np.nan)
    out["term_reversal_gap"] = out["dual_dte_risk_reversal_next"] - quantities[:, REVERSAL]
    out["term_butterfly_gap"] = out["dual_dte_butterfly_next"] - quantities[:, BUTTERFLY]
    out["term_curvature"] = following - near - (far - near) * np.log(t2 / t1) / np.log(t3 / t1)
    out["term_variance_share_near"] = near**2 * t1 / (far**2 * t3)
    return quantities


def _known_mean(values: Floats) -> Floats:
    """Mean over the last axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0).sum(axis=1) / known.sum(axis=1))


def _dual(
    atm: Floats, forwards: Floats, years: Floats, days: Ints, quantities: Floats, day: DayConstants, out: Columns
) -> None:
    """Levels and ranks of group dual_dte."""
    near = atm[:, NEAR]
    for role, name in enumerate(("near", "next", "far")):
        out[f"dual_dte_atm_iv_{name}"] = atm[:, role]
    out["dual_dte_expected_move_near"] = near * np.sqrt(years[:, NEAR])
    place = session_place(near, days[:, NEAR], day.percentile_least)
    for name, column in zip(("rank", "percentile", "zscore"), place, strict=True):
        out[f"dual_dte_session_{name}"] = column
    at_dte = days[:, NEAR] == day.dte
    histories = {
        "specific": (day.specific_values, day.specific_below, day.specific_trust),
        "range": (day.range_values, day.range_below, day.range_trust),
    }
    wanted = (
        ("percentile_atm_specific", ATM_IV),
        ("percentile_atm_range", ATM_IV),
        ("percentile_reversal_specific", REVERSAL),
        ("percentile_reversal_range", REVERSAL),
        ("percentile_butterfly_range", BUTTERFLY),
        ("percentile_term_range", TERM_SLOPE),
    )
    for name, q in wanted:
        values, below, trust = histories[name.rsplit("_", 1)[1]]
        if trust[q]:
            found = np.where(at_dte, ranked(values[q], below[q], quantities[:, q]), np.nan)
            out[f"dual_dte_{name}"] = found
    out["dual_dte_percentile_atm_blend"] = _blend(near, day, out)
    if day.specific_trust[ATM_IV]:
        kept = day.specific_values[ATM_IV, : day.specific_known[ATM_IV]]
        mine = np.where(at_dte, near, np.nan)
        low = np.fmin(np.fmin.accumulate(mine), kept[0])
        high = np.fmax(np.fmax.accumulate(mine), kept[-1])
        out["dual_dte_rank_atm_specific"] = np.where(high > low, (mine - low) / (high - low), np.nan)


def _blend(near: Floats, day: DayConstants, out: Columns) -> Floats:
    """The percentile in force."""
    expected = ndtr(np.log(near / day.typical) / day.typical_spread)
    specific, ranged = out["dual_dte_percentile_atm_specific"], out["dual_dte_percentile_atm_range"]
    little = min(day.percentile_least / day.consistency_count, 1)
    sure = [
        np.where(np.isnan(x), little, min(n[ATM_IV] / day.consistency_count, 1))
        for x, n in ((specific, day.specific_seen), (ranged, day.range_seen))
    ]
    a, b = (np.where(np.isnan(x), expected, x) for x in (specific, ranged))
    by_number = (sure[0] * a + sure[1] * b) / (sure[0] + sure[1])
    blend = np.where(1 - np.abs(a - b) > day.consistency, (a + b) / 2, by_number)
    return np.where(np.isnan(near), np.nan, blend)


def _levels(share: Floats, day: DayConstants) -> Floats:
    """Number of cuts at or below a share."""
    return np.where(np.isnan(share), np.nan, np.searchsorted(day.level_cuts, share, side="right"))


def _regime(atm: Floats, wings: Floats, days: Ints, quantities: Floats, day: DayConstants, out: Columns) -> None:
    """Group regime but the surface's abnormality, and the momentum of the risk reversal."""
    near, hour = atm[:, NEAR], int(day.momentum[3])
    out["regime_level"] = _levels(out["dual_dte_percentile_atm_blend"], day)
    out["regime_level_session"] = _levels(out["dual_dte_session_percentile"], day)
    out["regime_level_run"] = run_lengths(out["regime_level_session"])

    put, call = out["skew_put_skew_25"] / near, out["skew_call_skew_25"] / near
    likeness = []
    for (name, _), (to_put, to_call) in zip(PATTERNS, day.prototypes, strict=True):
        square = (put - to_put) ** 2 + (call - to_call) ** 2
        likeness.append(1 / (1 + square / day.pattern_width**2))
        out[f"regime_pattern_{name}"] = likeness[-1]
    out["regime_pattern_confidence"] = np.max(likeness, axis=0) / np.sum(likeness, axis=0)
    differential = _known_mean(-np.stack([out["skew_risk_reversal_25"], out["skew_risk_reversal_10"]], axis=1))
    fear = np.interp(differential, day.fear_points[0], day.fear_points[1])
    out["regime_fear"] = np.where(np.isnan(differential), np.nan, fear)

    def since(x: Floats, lag: int) -> Floats:
        same = (days[:, NEAR] >= 0) & (days[:, NEAR] == lagged(days[:, NEAR].astype(float), lag))
        return np.where(same, x - lagged(x, lag), np.nan)

    for n, lag in zip(MINUTES, day.momentum.tolist(), strict=True):
        out[f"skew_momentum_reversal_{n}"] = since(quantities[:, REVERSAL], lag)
    wing = wings[:, NEAR, 1].mean(axis=1)
    out["regime_wing_momentum_15"] = since(wing, int(day.momentum[1]))
    moves = ("skew_momentum_reversal_15", "dual_dte_momentum_near_15", "regime_wing_momentum_15")
    pressures = np.stack([np.abs(out[name]) / cut for name, cut in zip(moves, day.transitions, strict=True)])
    out["regime_transition_pressure_15"] = np.fmax.reduce(pressures)
    variation = deviation_of(near, hour, day.enough) / mean_of(near, hour, day.enough)
    out["regime_variation_60"] = np.where(np.isnan(near), np.nan, variation)
    signs = np.stack([np.sign(out[f"dual_dte_momentum_near_{n}"]) for n in MINUTES], axis=1)
    enough = np.isfinite(signs).sum(axis=1) >= 2
    out["regime_momentum_agreement"] = np.where(enough, _known_mean(signs), np.nan)


def _verdict(
    atm: Floats, explained: Floats, days: Ints, day: DayConstants, out: Columns
) -> tuple[Floats, Floats, np.ndarray]:
    """Score, confidence and health."""
    parts = np.stack(
        [
            out["dual_dte_percentile_atm_blend"],
            (1 + out["regime_fear"]) / 2,
            (1 + np.clip(out["dual_dte_momentum_near_15"] / day.transitions[1], -1, 1)) / 2,
            (1 - out["term_contango_15"]) / 2,
        ],
        axis=1,
    )
    known = np.isfinite(parts)
    spoke = np.where(known, day.score_weights, 0).sum(axis=1)
    score = np.clip(np.where(known, parts * day.score_weights, 0).sum(axis=1) / spoke, 0, 1)
    score[np.isnan(atm[:, NEAR])] = np.nan
    at_dte = days[:, NEAR] == day.dte
    learned = np.zeros(spoke.size)
    for trust, seen in ((day.specific_trust, day.specific_seen), (day.range_trust, day.range_seen)):
        if trust[ATM_IV]:
            learned += np.where(at_dte, 0.5 * min(seen[ATM_IV] / day.consistency_count, 1), 0)
    fit = np.clip(np.nan_to_num(explained, nan=0.0), 0, 1)
    abnormal = out["regime_surface_abnormality"]
    calm = np.where(abnormal > 1, 1 / abnormal, 1.0)
    sure = np.minimum(spoke, 1) * calm * (day.history_share * learned + (1 - day.history_share) * fit)
    complete = (spoke > 1 - 1e-9) & np.isfinite(explained) & at_dte & bool(day.range_trust[ATM_IV])
    unknown = np.isnan(score)
    health = np.where(unknown, 0, np.where(complete, 2, 1)).astype(np.int8)
    return score, np.where(unknown, 0.0, sure), health
