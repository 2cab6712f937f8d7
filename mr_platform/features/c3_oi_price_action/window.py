"""From the inputs of a session to the compiled pass: the strikes that some minutes name, and their recent past."""

from __future__ import annotations

import numpy as np

from mr_platform.features.c3_oi_price_action import cpu
from mr_platform.features.c3_oi_price_action.pieces import atm_points, columns_of, opened_at, running_volume
from mr_platform.features.c3_oi_price_action.state import Carried, DayConstants, Floats, StrikeWindow
from mr_platform.features.component import ComponentOutput
from mr_platform.features.inputs import NEAR, SessionInputs
from mr_platform.kernels.cpu.chain_sums import max_pain


def run(
    inputs: SessionInputs, out: ComponentOutput, start: int, stop: int, day: DayConstants, carried: Carried
) -> None:
    """Fill minutes [start, stop) of ``out``; only inputs before ``stop`` are read."""
    if stop <= start:
        return
    rows = slice(start, stop)
    w = strike_window(inputs, start, stop, day, carried)
    oi = np.ascontiguousarray(inputs.chain_oi[rows])
    strikes = inputs.strikes_listed
    money = np.stack([inputs.forwards[:stop, NEAR], inputs.years[:stop, NEAR], inputs.steps[:stop]], axis=1)
    points = np.full(stop - start, np.nan)
    atm_points(inputs.volatility, inputs.around, strikes, start, stop, points)
    cpu.run(
        w,
        oi,
        strikes,
        max_pain(oi[None, :, None], strikes)[0, :, 0],
        points,
        np.ascontiguousarray(inputs.future[:stop]),
        np.ascontiguousarray(inputs.underlying[:stop]),
        money,
        start,
        stop,
        day,
        carried,
        out.values,
        out.score,
        out.confidence,
        out.health,
    )


def strike_window(inputs: SessionInputs, start: int, stop: int, day: DayConstants, carried: Carried) -> StrikeWindow:
    """The strikes around the money of minutes [start, stop), back to the bars that their sums read."""
    columns, near = columns_of(inputs.around, start, stop, day.widest, inputs.strikes_listed.size)
    first = max(start - day.lookback_bars, 0)
    if carried.flow[1] >= 0:
        first = min(first, int(carried.flow[1]))
    rows = slice(first, stop)
    volume = _columns(inputs.chain_volume[rows], columns)
    shape = (volume.shape[0] + 1, *volume.shape[1:])
    traded, heard = np.empty(shape), np.empty(shape)
    running_volume(volume, traded, heard)
    return StrikeWindow(
        first=first,
        oi=_columns(inputs.chain_oi[rows], columns),
        volume=volume,
        close=_columns(inputs.chain_close[rows], columns),
        near=near,
        opened=opened_at(inputs.expiry, start, stop),
        traded=traded,
        heard=heard,
    )


def _columns(field: Floats, columns: np.ndarray) -> Floats:
    return np.take(field, columns, axis=1)
