"""From the inputs of a session to the compiled pass: the strikes that some minutes name, and their recent past."""

from __future__ import annotations

import numpy as np

from mr_platform.features.c3_oi_price_action import cpu
from mr_platform.features.c3_oi_price_action.pieces import atm_points, columns_of, gather, opened_at
from mr_platform.features.c3_oi_price_action.state import Carried, DayConstants, StrikeWindow
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
    # of the minutes before ``start`` nothing is read
    money = np.empty((stop, 3))
    money[rows, 0], money[rows, 1], money[rows, 2] = (
        inputs.forwards[rows, NEAR],
        inputs.years[rows, NEAR],
        inputs.steps[rows],
    )
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
    n, j = stop - first, columns.size
    oi, volume, close = np.empty((n, j, 2)), np.empty((n, j, 2)), np.empty((n, j, 2))
    traded, heard = np.empty((n + 1, j, 2)), np.empty((n + 1, j, 2))
    gather(inputs.chain_oi, inputs.chain_volume, inputs.chain_close, columns, first, oi, volume, close, traded, heard)
    return StrikeWindow(
        first=first,
        oi=oi,
        volume=volume,
        close=close,
        near=near,
        opened=opened_at(inputs.expiry, start, stop),
        traded=traded,
        heard=heard,
    )
