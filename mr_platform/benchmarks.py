"""Speed against peers, as ratios within one run: the machine is shared and noisy, a ratio is stable.

A benchmark is a function under its name in ``BENCHMARKS``; it imports what it needs when it runs, so that listing them
costs nothing. Both sides start from the same arrays and must agree on the answer before they are timed. A peer that is
not installed (some are development tools only) is left out with a note in the log.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock
from typing import TYPE_CHECKING, Any

import numpy as np

from mr_platform import logs
from mr_platform.errors import DataError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

log = logs.get("benchmarks")

Run = Callable[[], Any]
_SECONDS = 1.0
_MOST_TURNS = 50
SESSION_DATE, _OPEN = date(2022, 11, 1), clock(9, 15)
BARS, EXPIRIES, STRIKES = 375, 5, 61


@dataclass(frozen=True)
class BenchResult:
    """One comparison: best wall-clock milliseconds of each side, how many times faster ours is, what else to note."""

    name: str
    ours_ms: float
    peer: str
    peer_ms: float
    ratio: float
    note: str = ""


Benchmark = Callable[[], list[BenchResult]]
BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[Benchmark], Benchmark]:
    """Registers a function as the benchmark of that name."""

    def register(function: Benchmark) -> Benchmark:
        BENCHMARKS[name] = function
        return function

    return register


def run_benchmarks(names: list[str] | None = None) -> list[BenchResult]:
    """Results of the benchmarks named, or of all, in the order of their registration.

    UsageError for an unknown name; DataError when a peer gives another answer than ours.
    """
    unknown = [name for name in names or [] if name not in BENCHMARKS]
    if unknown:
        raise UsageError(
            rule="the benchmark is a known one",
            value=", ".join(unknown),
            place="mr bench",
            remedy=f"known: {', '.join(BENCHMARKS)}",
        )
    results = []
    for name, function in BENCHMARKS.items():
        if not names or name in names:
            with logs.stage("benchmark", benchmark=name):
                results += function()
    return results


def best_ms(ours: Run, theirs: Run) -> tuple[float, float]:
    """Best time of one call of each in milliseconds, taken in turns so that both see the same moments of the machine.

    One call of each is not counted. The shorter side gets up to ten calls in each turn.
    """
    sides = (ours, theirs)
    calls, best, spent, turns = [1, 1], [float("inf")] * 2, 0.0, 0
    for side in sides:
        side()
    while turns < 3 or (spent < _SECONDS and turns < _MOST_TURNS):
        for i, side in enumerate(sides):
            for _ in range(calls[i]):
                begun = time.perf_counter()
                side()
                took = time.perf_counter() - begun
                best[i], spent = min(best[i], took), spent + took
        turns += 1
        calls = [max(1, min(10, int(max(best) / own))) for own in best]
    return best[0] * 1_000, best[1] * 1_000


def compare(
    name: str, ours: Run, peers: dict[str, tuple[str, Run]], *, tolerance: float | None = 1e-7
) -> list[BenchResult]:
    """Times ours against each peer: label -> (module it needs, call).

    With a tolerance, a peer's answer must equal ours (relative to its largest value, NaN against NaN) before it is
    timed.
    """
    results = []
    for label, (module, run) in peers.items():
        if importlib.util.find_spec(module) is None:
            log.warning("peer left out: not installed", extra={"fields": {"benchmark": name, "peer": label}})
            continue
        if tolerance is not None:
            _agree(name, label, np.asarray(ours()), np.asarray(run()), tolerance)
        ours_ms, peer_ms = best_ms(ours, run)
        results.append(BenchResult(name, round(ours_ms, 4), label, round(peer_ms, 4), round(peer_ms / ours_ms, 2)))
    return results


def _agree(name: str, label: str, ours: np.ndarray, theirs: np.ndarray, tolerance: float) -> None:
    scale = float(np.nanmax(np.abs(ours)))
    if not np.allclose(ours, theirs, rtol=0, atol=tolerance * scale, equal_nan=True):
        raise DataError(
            rule="a peer is compared only where it gives our answer",
            value=f"largest difference {np.nanmax(np.abs(ours - theirs))} of {scale}",
            place=f"benchmark {name} against {label}",
            remedy="find out which of the two is wrong",
        )


@dataclass(frozen=True)
class _Chain:
    """A made session of 375 bars, 5 expiries and 61 strikes, every cell quoted, prices from Black-76 on a smile."""

    close: np.ndarray
    forward: np.ndarray
    strikes: np.ndarray
    years: np.ndarray
    volatility: np.ndarray


def _chain() -> _Chain:
    from mr_platform.kernels.cpu import black76

    rng = np.random.default_rng(2022)
    strikes = np.arange(STRIKES) * 50.0 + 18_000 - 50 * (STRIKES // 2)
    forward = 18_000 + rng.normal(0, 8, (1, BARS, 1)).cumsum(axis=1) + np.linspace(0, 150, EXPIRIES)
    years = np.broadcast_to(np.array([3, 10, 17, 24, 58]) / 365, forward.shape).copy()
    moneyness = np.log(strikes / forward[..., None]) / np.sqrt(years)[..., None]
    smile = 0.14 - 0.06 * moneyness + 0.2 * moneyness**2
    volatility = np.repeat(smile[..., None], 2, axis=-1) + rng.normal(0, 0.001, (*smile.shape, 2))
    spread = (forward[..., None, None], strikes[:, None], years[..., None, None])
    close = np.maximum(np.round(black76.price(*spread, volatility, np.arange(2)) / 0.05) * 0.05, 0.05)
    return _Chain(close, forward, strikes, years, volatility)


@benchmark("ema")
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

    results = compare("ema", ours, {"pandas": ("pandas", pandas), "polars": ("polars", polars)})
    # TA-Lib starts from the mean of the first bars, so its answers differ until that has decayed
    return results + compare("ema", ours, {"TA-Lib": ("talib", talib)}, tolerance=None)


@benchmark("rolling")
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

    return compare("rolling", ours, {"pandas": ("pandas", pandas)})


@benchmark("greeks")
def _greeks() -> list[BenchResult]:
    """Seven Greeks with vanna, charm and volga of a session's 114,375 strikes, each leg on its own volatility."""
    from mr_platform.kernels.cpu import black76

    chain = _chain()

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

    results = compare("greeks", ours, {"NumPy": ("scipy", numpy)}, tolerance=None)
    for greek, theirs in zip(ours(), numpy(), strict=True):
        _agree("greeks", "NumPy", greek, theirs, 1e-9)
    return results


