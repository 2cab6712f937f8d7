"""The kernels against the libraries that people reach for instead, on a session's worth of data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mr_platform.benchmarks import BenchResult, agree, compare
from mr_platform.features.made_day import BARS, EXPIRIES, STEP, STRIKES, core_table, made_chain, made_session

COVERAGE = 0.8
"""Share of a window's bars that must be there."""


def _ema() -> list[BenchResult]:
    """EMA of 610 series over a session, span 20."""
    from mr_platform.kernels.cpu import moving

    span = 20
    walk = 200 + np.random.default_rng(1).normal(0, 1, (BARS, 610)).cumsum(axis=0)
    columns = np.ascontiguousarray(walk.T)

    def pandas() -> np.ndarray:
        import pandas as pd

        return np.asarray(pd.DataFrame(walk).ewm(span=span, adjust=False, min_periods=span).mean())

    def polars() -> np.ndarray:
        import polars as pl

        average = pl.all().ewm_mean(span=span, adjust=False, min_samples=span)
        return pl.from_numpy(walk).select(average).to_numpy()

    def talib() -> np.ndarray:
        import talib as ta

        return np.stack([ta.EMA(column, span) for column in columns])

    def ours() -> np.ndarray:
        return np.asarray(moving.ema(walk[None], span)[0][0])

    touched = 2 * walk.nbytes
    results = compare("ema", ours, {"pandas": ("pandas", pandas), "polars": ("polars", polars)}, touched=touched)
    # TA-Lib starts from the mean of the first bars, so its answers differ until that has decayed
    return results + compare("ema", ours, {"TA-Lib": ("talib", talib)}, tolerance=None, touched=touched)


def _rolling() -> list[BenchResult]:
    """Mean and population deviation over 20 bars of 5,490 series."""
    from mr_platform.kernels.cpu import moving

    walk = 200 + np.random.default_rng(2).normal(0, 1, (BARS, 5_490)).cumsum(axis=0)

    def pandas() -> tuple[np.ndarray, ...]:
        import pandas as pd

        windows = pd.DataFrame(walk).rolling(20, min_periods=16)
        return windows.mean().to_numpy(), windows.std(ddof=0).to_numpy()

    def ours() -> tuple[np.ndarray, ...]:
        mean, deviation = moving.rolling_mean_std(walk[None], 20)
        return mean[0], deviation[0]

    return compare("rolling", ours, {"pandas": ("pandas", pandas)}, touched=3 * walk.nbytes)


def _greeks() -> list[BenchResult]:
    """Seven Greeks with vanna, charm and volga of a session's 114,375 strikes, each leg on its own volatility."""
    from mr_platform.kernels.cpu import black76

    chain = made_chain(BARS, STRIKES)

    def numpy() -> np.ndarray:
        from scipy.special import ndtr

        f, k, t = chain.forward[..., None, None], chain.strikes[:, None], chain.years[..., None, None]
        sign, v, root = np.array([1.0, -1.0]), chain.volatility, np.sqrt(t)
        d1 = np.log(f / k) / (v * root) + v * root / 2
        d2 = d1 - v * root
        density = np.exp(-d1 * d1 / 2) / np.sqrt(2 * np.pi)
        vega = f * density * root / 100
        return np.stack(
            [
                sign * ndtr(sign * d1),
                density / (f * v * root),
                -f * density * v / (2 * root) / 365,
                vega,
                -density * d2 / v / 100,
                density * d2 / (2 * t) / 365,
                vega * d1 * d2 / v / 100,
            ]
        )

    def ours() -> tuple[np.ndarray, ...]:
        return tuple(black76.chain_greeks(chain.forward, chain.strikes, chain.years, chain.volatility))

    touched = 8 * chain.volatility.nbytes
    results = compare("greeks", ours, {"NumPy": ("scipy", numpy)}, tolerance=None, touched=touched)
    for greek, theirs in zip(ours(), numpy(), strict=True):
        agree("greeks", "NumPy", greek, theirs, 1e-9)
    return results


