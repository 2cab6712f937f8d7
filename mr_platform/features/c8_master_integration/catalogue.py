"""The 48 features of C8 in column order."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from mr_platform.features.catalogue import FeatureSpec
from schemas.tables import REGIMES

INF = float("inf")
SHARE = (0.0, 1.0)
UNIT = (-1.0, 1.0)
COMPONENTS = tuple(f"c{n}" for n in range(1, 8))

WEIGHTS = ("weights.by_dte", "history.range_bounds")
RULE = ("rules", *WEIGHTS)
EFFECTIVE = (*WEIGHTS, "degraded_weight")
SHORT, MIDDLE, LONG = "short_minutes", "middle_minutes", "long_minutes"
COVERAGE = "windows.coverage"
PERFORMANCE = (*RULE, SHORT, LONG, COVERAGE, "learning.least_dte", "learning.lookback")


def _spec(
    group: str,
    quantity: str,
    description: str,
    *,
    unit: str,
    bounds: tuple[float, float],
    warmup: int = 1,
    parameters: tuple[str, ...] = (),
) -> FeatureSpec:
    return FeatureSpec(f"c8_{group}_{quantity}", "c8", group, description, unit, bounds, warmup, parameters)


def _against(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """What steers a balance of some regimes: their signatures, and the rule's constants."""
    own = tuple(f"rules.signatures[{code}]" for code in REGIMES if code in (*first, *second))
    return ("rules.score_share", "rules.match_floor", *own, *WEIGHTS)


def _regime() -> Iterator[FeatureSpec]:
    spec = functools.partial(_spec, "regime")
    for code in REGIMES:
        yield spec(
            f"p_{code.lower()}",
            f"probability of {code} by the signatures: .8 weighted match + .2 share that match, over the eight's sum",
            unit="probability",
            bounds=SHARE,
            parameters=RULE,
        )
    yield spec(
        "margin",
        "probability of the leading regime less that of the second",
        unit="probability",
        bounds=SHARE,
        parameters=RULE,
    )
    yield spec(
        "entropy",
        "-sum p ln p over ln 8 of the eight probabilities: 1 where nothing is told apart",
        unit="share",
        bounds=SHARE,
        parameters=RULE,
    )
    yield spec(
        "expansion",
        "(e - c) / (e + c), e the support of expanding volatility (TBVE, CBV), c of contracting (HVC, VCPE)",
        unit="balance",
        bounds=UNIT,
        parameters=_against(("TBVE", "CBV"), ("HVC", "VCPE")),
    )
    yield spec(
        "trend_break",
        "(b - h) / (b + h), b the mean support of a breaking trend (TBVE, TBVS), h that of the other six",
        unit="balance",
        bounds=UNIT,
        parameters=RULE,
    )
    yield spec(
        "sentiment",
        "(g - p) / (g + p), g the support of good sentiment (SCGS), p of poor (PSED)",
        unit="balance",
        bounds=UNIT,
        parameters=_against(("SCGS",), ("PSED",)),
    )
    for minutes, name in ((15, SHORT), (30, MIDDLE), (60, LONG)):
        yield spec(
            f"shift_{minutes}",
            f"total variation between the eight probabilities now and {minutes} minutes ago",
            unit="probability",
            bounds=SHARE,
            warmup=minutes + 1,
            parameters=(*RULE, name),
        )
    yield spec(
        "lead_minutes",
        "classified minutes in a row that the leading regime has led in the session",
        unit="minutes",
        bounds=(1.0, INF),
        parameters=RULE,
    )
    yield spec(
        "flips_60",
        "changes of the leading regime in the last 60 minutes",
        unit="changes",
        bounds=(0.0, 60.0),
        warmup=48,
        parameters=(*RULE, LONG, COVERAGE),
    )
    yield spec(
        "momentum_30",
        "probability of the regime that leads now less its own 30 minutes ago",
        unit="probability",
        bounds=UNIT,
        warmup=31,
        parameters=(*RULE, MIDDLE),
    )
    yield spec(
        "fit",
        "weighted match of the scores with the signature of the leading regime, before it is compared with others",
        unit="match",
        bounds=SHARE,
        parameters=RULE,
    )


