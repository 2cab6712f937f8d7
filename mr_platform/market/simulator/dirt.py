"""Planted flaws: what real chains look like, at configured rates, with a count of what was planted.

Every row carries at most one flaw, so that what validation finds can be compared with what was planted, rule by
rule. Where a rule of the quality room catches a flaw, the count bears that rule's code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mr_platform.market.simulator.parameters import DirtParameters

# Code of the planted flaw by row; 0 is a clean row. The names are those of the counts.
FLAWS = (
    "clean",
    "key_duplicate",
    "both_legs_empty",
    "low_above_high",
    "iv_missing",
    "iv_out_of_range",
    "greek_missing",
    "leg_missing",
    "frozen_snapshot",
)
_DUPLICATE, _EMPTY, _CROSSED, _IV_MISSING, _IV_PERCENT, _GREEK, _LEG, _FROZEN = range(1, 9)
MINUTE_MISSING, PARTIAL_SESSION = "minute_missing", "partial_session"

# A frozen chain repeats its state over so many minutes; from the third repeat on it counts as frozen.
_FROZEN_MINUTES, _FROZEN_FROM = 6, 3
# First minute after the open in which flaws of whole minutes may fall, so that the opening bars stay.
_SETTLED = 5
_PERCENT = 100.0

_LEG_VALUES = ("open", "high", "low", "close", "volume", "oi", "coi", "iv", "delta", "gamma", "theta", "vega", "rho")
_FUTURE_VALUES = ("open", "high", "low", "close", "volume", "oi", "coi")


@dataclass(frozen=True)
class Soiled:
    """The chain's columns with flaws planted, the flaw of each row [row] and the minutes that were removed."""

    columns: dict[str, NDArray]
    flaw: NDArray[np.int8]
    leg_missing: NDArray[np.int8]
    missing_minutes: NDArray[np.int64]
    partial: bool

    def planted(self, before_minute: int) -> dict[str, int]:
        """How many flaws of each kind were planted up to bar number ``before_minute``, not included."""
        counts = np.bincount(self.flaw[self.columns["minute"] < before_minute], minlength=len(FLAWS))
        planted = {name: int(counts[code]) for code, name in enumerate(FLAWS) if code}
        planted[MINUTE_MISSING] = int((self.missing_minutes < before_minute).sum())
        planted[PARTIAL_SESSION] = int(self.partial and planted[MINUTE_MISSING] > 0)
        return planted


def soil(columns: dict[str, NDArray], n_minutes: int, rates: DirtParameters, rng: np.random.Generator) -> Soiled:
    """Plant flaws into the columns of ``chain.build_chain``. Draws do not depend on how far the day is later cut."""
    columns = dict(columns)
    columns, held = _freeze(columns, n_minutes, rates, rng)
    missing, partial = _missing_minutes(n_minutes, rates, rng)
    missing = np.setdiff1d(missing, columns["minute"][held >= 0])
    stays = ~np.isin(columns["minute"], missing)
    columns = {name: values[stays] for name, values in columns.items()}
    held = held[stays]
    flaw = np.where(held >= _FROZEN_FROM, _FROZEN, 0).astype(np.int8)
    # a chain that repeats itself repeats all of it, so its minutes carry no other flaw
    free = held < 0
    leg_missing = np.zeros(flaw.size, np.int8)
    _plant_in_rows(columns, flaw, leg_missing, free, rates, rng)
    columns, flaw, leg_missing = _duplicate(columns, flaw, leg_missing, free, rates, rng)
    unsolved = (flaw == 0) & ((columns["ce_iv"] == 0) | (columns["pe_iv"] == 0))
    flaw[unsolved] = _IV_MISSING
    return Soiled(columns, flaw, leg_missing, missing, partial)


def _freeze(
    columns: dict[str, NDArray], n_minutes: int, rates: DirtParameters, rng: np.random.Generator
) -> tuple[dict[str, NDArray], NDArray[np.int64]]:
    """Repeat one minute's chain over the next minutes, in few sessions.

    Returns the minutes since each row's state was first reported [row], -1 outside such a stretch.
    """
    freezes, where = rng.random(), rng.random()
    span = n_minutes - _SETTLED - _FROZEN_MINUTES
    if freezes >= rates.stale_repeat * n_minutes or span < 1:
        return columns, np.full(columns["minute"].size, -1)
    start = _SETTLED + int(where * span)
    minute = columns["minute"]
    before, source = np.flatnonzero(minute < start), np.flatnonzero(minute == start)
    after = np.flatnonzero(minute >= start + _FROZEN_MINUTES)
    rows = np.concatenate([before, np.tile(source, _FROZEN_MINUTES), after])
    ages = np.repeat(np.arange(_FROZEN_MINUTES), source.size)
    age = np.concatenate([np.full(before.size, -1), ages, np.full(after.size, -1)])
    columns = {name: values[rows] for name, values in columns.items()}
    columns["minute"] = columns["minute"] + np.maximum(age, 0)
    return columns, age


