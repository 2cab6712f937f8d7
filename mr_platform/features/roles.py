"""Compiled inputs by role: for each minute, what is read of the nearest expiry, the next and the far one.

A tick has few minutes; as array expressions they cost more to set up than to compute.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def fill_roles(
    roles,
    chain_days,
    chain_forward,
    chain_years,
    chain_atm,
    chain_step,
    listed,
    start,
    stop,
    expiry,
    days,
    dte,
    forwards,
    forward,
    years,
    at_money,
    steps,
    around,
    strikes,
):
    """Minutes [start, stop) of ``SessionInputs``' fields of these names, from what the chain has by expiry.

    ``roles`` int64 [M, 3] index of the expiry in each role, -1 where not filled; ``chain_days`` [E]; ``chain_forward``,
    ``chain_atm`` and ``chain_step`` [M, E]; ``chain_years`` [stop - start, E]; ``listed`` [K] strikes, ascending.
    """
    reach = around.shape[1] // 2
    for t in range(start, stop):
        for role in range(roles.shape[1]):
            e = roles[t, role]
            known = e >= 0
            days[t, role] = chain_days[e] if known else -1
            forwards[t, role] = chain_forward[t, e] if known else np.nan
            years[t, role] = chain_years[t - start, e] if known else np.nan
            at_money[t, role] = chain_atm[t, e] if known else -1
        e = roles[t, 0]
        expiry[t] = e
        dte[t] = days[t, 0]
        forward[t] = forwards[t, 0]
        steps[t] = chain_step[t, e] if e >= 0 else np.nan
        around[t] = -1
        atm = at_money[t, 0]
        if atm >= 0:
            k = np.searchsorted(listed, listed[atm] - reach * steps[t])
            for j in range(-reach, reach + 1):
                wanted = listed[atm] + j * steps[t]
                while k < listed.size and listed[k] < wanted:
                    k += 1
                if k < listed.size and listed[k] == wanted:
                    around[t, reach + j] = k
        strikes[t, 0] = around[t, reach]
        strikes[t, 1] = around[t, reach - 1]
        strikes[t, 2] = around[t, reach + 1]


@njit(cache=True)
def ruling_of(expiry):
    """The one expiry of all minutes [M] that know theirs; -1 where there are several, or none."""
    found = -1
    for e in expiry:
        if e >= 0:
            if found >= 0 and found != e:
                return -1
            found = e
    return found


@njit(cache=True)
def closes_of(close, roles, start, stop, out):
    """Closes [M, E, K, 2] of the first roles in minutes [start, stop) into ``out`` [minutes, R, K, 2]; NaN where there
    is no such expiry."""
    for t in range(start, stop):
        for role in range(out.shape[1]):
            e = roles[t, role]
            if e >= 0:
                out[t - start, role] = close[t, e]
            else:
                out[t - start, role] = np.nan


@njit(cache=True)
def keep_inside(found, splitter, lowest, highest, start, out):
    """Volatilities [minutes, R, K, 2] from minute ``start`` on into ``out`` [M, 3, K, 2]: less the bits that Dekker's
    ``splitter`` splits off, NaN outside of the limits."""
    for t in range(found.shape[0]):
        for role in range(found.shape[1]):
            for k in range(found.shape[2]):
                for leg in range(2):
                    lifted = found[t, role, k, leg] * splitter
                    x = lifted - (lifted - found[t, role, k, leg])
                    out[start + t, role, k, leg] = np.nan if x < lowest or x > highest else x
