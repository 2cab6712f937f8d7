"""Averages and rolling statistics: literal series, TA-Lib and pandas as oracles, both implementations in one body."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib

from mr_platform.kernels.engine import engine
from mr_platform.kernels.reference.moving import least_bars

IMPLEMENTATIONS = ("reference", "cpu")
NAN = np.nan


def column(*values: float) -> np.ndarray:
    return np.array(values, float).reshape(1, -1, 1)


def prices(batch: int = 2, bars: int = 120, series: int = 5, holes: float = 0.15) -> np.ndarray:
    rng = np.random.default_rng(14)
    walk = 200 + rng.normal(0, 1, (batch, bars, series)).cumsum(axis=1)
    walk[rng.random(walk.shape) < holes] = NAN
    walk[:, :, -1] = 77.7
    return walk


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_the_average_starts_at_the_first_price_and_speaks_after_its_span(name: str) -> None:
    out, state = engine(name).moving.ema(column(NAN, 10, 20, NAN, 40), 3)
    np.testing.assert_array_equal(out[0, :, 0], [NAN, NAN, NAN, NAN, 27.5])
    assert state.tolist() == [[[27.5, 3.0]]]


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_the_average_runs_on_from_the_state_of_the_session_before(name: str) -> None:
    kernels = engine(name).moving
    _, state = kernels.ema(column(10, 20, 40), 3)
    out, after = kernels.ema(column(NAN, 47.5), 3, state)
    np.testing.assert_array_equal(out[0, :, 0], [NAN, 37.5])
    assert state.tolist() == [[[27.5, 3.0]]] and after.tolist() == [[[37.5, 4.0]]]


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_wilders_average_starts_at_the_mean_of_the_first_ranges(name: str) -> None:
    out, state = engine(name).moving.wilder(column(3, NAN, 6, 9, 12, NAN, 9), 3)
    np.testing.assert_array_equal(out[0, :, 0], [NAN, NAN, NAN, 6, 8, NAN, 8 + 1 / 3])
    assert state[0, 0, 1] == 5


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("span", [5, 20])
def test_the_average_is_talibs_once_the_start_is_the_same(name: str, span: int) -> None:
    """TA-Lib starts from the mean of the first ``span`` bars; given that as state, every later bar agrees."""
    series = prices(1, 300, 1, 0.0)[0, :, 0] + np.random.default_rng(2).normal(0, 1, 300)
    start = np.array([[[series[:span].mean(), span]]])
    out, _ = engine(name).moving.ema(series[span:].reshape(1, -1, 1), span, start)
    np.testing.assert_allclose(out[0, :, 0], talib.EMA(series, span)[span:], rtol=1e-12)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
@pytest.mark.parametrize("span", [14, 21])
def test_the_average_true_range_is_talibs(name: str, span: int) -> None:
    rng = np.random.default_rng(3)
    close = 200 + rng.normal(0, 1, 300).cumsum()
    high, low = close + rng.random(300), close - rng.random(300)
    kernels = engine(name).moving
    ranges = kernels.true_range(high[1:], low[1:], close[:-1])
    out, _ = kernels.wilder(ranges.reshape(1, -1, 1), span)
    np.testing.assert_allclose(out[0, :, 0], talib.ATR(high, low, close, span)[1:], rtol=1e-12)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_the_first_true_range_of_a_session_is_high_less_low(name: str) -> None:
    high, low = np.array([12.0, 12.0, 12.0, NAN]), np.array([10.0, 10.0, 10.0, 9.0])
    found = engine(name).moving.true_range(high, low, np.array([NAN, 15.0, 8.0, 1.0]))
    np.testing.assert_array_equal(found, [2, 5, 4, NAN])


@pytest.mark.parametrize(("window", "least"), [(3, 3), (5, 4), (10, 8), (11, 9), (20, 16), (50, 40)])
def test_a_window_needs_four_fifths_of_its_bars(window: int, least: int) -> None:
    assert least_bars(window) == least


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_rolling_statistics_of_a_literal_series(name: str) -> None:
    mean, deviation = engine(name).moving.rolling_mean_std(column(1, 3, NAN, 5, 7, 9, 9, 9, 9, 9), 5)
    np.testing.assert_allclose(mean[0, :, 0], [NAN, NAN, NAN, NAN, 4, 6, 7.5, 7.8, 8.6, 9], rtol=1e-14)
    np.testing.assert_allclose(deviation[0, 4:7, 0], [np.sqrt(5), np.sqrt(5), np.sqrt(2.75)], rtol=1e-14)
    assert deviation[0, 9, 0] == 0


@pytest.mark.parametrize("window", [5, 20, 150])
def test_rolling_statistics_are_pandas_and_each_others(window: int) -> None:
    values = prices()
    frame = pd.DataFrame(values[0]).rolling(window, min_periods=least_bars(window))
    for name in IMPLEMENTATIONS:
        mean, deviation = engine(name).moving.rolling_mean_std(values, window)
        np.testing.assert_allclose(mean[0], frame.mean(), rtol=1e-10, err_msg=name)
        np.testing.assert_allclose(deviation[0], frame.std(ddof=0), rtol=1e-6, atol=1e-6, err_msg=name)
    one = engine("reference").moving.rolling_mean_std(values, window)
    other = engine("cpu").moving.rolling_mean_std(values, window)
    np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_a_tiny_ripple_on_a_large_level_keeps_its_deviation(name: str) -> None:
    ripple = 1e-6 * np.array([1.0, -1.0] * 20)
    _, deviation = engine(name).moving.rolling_mean_std((24_000 + ripple).reshape(1, -1, 1), 10)
    np.testing.assert_allclose(deviation[0, 9:, 0], 1e-6, rtol=1e-5)


@pytest.mark.parametrize("window", [10, 20, 50])
def test_rolling_correlations_are_pandas_and_each_others(window: int) -> None:
    x = prices()
    y = 0.4 * x + np.random.default_rng(8).normal(0, 1, x.shape)
    y[np.random.default_rng(9).random(y.shape) < 0.1] = NAN
    found = {name: engine(name).moving.rolling_correlation(x, y, window) for name in IMPLEMENTATIONS}
    np.testing.assert_allclose(found["reference"], found["cpu"], rtol=1e-10, atol=1e-12)
    for s in range(4):
        both = ~np.isnan(x[0, :, s]) & ~np.isnan(y[0, :, s])
        one, other = pd.Series(np.where(both, x[0, :, s], NAN)), pd.Series(np.where(both, y[0, :, s], NAN))
        expected = one.rolling(window, min_periods=least_bars(window)).corr(other)
        np.testing.assert_allclose(found["cpu"][0, :, s], expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_a_constant_series_correlates_with_nothing(name: str) -> None:
    x = prices()
    assert np.isnan(engine(name).moving.rolling_correlation(x, x, 10)[:, :, -1]).all()


@pytest.mark.parametrize("name", IMPLEMENTATIONS)
def test_a_series_correlates_with_itself_fully(name: str) -> None:
    x = prices()
    found = engine(name).moving.rolling_correlation(x, -x, 10)[:, :, :-1]
    assert np.nanmax(np.abs(found + 1)) < 1e-12


@pytest.mark.parametrize("recursion", ["ema", "wilder"])
@pytest.mark.parametrize("span", [3, 20])
def test_recursions_agree_and_pieces_give_the_wholes_bits(recursion: str, span: int) -> None:
    values = prices()
    whole = {name: getattr(engine(name).moving, recursion)(values, span) for name in IMPLEMENTATIONS}
    for one, other in zip(whole["reference"], whole["cpu"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    for name in IMPLEMENTATIONS:
        state, pieces = None, []
        for begin in range(0, 120, 5):
            out, state = getattr(engine(name).moving, recursion)(values[:, begin : begin + 5], span, state)
            pieces.append(out)
        assert np.concatenate(pieces, axis=1).tobytes() == whole[name][0].tobytes()
        assert state is not None and state.tobytes() == whole[name][1].tobytes()


@pytest.mark.parametrize("window", [5, 20])
def test_rolling_kernels_look_neither_ahead_nor_at_where_they_start(window: int) -> None:
    values, other = prices(), prices()[:, ::-1].copy()
    for name in IMPLEMENTATIONS:
        kernels = engine(name).moving
        whole = [*kernels.rolling_mean_std(values, window), kernels.rolling_correlation(values, other, window)]
        for bars in (1, window, 63, 120):
            begin = max(bars - 5, 0)
            x, y = values[:, :bars], other[:, :bars]
            tick = [*kernels.rolling_mean_std(x, window, begin), kernels.rolling_correlation(x, y, window, begin)]
            for made, kept in zip(tick, whole, strict=True):
                assert made.tobytes() == np.ascontiguousarray(kept[:, begin:bars]).tobytes(), (name, bars)


def test_a_hole_in_one_series_changes_no_bit_of_its_neighbours() -> None:
    """Whole stretches without holes take a shorter way through the compiled kernel."""
    values = prices(1, 90, 700, 0.0)
    holes = values.copy()
    holes[0, 31, 300] = holes[0, 70, 5] = NAN
    others = np.delete(np.arange(700), [5, 300])
    kernels = engine("cpu").moving
    for one, other in zip(kernels.rolling_mean_std(values, 20), kernels.rolling_mean_std(holes, 20), strict=True):
        assert one[..., others].tobytes() == other[..., others].tobytes()
        assert one[..., 300].tobytes() != other[..., 300].tobytes()