def _missing_minutes(n_minutes: int, rates: DirtParameters, rng: np.random.Generator) -> tuple[NDArray[np.int64], bool]:
    """Bars that are missing altogether: single minutes, and a halt of one to two hours in few sessions."""
    gone = rng.random(n_minutes) < rates.missing_minute
    gone[:_SETTLED] = False
    halts, where, length = rng.random(3)
    partial = bool(halts < rates.partial_session) and n_minutes > 240
    if partial:
        minutes = 60 + int(60 * length)
        start = _SETTLED + int(where * (n_minutes - minutes - _SETTLED))
        gone[start : start + minutes] = True
    return np.flatnonzero(gone), partial


def _plant_in_rows(
    columns: dict[str, NDArray],
    flaw: NDArray[np.int8],
    leg_missing: NDArray[np.int8],
    free: NDArray[np.bool_],
    rates: DirtParameters,
    rng: np.random.Generator,
) -> None:
    """Plant the flaws of single rows in place: each row draws one number, whose place among the rates decides."""
    draw, side = rng.random(flaw.size), rng.random(flaw.size) < 0.5
    prefixes = np.where(side, "ce", "pe")
    edges = np.cumsum(
        [rates.zero_row, rates.crossed_range, rates.iv_zero, rates.iv_percent, rates.missing_greek, rates.missing_leg]
    )
    kind = np.searchsorted(edges, draw, side="right")
    both = ~np.isnan(columns["ce_close"]) & ~np.isnan(columns["pe_close"])
    solved = both & (columns["ce_iv"] > 0) & (columns["pe_iv"] > 0)
    crossed = free & (kind == 1) & solved
    for prefix in ("ce", "pe"):
        mine = prefixes == prefix
        low, high = columns[f"{prefix}_low"].copy(), columns[f"{prefix}_high"].copy()
        swap = crossed & mine & (high > low)
        columns[f"{prefix}_low"] = np.where(swap, high, low)
        columns[f"{prefix}_high"] = np.where(swap, low, high)
        flaw[swap] = _CROSSED
        iv = columns[f"{prefix}_iv"].copy()
        zero, percent = free & (kind == 2) & solved & mine, free & (kind == 3) & solved & mine & (iv > 0.03)
        iv[zero] = 0.0
        iv[percent] *= _PERCENT
        columns[f"{prefix}_iv"] = iv
        flaw[zero], flaw[percent] = _IV_MISSING, _IV_PERCENT
        greek, leg = free & (kind == 4) & solved & mine, free & (kind == 5) & solved & mine
        for name in ("gamma", "vega"):
            columns[f"{prefix}_{name}"] = np.where(greek, np.nan, columns[f"{prefix}_{name}"])
        for name in _LEG_VALUES:
            values = columns[f"{prefix}_{name}"]
            columns[f"{prefix}_{name}"] = np.where(leg, np.nan if values.dtype.kind == "f" else 0, values)
        leg_missing[leg] = 1 if prefix == "ce" else 2
        flaw[greek], flaw[leg] = _GREEK, _LEG
    empty = free & (kind == 0)
    zeroed = [f"{prefix}_{name}" for prefix in ("ce", "pe") for name in _LEG_VALUES]
    zeroed += ["spot", *(f"future_{name}" for name in _FUTURE_VALUES)]
    for name in zeroed:
        columns[name] = np.where(empty, columns[name].dtype.type(0), columns[name])
    flaw[empty] = _EMPTY


def _duplicate(
    columns: dict[str, NDArray],
    flaw: NDArray[np.int8],
    leg_missing: NDArray[np.int8],
    free: NDArray[np.bool_],
    rates: DirtParameters,
    rng: np.random.Generator,
) -> tuple[dict[str, NDArray], NDArray[np.int8], NDArray[np.int8]]:
    """Repeat single rows right after themselves; the repeat carries the flaw."""
    doubled = (rng.random(flaw.size) < rates.duplicate_row) & (flaw == 0) & free
    rows = np.repeat(np.arange(flaw.size), np.where(doubled, 2, 1))
    repeat = np.zeros(rows.size, bool)
    repeat[1:] = rows[1:] == rows[:-1]
    flaw = np.where(repeat, _DUPLICATE, flaw[rows]).astype(np.int8)
    return {name: values[rows] for name, values in columns.items()}, flaw, leg_missing[rows]
