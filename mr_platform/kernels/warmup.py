"""Compiles every kernel once, at install, so that no first run pays for it.

Compiled code is cached beside the sources; what counts are the argument types, so tiny arrays of the right kinds do.
"""

from __future__ import annotations

import sys

import numpy as np

from mr_platform import logs
from mr_platform.kernels.engine import engine


def compile_kernels() -> None:
    """Calls every compiled kernel with the argument types the platform uses."""
    cpu = engine("cpu")
    strikes = np.array([17_950.0, 18_000.0, 18_050.0, 18_100.0, 18_150.0])
    close = np.full((1, 6, 1, 5, 2), 100.0)
    per_minute = np.full((1, 6, 1), 18_000.0)
    years = np.full((1, 6, 1), 0.02)
    centre = np.full((1, 6, 1), 2)
    steps = np.full((1, 6, 1), 50.0)

    cpu.parity.forward_and_atm(close, strikes, per_minute[..., 0], 50.0, np.zeros((1, 1, 5), np.bool_))
    cpu.parity.expiries_in_sight(
        np.ones((1, 6, 1), np.bool_), np.ones(1, np.bool_), np.zeros(1, np.int64), np.zeros((1, 1), np.bool_)
    )
    volatility = cpu.black76.chain_implied_volatility(close, per_minute, strikes, years)
    cpu.black76.chain_greeks(per_minute, strikes, years, volatility)
    cpu.black76.price(18_000.0, strikes, 0.02, 0.2, 0)
    cpu.black76.greeks(18_000.0, strikes, 0.02, 0.2, 0)
    cpu.black76.implied_volatility(100.0, 18_000.0, strikes, 0.02, 0)
    series = close[..., 0, 0]
    for recursion in (cpu.moving.ema, cpu.moving.wilder):
        recursion(series, 3)
    cpu.moving.rolling_mean_std(series, 3)
    cpu.moving.rolling_correlation(series, series, 3)
    cpu.chain_sums.strike_sums(close)
    _compile_correlation()
    cpu.chain_sums.max_pain(close, strikes)
    cpu.chain_sums.sums_around(close, centre, strikes, steps, 1, 1)
    cpu.chain_sums.sums_held(close, centre, strikes, steps, 1, 1, 1)
    _compile_scatter()


def _compile_correlation() -> None:
    correlation = engine("cpu").correlation
    changes = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    unit = correlation.unit_columns(changes, 3, 0.8)[0]
    matrix = correlation.correlation_matrix(unit)
    correlation.ledoit_wolf(unit)
    correlation.eigenvalues(matrix)
    correlation.mahalanobis(np.ones(2), matrix)
    correlation.rolling_correlation_matrices(changes[None], 3, 0.8)


def _compile_scatter() -> None:
    """The scatter's columns come from Arrow, read-only: another type to the compiler."""
    scatter = engine("cpu").scatter
    minutes = np.array([555, 556])
    expiries = np.array([19_000, 19_000], np.int32)
    strikes = np.array([18_000.0, 18_000.0])
    for column in (minutes, expiries, strikes):
        column.flags.writeable = False
    bar_of_minute = np.full(1440, -1, np.int64)
    bar_of_minute[555:557] = (0, 1)
    known = np.unique(expiries)
    scatter.first_seen(minutes, expiries, bar_of_minute, known)
    cells = scatter.cell_index(minutes, expiries, strikes, bar_of_minute, known, np.unique(strikes), np.array([2]))
    scatter.count_cells(cells, 2)
    scatter.scatter_pair(cells, strikes, strikes, np.empty((2, 2)))
    scatter.first_row_of_bar(bar_of_minute[minutes], expiries, strikes, strikes, 2)


def main() -> int:
    """Entry point of the install step."""
    logs.configure(level="INFO")
    with logs.stage("compile kernels"):
        compile_kernels()
    return 0


if __name__ == "__main__":
    sys.exit(main())
