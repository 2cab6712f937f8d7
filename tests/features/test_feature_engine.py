"""Computing features of a session: where it begins, what it may read of the past, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from mr_platform.errors import DataError, UsageError
from mr_platform.features.catalogue import components
from mr_platform.features.engine import FeatureStream, compute_features
from tests.features.contract_sessions import minutes_of

if TYPE_CHECKING:
    from tests.features.conftest import Market

ONE = ("c1",)


@pytest.fixture(scope="module")
def learned(build_market: Callable[..., Market]) -> Market:
    """Sessions enough to learn weights from."""
    return build_market(13)


def test_all_components_are_computed_where_none_is_named(market: Market) -> None:
    frame = compute_features(market.cores[0], market.sessions[0], until=556)
    assert list(frame.outputs) == [entry.key for entry in components()]
    assert frame.minutes.tolist() == [555, 556] and frame.values.shape == (2, 774)


def test_ticks_before_the_first_rows_change_nothing(learned: Market) -> None:
    core, session, previous = learned.cores[12], learned.sessions[12], learned.contexts[11]
    late = core.filter(pa.array(minutes_of(core) >= 565))
    stream = FeatureStream(session, symbol="NIFTY", previous=previous, components=ONE)
    parts = [stream.push(late.slice(0, 0), until=559), stream.push(late, until=929)]
    whole = compute_features(late, session, previous=previous, components=ONE)
    assert np.array_equal(np.vstack([part.values for part in parts]), whole.values, equal_nan=True)
    assert np.isnan(whole.values[:10]).all()


def test_what_the_previous_session_remembers_teaches_as_the_contexts_themselves(learned: Market) -> None:
    def scores(first: int | None) -> np.ndarray:
        history = () if first is None else learned.contexts[first:12]
        return compute_features(
            learned.cores[12], learned.sessions[12], previous=learned.contexts[11], history=history, components=ONE
        ).score("c1")

    assert np.array_equal(scores(0), scores(None), equal_nan=True)
    assert not np.array_equal(scores(0), scores(11), equal_nan=True)


def test_a_context_that_is_not_earlier_is_refused(market: Market) -> None:
    with pytest.raises(DataError, match="earlier sessions only"):
        compute_features(market.cores[1], market.sessions[1], previous=market.contexts[1], components=ONE)


def test_unknown_names_are_refused_with_what_exists(market: Market) -> None:
    with pytest.raises(UsageError, match="known: c1"):
        compute_features(market.cores[0], market.sessions[0], components=("c9",))
    with pytest.raises(UsageError, match="engine is one of"):
        compute_features(market.cores[0], market.sessions[0], components=ONE, engine="fast")


def test_until_before_the_session_is_refused(market: Market) -> None:
    with pytest.raises(UsageError, match="the session opens at 09:15"):
        compute_features(market.cores[0], market.sessions[0], components=ONE, until=554)
