"""C1 against a pandas twin of a part of it, in one run: ratios are stable on a noisy machine, times are not."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mr_platform.errors import DataError
from mr_platform.features.c1_triple_straddle.component import TripleStraddle
from mr_platform.features.component import ComponentOutput, SessionStart
from mr_platform.features.series import CLOSE, VOLUME, SessionSeries

if TYPE_CHECKING:
    import pandas as pd

_BARS = 375
_DAY = date(2022, 11, 1)
_RUNS = 7


class FeatureBenchmark(NamedTuple):
    """Best milliseconds of each side and how many times faster ours is."""

    name: str
    ours_ms: float
    peer: str
    peer_ms: float
    ratio: float


def run() -> list[FeatureBenchmark]:
    """All 120 features of C1 over a session's series against pandas computing 34 of them from the same arrays.

    DataError where the two do not give the same numbers.
    """
    series = made_series()
    ours = _session(series)
    names = [spec.name.removeprefix("c1_") for spec in TripleStraddle().features]
    for name, column in _pandas_twin(series).items():
        if not np.allclose(ours[:, names.index(name)], column, rtol=1e-9, atol=1e-12, equal_nan=True):
            raise DataError(
                rule="a peer is compared only where it gives our answer",
                value=name,
                place="benchmark c1",
                remedy="find out which of the two is wrong",
            )
    ours_ms, peer_ms = _best(lambda: _session(series)), _best(lambda: _pandas_twin(series))
    return [
        FeatureBenchmark("c1", round(ours_ms, 3), "pandas, 34 of 120", round(peer_ms, 3), round(peer_ms / ours_ms, 1))
    ]


def _best(call: Callable[[], object]) -> float:
    times = []
    for _ in range(_RUNS):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times) * 1000


def _session(series: SessionSeries) -> NDArray[np.float64]:
    component = TripleStraddle()
    state = component.begin(SessionStart(_DAY, _BARS, 2, "spot"))
    out = ComponentOutput.empty(_BARS, len(component.features))
    component.compute(series, out, 0, _BARS, state)
    return out.values


def made_series() -> SessionSeries:
    """A seeded session: nine walks with volume, every minute there."""
    rng = np.random.default_rng(5)
    legs = 90 * np.exp(np.cumsum(0.003 * rng.standard_normal((_BARS, 6)), axis=0))
    prices = np.concatenate([legs[:, :3] + legs[:, 3:], legs], axis=1)
    bars = np.repeat(prices[:, :, None], 5, axis=2)
    bars[:, :, 1] *= 1.002
    bars[:, :, 2] *= 0.998
    bars[:, :, VOLUME] = rng.integers(1, 90, (_BARS, 9)) * 50
    held = np.full((_BARS, 9, 5), np.nan)
    for j, lag in enumerate((1, 3, 5, 10, 15)):
        held[lag:, :, j] = prices[:-lag]
    spot = 18_000 + np.cumsum(5 * rng.standard_normal(_BARS))
    underlying = np.concatenate([np.repeat(spot[:, None], 4, axis=1), np.full((_BARS, 1), np.nan)], axis=1)
    return SessionSeries(
        trade_date=_DAY,
        minutes=np.arange(555, 555 + _BARS),
        n_bars=_BARS,
        underlying_kind="spot",
        bars=bars,
        held=held,
        underlying=underlying,
        dte=np.full(_BARS, 2),
        expiry=np.zeros(_BARS, np.int64),
        strikes=np.zeros((_BARS, 3), np.int64),
        forward=spot,
    )


def _pandas_twin(series: SessionSeries) -> dict[str, pd.Series]:
    """EMA deviations, spreads and scores, VWAP deviations and scores, volatility and correlation, as analysts write."""
    import pandas as pd

    out: dict[str, pd.Series] = {}
    for i, a in enumerate(("atm", "itm1", "otm1")):
        price = pd.Series(series.bars[:, i, CLOSE])
        volume = pd.Series(series.bars[:, i, VOLUME])
        e = {n: price.ewm(span=n, adjust=False, min_periods=n).mean() for n in (20, 50, 100, 200)}
        for n in e:
            out[f"ema_deviation_{a}_{n}"] = (price - e[n]) / e[n]
        out[f"ema_slope_{a}_20"] = e[20].pct_change(5, fill_method=None)
        out[f"ema_spread_{a}_20_100"] = e[20] / e[100] - 1
        session = (price * volume).cumsum() / volume.cumsum()
        out[f"vwap_deviation_{a}_session"] = price / session - 1
        rolling = (price * volume).rolling(20, min_periods=16).sum() / volume.rolling(20, min_periods=16).sum()
        out[f"vwap_deviation_{a}_rolling_20"] = price / rolling - 1
        out[f"vwap_slope_{a}_15"] = session.pct_change(15, fill_method=None)
        gap = (price - session).mask(lambda x, s=session: x.abs() <= 1e-9 * s, 0.0)
        out[f"vwap_band_position_{a}"] = gap / gap.rolling(20, min_periods=16).std(ddof=0)
    returns = pd.DataFrame(np.log(series.bars[:, :, CLOSE] / series.held[:, :, 0]))
    out["timeframe_volatility_atm_20"] = returns[0].rolling(20, min_periods=16).std(ddof=0)
    size = returns[0].abs().rolling(15, min_periods=12).mean()
    out["timeframe_efficiency_atm_15"] = returns[0].rolling(15, min_periods=12).mean() / size
    pairs = [returns[a].rolling(20, min_periods=16).corr(returns[b]) for a in range(9) for b in range(a + 1, 9)]
    together = pd.concat(pairs, axis=1)
    out["timeframe_correlation_20"] = together.mean(axis=1)
    out["timeframe_redundancy_20"] = (together.abs() > 0.85).mean(axis=1).where(together[0].notna())
    return out