def _dte() -> Iterator[FeatureSpec]:
    spec = functools.partial(_spec, "dte", parameters=EFFECTIVE)
    for key in COMPONENTS:
        yield spec(
            f"weight_{key}",
            f"share of {key} in the weights in force: weight at its DTE range x confidence x health, over their sum",
            unit="share",
            bounds=SHARE,
        )
    for key in COMPONENTS:
        yield spec(
            f"contribution_{key}",
            f"score of {key} times its share in the weights in force",
            unit="score",
            bounds=UNIT,
        )
    yield spec(
        "concentration",
        "sum of the squared shares of the components in the weights in force: 1 where one speaks alone",
        unit="share",
        bounds=SHARE,
    )


def _structure() -> Iterator[FeatureSpec]:
    spec = functools.partial(_spec, "structure")
    yield spec(
        "drift_15",
        "root mean square over the components of their mean score in 15 minutes less that of the session before",
        unit="score",
        bounds=(0.0, 2.0),
        warmup=27,
        parameters=(SHORT, COVERAGE),
    )
    yield spec(
        "jump_15",
        "root mean square over the components of the change of their scores in 15 minutes",
        unit="score",
        bounds=(0.0, 2.0),
        warmup=16,
        parameters=(SHORT,),
    )
    yield spec(
        "turn_30",
        "cosine between the scores now and those 30 minutes ago, over the components that spoke at both times",
        unit="cosine",
        bounds=UNIT,
        warmup=31,
        parameters=(MIDDLE,),
    )
    yield spec(
        "dispersion_change_30",
        "population standard deviation of the scores now less that 30 minutes ago",
        unit="score",
        bounds=UNIT,
        warmup=31,
        parameters=(MIDDLE,),
    )
    yield spec(
        "agreement_change_30",
        "change over 30 minutes of |sum of contributions| over the sum of their sizes",
        unit="share",
        bounds=UNIT,
        warmup=31,
        parameters=(*EFFECTIVE, MIDDLE),
    )
    yield spec(
        "performance_shift_60",
        "share of the last 60 minutes led by the regime that led 15 minutes earlier, over its usual value, less 1",
        unit="fraction",
        bounds=(-1.0, INF),
        warmup=63,
        parameters=PERFORMANCE,
    )
    yield spec(
        "change_30",
        "mean over 30 minutes of that shift's size, on a scale where one that is flagged is 1 and one to adapt to is 2",
        unit="grade",
        bounds=(0.0, INF),
        warmup=86,
        parameters=(*PERFORMANCE, MIDDLE, "structure.flag", "structure.adapt"),
    )
    yield spec(
        "rotation_60",
        "total variation between the components' shares in the weights in force now and 60 minutes ago",
        unit="share",
        bounds=SHARE,
        warmup=61,
        parameters=(*EFFECTIVE, LONG),
    )


def _integration() -> Iterator[FeatureSpec]:
    spec = functools.partial(_spec, "integration", parameters=EFFECTIVE)
    yield spec(
        "score",
        "scores of the components by their shares in the weights in force",
        unit="score",
        bounds=UNIT,
    )
    yield spec(
        "confidence",
        "confidence of the seven by weight and health, one without a score counting as none, times their agreement",
        unit="share",
        bounds=SHARE,
    )
    yield spec(
        "agreement",
        "1 - standard deviation of the scores by their shares in the weights in force",
        unit="share",
        bounds=SHARE,
    )
    yield spec(
        "synergy_pairs",
        "mean over the pairs of components, by the product of shares, of the signed root of their scores' product",
        unit="score",
        bounds=UNIT,
    )
    yield spec(
        "synergy_triads",
        "mean over the triads, by the product of shares, of the geometric mean of scores of one sign, 0 for mixed ones",
        unit="score",
        bounds=UNIT,
    )


@functools.lru_cache(maxsize=1)
def features() -> tuple[FeatureSpec, ...]:
    """All features of C8: regime 20, dte 15, structure 8, integration 5."""
    return (*_regime(), *_dte(), *_structure(), *_integration())