def _implied_volatility() -> list[BenchResult]:
    """Implied volatility of 4,000 options of a session's chain, one by one on the peer's side."""
    from mr_platform.kernels.cpu import black76

    chain = made_chain(BARS, STRIKES)
    shape = chain.close.shape
    picked = np.random.default_rng(3).choice(chain.close.size, 4_000, replace=False)
    k = np.broadcast_to(chain.strikes[:, None], shape).reshape(-1)[picked]
    f = np.broadcast_to(chain.forward[..., None, None], shape).reshape(-1)[picked]
    t = np.broadcast_to(chain.years[..., None, None], shape).reshape(-1)[picked]
    # the out-of-the-money leg: the peer refuses premiums that rounding to the tick has put below intrinsic value
    leg = np.where(k >= f, 0, 1)
    premium = black76.price(f, k, t, chain.volatility.reshape(-1)[picked], leg)
    rows = list(zip(leg.tolist(), k.tolist(), f.tolist(), premium.tolist(), strict=True))

    def quantlib() -> np.ndarray:
        import QuantLib as ql

        sides, guess = (ql.Option.Call, ql.Option.Put), 0.05
        deviations = [
            ql.blackFormulaImpliedStdDev(sides[side], strike, forward, price, 1.0, 0.0, guess, 1e-10)
            for side, strike, forward, price in rows
        ]
        return np.asarray(np.array(deviations) / np.sqrt(t))

    def ours() -> np.ndarray:
        return np.asarray(black76.implied_volatility(premium, f, k, t, leg))

    return compare(
        "implied_volatility", ours, {"QuantLib": ("QuantLib", quantlib)}, tolerance=1e-6, touched=6 * premium.nbytes
    )


def _scatter() -> list[BenchResult]:
    """114,375 rows of a core table to the dense symbol-day, 14 leg fields; the peers widen the same fields."""
    from mr_platform.market.chain import LEG_FIELDS, OptionChainDay

    chain = made_chain(BARS, STRIKES)
    table = core_table(chain)
    session = made_session(BARS)
    fields = [f"{side}_{field}" for side in ("ce", "pe") for field in LEG_FIELDS]
    narrow = table.select(["ts", "expiry", "strike", *fields])

    def pandas() -> np.ndarray:
        wide = narrow_frame.set_index(["ts", "expiry", "strike"]).unstack(["expiry", "strike"])
        return np.asarray(wide["ce_close"], float).reshape(BARS, EXPIRIES, STRIKES)

    def polars() -> np.ndarray:
        wide = polars_frame.pivot(on=["expiry", "strike"], index="ts", values=fields)
        closes = [name for name in wide.columns if name.startswith("ce_close")]
        return wide.select(closes).to_numpy().reshape(BARS, EXPIRIES, STRIKES)

    def ours() -> np.ndarray:
        return np.asarray(OptionChainDay.from_core(table, session).close[0, ..., 0])

    import polars as pl

    narrow_frame = narrow.to_pandas()
    polars_frame = pl.DataFrame(pl.from_arrow(narrow))
    peers = {"pandas unstack": ("pandas", pandas), "polars pivot": ("polars", polars)}
    # time, expiry and strike of a row, and the fields in and out
    return compare("scatter", ours, peers, touched=table.num_rows * 8 * (3 + 2 * len(fields)))


def _forward() -> list[BenchResult]:
    """Put-call-parity forward and ATM strike of every minute and expiry, against whole-array NumPy."""
    from mr_platform.kernels.cpu import parity

    chain = made_chain(BARS, STRIKES)
    fallback = np.full((1, BARS), np.nan)

    def numpy() -> np.ndarray:
        calls, puts, strikes = chain.close[..., 0], chain.close[..., 1], chain.strikes
        distance = np.abs(calls - puts)
        k0 = np.argmin(np.where(np.isnan(distance), np.inf, distance), axis=-1)[..., None]
        steps = np.abs(strikes - strikes[k0])
        near = (steps <= 250) & (steps > 0)
        forward = np.nanmedian(np.where(near, strikes + calls - puts, np.nan), axis=-1)
        atm = np.argmin(np.where(np.isnan(distance), np.inf, np.abs(strikes - forward[..., None])), axis=-1)
        return np.stack([forward, strikes[atm]])

    def ours() -> np.ndarray:
        paired = np.zeros((1, EXPIRIES, STRIKES), np.bool_)
        forward, atm, _ = parity.forward_and_atm(chain.close, chain.strikes, fallback, STEP, paired)
        return np.stack([forward, chain.strikes[atm]])

    return compare("forward", ours, {"NumPy": ("numpy", numpy)}, touched=chain.close.nbytes)


