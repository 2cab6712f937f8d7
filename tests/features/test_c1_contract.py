"""What every component must keep to, on C1: engines agree, a tick is a batch, a prefix is the whole, no filler."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.errors import DataError, UsageError
from mr_platform.features.catalogue import catalogue
from mr_platform.features.engine import FeatureFrame, FeatureStream, compute_features

if TYPE_CHECKING:
    from tests.features.conftest import Market


def features(market: Market, i: int, core: pa.Table | None = None, **options: object) -> FeatureFrame:
    """Features of session ``i`` with the contexts before it."""
    return compute_features(
        market.cores[i] if core is None else core,
        market.sessions[i],
        previous=market.contexts[i - 1] if i else None,
        history=market.contexts[:i],
        **options,  # type: ignore[arg-type]
    )


def assert_same_bits(one: FeatureFrame, other: FeatureFrame) -> None:
    for name in ("values", "score", "confidence", "health"):
        a, b = getattr(one.outputs["c1"], name), getattr(other.outputs["c1"], name)
        assert np.array_equal(a, b, equal_nan=True), name


@pytest.mark.parametrize("i", [0, 1, 6])
def test_reference_and_cpu_agree_and_lack_the_same_values(market: Market, i: int) -> None:
    fast, slow = features(market, i, engine="cpu"), features(market, i, engine="reference")
    for name in ("values", "score", "confidence", "health"):
        a, b = getattr(fast.outputs["c1"], name), getattr(slow.outputs["c1"], name)
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("until", [555, 569, 600, 700, 929])
def test_a_prefix_gives_the_bits_of_the_whole_session(market: Market, until: int) -> None:
    whole, prefix = features(market, 2), features(market, 2, until=until)
    n = until - 555 + 1
    assert prefix.minutes.tolist() == whole.minutes[:n].tolist()
    assert np.array_equal(prefix.values, whole.values[:n], equal_nan=True)
    assert np.array_equal(prefix.confidence("c1"), whole.confidence("c1")[:n])


def test_a_prefix_does_not_need_the_rows_after_it(market: Market) -> None:
    core = market.cores[2]
    minute = (core["ts"].cast(pa.int64()).to_numpy() // 60_000_000 + 330) % 1440
    cut = features(market, 2, core.filter(pa.array(minute <= 640)), until=640)
    assert_same_bits(cut, features(market, 2, until=640))


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_ticks_give_the_bits_of_the_batch(market: Market, engine: str) -> None:
    core, session = market.cores[3], market.sessions[3]
    minute = (core["ts"].cast(pa.int64()).to_numpy() // 60_000_000 + 330) % 1440
    stream = FeatureStream(session, previous=market.contexts[2], history=market.contexts[:3], engine=engine)
    parts, before = [], 0
    for until in (555, 559, 564, 571, 700, 929):
        new = core.filter(pa.array((minute > before) & (minute <= until)))
        parts.append(stream.push(new, until=until))
        before = until
    whole = features(market, 3, engine=engine)
    assert np.array_equal(np.vstack([part.values for part in parts]), whole.values, equal_nan=True)
    scores = np.concatenate([part.score("c1") for part in parts])
    assert np.array_equal(scores, whole.score("c1"), equal_nan=True)


def test_ticks_before_the_first_rows_change_nothing(build_market: Callable[..., Market]) -> None:
    market = build_market(13)
    core, session = market.cores[12], market.sessions[12]
    minute = (core["ts"].cast(pa.int64()).to_numpy() // 60_000_000 + 330) % 1440
    late = core.filter(pa.array(minute >= 565))
    stream = FeatureStream(session, symbol="NIFTY", previous=market.contexts[11])
    parts = [stream.push(late.slice(0, 0), until=559), stream.push(late, until=929)]
    whole = compute_features(late, session, previous=market.contexts[11])
    assert np.array_equal(np.vstack([part.values for part in parts]), whole.values, equal_nan=True)
    assert np.isnan(whole.values[:10]).all()


def test_the_order_of_the_rows_does_not_matter(market: Market) -> None:
    core = market.cores[1]
    shuffled = core.take(pa.array(np.random.default_rng(7).permutation(core.num_rows)))
    assert_same_bits(features(market, 1), features(market, 1, shuffled))


def test_doubling_every_price_changes_no_feature(build_market: Callable[..., Market], market: Market) -> None:
    doubled = build_market(3, scale=2.0)
    assert_same_bits(features(market, 2), features(doubled, 2))


def test_no_column_is_empty_constant_or_a_twin_of_another(market: Market) -> None:
    frames = [features(market, i) for i in range(7)]
    values, names = np.vstack([frame.values for frame in frames]), np.array(frames[0].names)
    finite = np.isfinite(values)
    assert names[~finite.any(axis=0)].tolist() == []
    assert not np.isinf(values).any()
    spread = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
    assert names[spread == 0].tolist() == []
    ranked = np.nan_to_num((values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0))
    share = np.sqrt(np.outer(finite.mean(axis=0), finite.mean(axis=0)))
    correlation = np.abs(ranked.T @ ranked) / len(values) / share
    twins = np.argwhere(np.triu(correlation >= 0.999999, 1))
    assert [(names[a], names[b]) for a, b in twins] == []


def test_values_stay_in_the_ranges_the_catalogue_states(market: Market) -> None:
    values = np.vstack([features(market, i).values for i in range(7)])
    for spec, column in zip(catalogue(), values.T, strict=True):
        low, high = spec.range
        known = column[np.isfinite(column)]
        assert known.min() >= low - 1e-12 and known.max() <= high + 1e-12, spec.name


def test_a_feature_is_unknown_before_its_warm_up_on_a_first_session(market: Market) -> None:
    values = features(market, 0).values
    for spec, column in zip(catalogue(), values.T, strict=True):
        assert np.isnan(column[: min(spec.warmup_minutes - 1, 375)]).all(), spec.name


def test_without_a_listed_future_its_vwap_is_unknown_and_the_rest_is_there(build_market: Callable[..., Market]) -> None:
    spot = build_market(2, kind="spot")
    frame = features(spot, 1)
    named = dict(zip(frame.names, frame.values.T, strict=True))
    assert np.isnan(named["c1_vwap_deviation_future_session"]).all()
    assert np.isfinite(named["c1_pivot_cpr_distance"]).any()


def test_levels_of_another_kind_of_underlying_are_not_compared(build_market: Callable[..., Market]) -> None:
    spot, future = build_market(1, kind="spot"), build_market(2)
    frame = compute_features(future.cores[1], future.sessions[1], previous=spot.contexts[0])
    named = dict(zip(frame.names, frame.values.T, strict=True))
    assert np.isnan(named["c1_pivot_cpr_width"]).all()
    assert np.isfinite(named["c1_pivot_position_atm"]).any()


def test_an_empty_session_is_unknown_throughout_and_not_an_error(market: Market) -> None:
    empty = market.cores[1].slice(0, 0)
    frame = compute_features(empty, market.sessions[1], previous=market.contexts[0])
    assert frame.values.shape == (375, 120)
    assert np.isnan(frame.values).all() and np.isnan(frame.score("c1")).all()
    assert frame.confidence("c1").tolist() == [0.0] * 375 and frame.health("c1").tolist() == [0] * 375


def test_scores_confidences_and_healths_stay_in_their_ranges(market: Market) -> None:
    frame = features(market, 5)
    score = frame.score("c1")
    assert np.nanmin(score) >= -1 and np.nanmax(score) <= 1
    assert ((frame.confidence("c1") >= 0) & (frame.confidence("c1") <= 1)).all()
    assert set(frame.health("c1").tolist()) <= {0, 1, 2}


def test_a_context_that_is_not_earlier_is_refused(market: Market) -> None:
    with pytest.raises(DataError, match="earlier sessions only"):
        compute_features(market.cores[1], market.sessions[1], previous=market.contexts[1])


def test_unknown_names_are_refused_with_what_exists(market: Market) -> None:
    with pytest.raises(UsageError, match="known: c1"):
        compute_features(market.cores[0], market.sessions[0], components=("c9",))
    with pytest.raises(UsageError, match="engine is one of"):
        compute_features(market.cores[0], market.sessions[0], engine="fast")


def test_until_before_the_session_is_refused(market: Market) -> None:
    with pytest.raises(UsageError, match="the session opens at 09:15"):
        compute_features(market.cores[0], market.sessions[0], until=554)


def test_what_the_previous_session_remembers_teaches_as_the_contexts_themselves(
    build_market: Callable[..., Market],
) -> None:
    market = build_market(13)
    told = compute_features(
        market.cores[12], market.sessions[12], previous=market.contexts[11], history=market.contexts[:12]
    )
    remembered = compute_features(market.cores[12], market.sessions[12], previous=market.contexts[11])
    assert_same_bits(told, remembered)
    untaught = compute_features(
        market.cores[12], market.sessions[12], previous=market.contexts[11], history=market.contexts[11:12]
    )
    assert not np.array_equal(told.score("c1"), untaught.score("c1"), equal_nan=True)
