"""Engines by name, and their one signature each."""

from __future__ import annotations

import inspect

import pytest

from mr_platform.errors import UsageError
from mr_platform.kernels.engine import KERNELS, engine

PUBLIC = {
    "scatter": ("cell_index", "first_seen", "count_cells", "scatter_pair", "first_row_of_bar"),
    "parity": ("forward_and_atm", "expiries_in_sight"),
    "moving": ("ema", "wilder", "true_range", "rolling_mean_std", "rolling_correlation", "least_bars", "empty_state"),
    "black76": ("price", "greeks", "implied_volatility", "chain_greeks", "chain_implied_volatility"),
    "chain_sums": ("strike_sums", "sums_around", "sums_held", "max_pain"),
    "correlation": (
        "unit_columns",
        "correlation_matrix",
        "ledoit_wolf",
        "eigenvalues",
        "mahalanobis",
        "rolling_correlation_matrices",
    ),
}


def test_auto_is_the_compiled_one() -> None:
    assert engine().name == engine("auto").name == "cpu"
    assert engine("reference").moving is not engine("cpu").moving


@pytest.mark.parametrize(("name", "remedy"), [("gpu", "use cpu"), ("fast", "use cpu")])
def test_other_names_are_refused_with_a_remedy(name: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=remedy) as refused:
        engine(name)
    assert refused.value.value == name


@pytest.mark.parametrize("kernel", KERNELS)
def test_implementations_share_their_signatures(kernel: str) -> None:
    for function in PUBLIC[kernel]:
        signatures = []
        for name in ("reference", "cpu"):
            found = getattr(getattr(engine(name), kernel), function)
            signatures.append(inspect.signature(getattr(found, "py_func", found)))
        assert signatures[0] == signatures[1], function