def _max_pain() -> list[BenchResult]:
    """Max pain of every minute and expiry, against whole-array NumPy."""
    from mr_platform.kernels.cpu import chain_sums

    strikes = made_chain(2, STRIKES).strikes
    oi = np.random.default_rng(6).integers(0, 9_000, (1, BARS, EXPIRIES, STRIKES, 2)) * 50.0

    def numpy() -> np.ndarray:
        above = np.maximum(strikes[:, None] - strikes[None, :], 0.0)
        paid = oi[..., 0] @ above.T + oi[..., 1] @ above
        return np.asarray(strikes[np.argmin(paid, axis=-1)])

    def broadcast() -> np.ndarray:
        distance = strikes[:, None] - strikes[None, :]
        calls, puts = oi[..., None, :, 0], oi[..., None, :, 1]
        paid = (np.maximum(distance, 0) * calls + np.maximum(-distance, 0) * puts).sum(axis=-1)
        return np.asarray(strikes[np.argmin(paid, axis=-1)])

    peers = {"NumPy product": ("numpy", numpy), "NumPy broadcast": ("numpy", broadcast)}
    return compare("max_pain", lambda: chain_sums.max_pain(oi, strikes), peers, touched=oi.nbytes)


def _correlation() -> list[BenchResult]:
    """The correlation matrix of thirty series over fifty bars, of every minute."""
    from mr_platform.kernels.cpu import correlation

    window, n = 50, 30
    changes = np.random.default_rng(7).normal(0, 1e-3, (1, BARS, n))

    def pandas() -> np.ndarray:
        import pandas as pd

        found = pd.DataFrame(changes[0]).rolling(window, min_periods=int(COVERAGE * window)).corr()
        return found.to_numpy().reshape(BARS, n, n)

    def ours() -> np.ndarray:
        return np.asarray(correlation.rolling_correlation_matrices(changes, window, COVERAGE)[0])

    touched = changes.nbytes + BARS * n * n * 8
    return compare("correlation", ours, {"pandas": ("pandas", pandas)}, touched=touched)


def _ledoit_wolf() -> list[BenchResult]:
    """Ledoit and Wolf's shrinkage of standardised changes of thirty series over fifty bars, of every minute."""
    from mr_platform.kernels.cpu import correlation

    window, n = 50, 30
    changes = np.random.default_rng(8).normal(0, 1e-3, (BARS + window, n))
    windows = [changes[t : t + window] for t in range(BARS)]

    def sklearn() -> np.ndarray:
        from sklearn.covariance import ledoit_wolf_shrinkage

        return np.array(
            [ledoit_wolf_shrinkage((w - w.mean(axis=0)) / w.std(axis=0), assume_centered=True) for w in windows]
        )

    def ours() -> np.ndarray:
        return np.array([correlation.ledoit_wolf(correlation.unit_columns(w, window, COVERAGE)[0]) for w in windows])

    return compare("ledoit_wolf", ours, {"scikit-learn": ("sklearn", sklearn)}, touched=BARS * window * n * 8)


def _eigenvalues() -> list[BenchResult]:
    """Eigenvalues of a matrix of thirty series, of every minute."""
    from mr_platform.kernels.cpu import correlation

    changes = np.random.default_rng(9).normal(0, 1e-3, (1, BARS, 30))
    matrices = correlation.rolling_correlation_matrices(changes, 50, COVERAGE)[0]
    matrices = matrices[np.isfinite(matrices).all(axis=(1, 2))]

    def numpy() -> np.ndarray:
        return np.linalg.eigvalsh(matrices)

    def scipy() -> np.ndarray:
        from scipy.linalg import eigvalsh

        return np.array([eigvalsh(one) for one in matrices])

    def ours() -> np.ndarray:
        return np.array([np.sort(correlation.eigenvalues(one)) for one in matrices])

    peers = {"NumPy": ("numpy", numpy), "SciPy": ("scipy", scipy)}
    return compare("eigenvalues", ours, peers, touched=matrices.nbytes)


BENCHMARKS: dict[str, Callable[[], list[BenchResult]]] = {
    "ema": _ema,
    "rolling": _rolling,
    "correlation": _correlation,
    "ledoit_wolf": _ledoit_wolf,
    "eigenvalues": _eigenvalues,
    "greeks": _greeks,
    "implied_volatility": _implied_volatility,
    "max_pain": _max_pain,
    "scatter": _scatter,
    "forward": _forward,
}
"""The comparisons of kernels by name."""