@benchmark("implied_volatility")
def _implied_volatility() -> list[BenchResult]:
    """Implied volatility of 4,000 options of a session's chain, one by one on the peer's side."""
    from mr_platform.kernels.cpu import black76

    chain = _chain()
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

    return compare("implied_volatility", ours, {"QuantLib": ("QuantLib", quantlib)}, tolerance=1e-6)


def _core_table(chain: _Chain) -> pa.Table:
    """The chain as rows of core/option_chain, with every column of the contract's legs that a chain reads."""
    import pyarrow as pa

    from schemas.tables import CORE_OPTION_CHAIN

    n = BARS * EXPIRIES * STRIKES
    bar, e, k = (index.reshape(-1) for index in np.indices((BARS, EXPIRIES, STRIKES)))
    start = np.datetime64(SESSION_DATE, "m") + 555 - 330
    days = np.array([3, 10, 17, 24, 58])
    rng = np.random.default_rng(4)
    columns: dict[str, Any] = {
        "symbol": pa.array(["NIFTY"]).take(pa.array(np.zeros(n, np.int64))),
        "ts": pa.array((start + bar).astype("datetime64[us]")).cast(pa.timestamp("us", "UTC")),
        "expiry": np.datetime64(SESSION_DATE, "D") + days[e],
        "strike": chain.strikes[k],
        "spot": chain.forward[0, bar, 0],
    }
    for leg, side in enumerate(("ce", "pe")):
        price = chain.close[0, ..., leg].reshape(-1)
        columns |= {f"{side}_{field}": price for field in ("open", "high", "low", "close")}
        columns |= {f"{side}_{field}": rng.integers(0, 9_000, n) * 50 for field in ("volume", "oi")}
        columns[f"{side}_iv"] = chain.volatility[0, ..., leg].reshape(-1)
    fields = CORE_OPTION_CHAIN.arrow()
    arrays = [
        columns[f.name].cast(f.type)
        if isinstance(columns.get(f.name), (pa.Array, pa.ChunkedArray))
        else pa.array(columns[f.name]).cast(f.type)
        if f.name in columns
        else pa.nulls(n, f.type)
        for f in fields
    ]
    table = pa.Table.from_arrays(arrays, names=fields.names)
    return table.replace_schema_metadata({"symbol": "NIFTY", "underlying": "spot"})


@benchmark("scatter")
def _scatter() -> list[BenchResult]:
    """114,375 rows of a core table to the dense symbol-day, 14 leg fields; the peers widen the same fields."""
    from mr_platform.market.chain import LEG_FIELDS, OptionChainDay
    from mr_platform.market.sessions import Session

    chain = _chain()
    table = _core_table(chain)
    session = Session(
        SESSION_DATE, "ordinary", ((_OPEN, (datetime.combine(SESSION_DATE, _OPEN) + timedelta(minutes=BARS)).time()),)
    )
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
    return compare("scatter", ours, {"pandas unstack": ("pandas", pandas), "polars pivot": ("polars", polars)})


@benchmark("forward")
def _forward() -> list[BenchResult]:
    """Put-call-parity forward and ATM strike of every minute and expiry, against whole-array NumPy."""
    from mr_platform.kernels.cpu import parity

    chain = _chain()
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
        forward, atm, _ = parity.forward_and_atm(chain.close, chain.strikes, fallback, 50.0, paired)
        return np.stack([forward, chain.strikes[atm]])

    return compare("forward", ours, {"NumPy": ("numpy", numpy)})


@benchmark("features")
def _features() -> list[BenchResult]:
    """The 120 features of C1 over a session's series."""
    from mr_platform.features import benchmark as features

    return [BenchResult(**row._asdict()) for row in features.run()]


@benchmark("config")
def _config() -> list[BenchResult]:
    """A workbook read, loaded with validation, and loaded from the cache, against openpyxl's own read."""
    from mr_platform.parameters import benchmark as parameters

    return [BenchResult(**row._asdict()) for row in parameters.run()]


@benchmark("migration")
def _migration() -> list[BenchResult]:
    """A million rows x 48 columns from the HeavyDB stand-in to proven Parquet, beside the client's own ways."""
    from mr_platform.migration import benchmark as migration

    return [BenchResult(**row._asdict()) for row in migration.run()]
