"""Classification by signatures: both implementations give the same bits, whatever is missing."""

from __future__ import annotations

import numpy as np
import pytest

from mr_platform.kernels.cpu import signatures as compiled
from mr_platform.kernels.reference import signatures as plain
from mr_platform.kernels.reference.signatures import NO_REGIME
from mr_platform.parameters.objects import defaults
from mr_platform.parameters.regimes import RuleParameters, WeightParameters

RULES = defaults(RuleParameters)
TABLE = np.array(RULES.table())
WEIGHTS = np.array(list(defaults(WeightParameters).by_dte.values()))


@pytest.mark.parametrize("decimals", [1, 2, 17])
@pytest.mark.parametrize("missing", [0.0, 0.3, 0.8])
def test_both_implementations_give_the_same_bits(decimals: int, missing: float) -> None:
    rng = np.random.default_rng(decimals)
    scores = np.round(rng.uniform(-1, 1, (400, 7)), decimals)
    scores[rng.random(scores.shape) < missing] = np.nan
    weights = WEIGHTS[rng.integers(0, 3, 400)]
    weights[rng.random(400) < 0.1 * missing] = np.nan
    one, other = (
        kernel.classify_rows(scores, weights, TABLE, RULES.score_share, RULES.match_floor)
        for kernel in (compiled, plain)
    )
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_row_without_scores_or_weights_has_no_regime() -> None:
    scores = np.array([[np.nan] * 7, [0.1] * 7])
    for weights in (WEIGHTS[0], np.array([WEIGHTS[0], [np.nan] * 7])):
        p, fit, regime = compiled.classify_rows(scores, weights, TABLE, RULES.score_share, RULES.match_floor)
        assert regime[0] == NO_REGIME and np.isnan(p[0]).all() and np.isnan(fit[0]).all()
    assert regime[1] == NO_REGIME


def test_scores_on_a_signature_fit_it_wholly() -> None:
    middle = TABLE[1:].mean(axis=0)
    _, fit, _ = compiled.classify_rows(middle, WEIGHTS[0], TABLE, RULES.score_share, RULES.match_floor)
    np.testing.assert_allclose(np.diag(fit), 1.0)
