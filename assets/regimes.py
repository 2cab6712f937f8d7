"""Layer ``regimes``: each component's answer, the platform's answer, the weights behind it and what they learn from."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from assets.checks import RULES, RULES_RULE, rule_check
from assets.features import CONTEXT, FEATURE_TABLES
from assets.materialise import Outcome, Output, as_of, station_assets
from assets.parameters import ACTIVE_SET
from assets.partitions import symbol_days
from assets.pictures import regime_timeline
from mr_platform.environments import Environment
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake

MASTER = dg.AssetKey(["regimes", "master_regime_analysis"])


def regime_assets(environment: Environment) -> list[dg.AssetsDefinition]:
    """The answers, the weights in force and how the answers turned out, of one step.

    A session's weights go on from those of the session before, so each symbol's days are taken in order. The labels
    they learn from are worked out from the context of the sessions, as far as they were known.
    """
    sources = [
        *(dg.AssetDep(table.split("/")) for table in FEATURE_TABLES),
        dg.AssetDep(CONTEXT),
        dg.AssetDep(ACTIVE_SET),
        # "the regime now" is what the nowcast's champion says; the other tasks look ahead and answer nothing here
        dg.AssetDep(["models", "regime_nowcast"]),
    ]
    outputs = [
        Output("regimes/component_analysis_results", "Each component's answer at each bar.", deps=sources),
        Output(
            "regimes/master_regime_analysis",
            "The regime at each bar: probabilities, confidence, and whether the model, the rules or nobody answers.",
            deps=sources,
            pictures={"timeline": regime_timeline},
        ),
        Output(
            "regimes/adaptive_learning_weights",
            "The weights in force in the session, by component, days to expiry and regime, each with why it changed.",
            deps=sources,
        ),
        Output(
            "regimes/component_performance",
            "How the session's answers turned out, by component, days to expiry and regime known at the bar.",
            deps=sources,
            # a session under way has not turned out
            optional=True,
        ),
    ]
    return [
        station_assets(
            "regimes",
            outputs,
            _publish_regimes,
            symbol_days(environment),
            checks=[dg.AssetCheckSpec(RULES, asset=MASTER, description=RULES_RULE)],
            evaluate=_evaluate,
            in_date_order=True,
        )
    ]


def _publish_regimes(context: dg.AssetExecutionContext, lake: Lake) -> Callable[[Partition], Any]:
    from mr_platform import stations

    return functools.partial(stations.publish_regimes, lake, as_of=as_of(context))


def _evaluate(context: dg.AssetExecutionContext, lake: Lake, outcome: Outcome) -> Iterator[dg.AssetCheckResult]:
    yield rule_check(MASTER, lake, list(outcome.finished), as_of(context))
