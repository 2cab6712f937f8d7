"""The volatility surface of a minute: each expiry's smile filled on one grid of log-moneyness over root time.

For people and reports; the features read the quotes themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mr_platform.features.c4_iv_skew.reference_smile import Smile, atm_volatility, smile_of
from mr_platform.features.c4_iv_skew.state import Floats
from mr_platform.features.inputs import SessionInputs
from mr_platform.parameters.iv_skew import IvSkewParameters

WIDEST = 1.5
"""Grid nodes reach this many standard deviations of the nearest expiry's ATM volatility either side of the money."""
_RBF_SMOOTHING = 1e-4


@dataclass(frozen=True, eq=False)
class VolatilitySurface:
    """Volatility over maturity and moneyness.

    ``days`` [E] calendar days to each expiry; ``moneyness`` [S] ln(K/F) over the root of time in years, ascending;
    ``volatility`` [E, S] decimal per year, NaN where an expiry's quotes do not reach; ``method`` that filled it.
    """

    days: np.ndarray
    moneyness: Floats
    volatility: Floats
    method: str


def surface_at(inputs: SessionInputs, t: int, settings: IvSkewParameters) -> VolatilitySurface:
    """The surface of minute ``t``; without expiries where none has enough quotes."""
    smiles: list[tuple[int, Smile]] = []
    spread = float("nan")
    for role in range(3):
        atm = atm_volatility(
            inputs.strikes_listed, inputs.volatility[t, role], int(inputs.at_money[t, role]), float(inputs.steps[t])
        )
        forward, years = float(inputs.forwards[t, role]), float(inputs.years[t, role])
        smile = smile_of(inputs.strikes_listed, inputs.volatility[t, role], forward, years, atm)
        if smile.iv.size >= settings.least_strikes and np.isfinite(atm):
            spread = atm if np.isnan(spread) else spread
            smiles.append((int(inputs.days[t, role]), smile))
    smiles = smiles[: settings.surface_expiries]
    grid = WIDEST * (spread if smiles else 1.0) * np.linspace(-1, 1, settings.surface_strikes)
    rows = [filled(smile, grid, settings.interpolation) for _, smile in smiles]
    return VolatilitySurface(
        days=np.array([days for days, _ in smiles], np.int64),
        moneyness=grid,
        volatility=np.array(rows).reshape(len(rows), grid.size),
        method=settings.interpolation,
    )


def filled(smile: Smile, grid: Floats, method: str) -> Floats:
    """A smile's volatility at the nodes of ``grid``; NaN outside its quotes, whatever the method would say there."""
    inside = (grid >= smile.x[0]) & (grid <= smile.x[-1])
    out = np.full(grid.size, np.nan)
    out[inside] = _METHODS[method](smile)(grid[inside])
    return out


def _linear(smile: Smile) -> Callable[[Floats], Any]:
    return lambda x: np.interp(x, smile.x, smile.iv)


def _cubic_spline(smile: Smile) -> Callable[[Floats], Any]:
    from scipy.interpolate import CubicSpline

    curve: Callable[[Floats], Any] = CubicSpline(smile.x, smile.iv, bc_type="natural")
    return curve


def _pchip(smile: Smile) -> Callable[[Floats], Any]:
    from scipy.interpolate import PchipInterpolator

    curve: Callable[[Floats], Any] = PchipInterpolator(smile.x, smile.iv)
    return curve


def _rbf(smile: Smile) -> Callable[[Floats], Any]:
    """Thin-plate splines on moneyness in units of its spread, barely smoothed."""
    from scipy.interpolate import RBFInterpolator

    scale = float(smile.x.std())
    curve = RBFInterpolator(smile.x[:, None] / scale, smile.iv, kernel="thin_plate_spline", smoothing=_RBF_SMOOTHING)
    return lambda x: curve(x[:, None] / scale)


def _svi(smile: Smile) -> Callable[[Floats], Any]:
    """Raw SVI of variance, a + b (rho (x - m) + sqrt((x - m)^2 + s^2)), by vega-weighted least squares.

    J. Gatheral, A parsimonious arbitrage-free implied volatility parameterization (2004).
    """
    from scipy.optimize import least_squares

    def variance(p: Floats, x: Floats) -> Floats:
        a, b, rho, m, s = p
        return np.asarray(a + b * (rho * (x - m) + np.sqrt((x - m) ** 2 + s**2)))

    level, width = float(smile.iv.min() ** 2), float(smile.x.std())
    found = least_squares(
        lambda p: np.sqrt(smile.weight) * (variance(p, smile.x) - smile.iv**2),
        x0=[level / 2, level / width, -0.3, 0.0, width / 2],
        bounds=([-np.inf, 0.0, -0.999, -np.inf, 1e-6], [np.inf, np.inf, 0.999, np.inf, np.inf]),
        x_scale=[level, level / width, 1.0, width, width],
    )
    return lambda x: np.sqrt(np.maximum(variance(found.x, x), 0.0))


_METHODS: dict[str, Callable[[Smile], Callable[[Floats], Any]]] = {
    "LINEAR": _linear,
    "CUBIC_SPLINE": _cubic_spline,
    "PCHIP": _pchip,
    "RBF": _rbf,
    "SVI": _svi,
}
