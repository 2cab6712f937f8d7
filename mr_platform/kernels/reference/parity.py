"""Put-call parity: the synthetic forward of each expiry, and its at-the-money strike."""

from __future__ import annotations

import numpy as np

REACH = 5
"""Strikes this many steps either side of the centre take part in the median."""
FEWEST_PAIRS = 3
FEWEST_STRIKES = 6
"""Strikes seen around k0 before their distance may tell the expiry's own step."""


def forward_and_atm(
    close: np.ndarray,
    strikes: np.ndarray,
    fallback: np.ndarray,
    listed_step: float,
    paired: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forward, at-the-money strike and strike step of every minute and expiry.

    With k0 the strike of least |C - P| among those with both closes, the forward is the median of K + C - P over the
    strikes within five steps of k0, k0 itself left out, if those are at least three; else ``fallback``. (At k0 alone
    call and put would be twins by construction.) The ATM strike is the one of least |K - forward| among strikes with
    both closes. Ties go to the lower strike.

    The step is ``listed_step``, or the least distance between neighbouring strikes within five places of k0 that had
    both closes in some minute so far, where that is wider (far expiries list every second strike or fewer). Fewer than
    six such strikes prove nothing: in the first minutes of a thin session round strikes trade first.

    Shapes: ``close`` [D, M, E, K, 2] (call, put), ``strikes`` [K] ascending, ``fallback`` [D, M] (future, else spot);
    ``paired`` bool [D, E, K], the strikes that had both closes before the first minute given: state, updated in place,
    all False at the open. Returns forward [D, M, E] (NaN: no pairs and no fallback), index of the ATM strike int64
    [D, M, E] (-1: none), step [D, M, E].
    """
    days, minutes, n_expiries, _, _ = close.shape
    forward = np.full((days, minutes, n_expiries), np.nan)
    atm = np.full((days, minutes, n_expiries), -1, np.int64)
    step = np.full((days, minutes, n_expiries), listed_step)
    for d, t, e in np.ndindex(days, minutes, n_expiries):
        calls, puts = close[d, t, e, :, 0], close[d, t, e, :, 1]
        both = np.flatnonzero(~np.isnan(calls) & ~np.isnan(puts))
        forward[d, t, e] = fallback[d, t]
        paired[d, e, both] = True
        if both.size == 0:
            continue
        k0 = both[np.argmin(np.abs(calls[both] - puts[both]))]
        seen = np.flatnonzero(paired[d, e])
        place = int(np.searchsorted(seen, k0))
        around = strikes[seen[max(place - REACH, 0) : place + REACH + 1]]
        if around.size >= FEWEST_STRIKES:
            step[d, t, e] = max(listed_step, float(np.diff(around).min()))
        near = both[(np.abs(strikes[both] - strikes[k0]) <= REACH * step[d, t, e]) & (both != k0)]
        if near.size >= FEWEST_PAIRS:
            forward[d, t, e] = np.median(strikes[near] + calls[near] - puts[near])
        if not np.isnan(forward[d, t, e]):
            atm[d, t, e] = both[np.argmin(np.abs(strikes[both] - forward[d, t, e]))]
    return forward, atm, step


def expiries_in_sight(present: np.ndarray, monthly: np.ndarray, months: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Nearest, next, monthly and far expiry among those seen so far in the session; int64 [D, M, 4], -1 where none.

    Nearest has the least days to expiry, next the second least. Monthly is the nearest that is the last of its month:
    no later expiry of that month has been seen and ``monthly`` allows it. Far is the nearest such beyond next.

    Shapes: ``present`` bool [D, M, E] (expiries ascending), ``monthly`` bool [E] whether the date can be its month's
    last expiry, ``months`` int64 [E]; ``seen`` bool [D, E] is state, updated in place, all False at the open.
    """
    days, minutes, _ = present.shape
    out = np.full((days, minutes, 4), -1, np.int64)
    for d, t in np.ndindex(days, minutes):
        seen[d] |= present[d, t]
        at = np.flatnonzero(seen[d])
        out[d, t, : min(at.size, 2)] = at[:2]
        last_ones = [e for e in at if monthly[e] and not np.any(months[at[at > e]] == months[e])]
        beyond = [e for e in last_ones if at.size > 1 and e > at[1]]
        out[d, t, 2] = last_ones[0] if last_ones else -1
        out[d, t, 3] = beyond[0] if beyond else -1
    return out
