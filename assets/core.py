"""Layer ``core``: the canonical chain, its quarantine and its quality report.

The contract and the accounting (raw = core + quarantine) are blocking checks of the asset itself, evaluated
in its own step: nothing downstream starts on a partition that broke them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from assets.checks import (
    ACCOUNTING,
    ACCOUNTING_RULE,
    CONTRACT,
    CONTRACT_RULE,
    VERDICT,
    VERDICT_RULE,
    core_checks,
)
from assets.materialise import Outcome, Output, as_of, station_assets
from assets.partitions import symbol_days
from assets.pictures import quality_heat_map
from mr_platform.environments import Environment
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake

RAW = dg.AssetKey(["raw", "option_chain"])
CORE = dg.AssetKey(["core", "option_chain"])


def freshness(environment: Environment) -> dg.FreshnessPolicy | None:
    """Today's chain is due by 16:30 IST of every weekday, where the environment watches freshness."""
    if "freshness" not in environment.automation:
        return None
    return dg.FreshnessPolicy.cron(
        deadline_cron="30 16 * * 1-5", lower_bound_delta=timedelta(hours=8), timezone="Asia/Kolkata"
    )


def core_assets(environment: Environment) -> list[dg.AssetsDefinition]:
    """``core/option_chain`` with quarantine and quality report."""
    partitions = symbol_days(environment)
    chain = Output(
        "core/option_chain",
        "The canonical, validated chain of one symbol-day: one row per bar, expiry and strike.",
        deps=[RAW],
        freshness=freshness(environment),
        pictures={"quality": quality_heat_map},
    )
    quarantine = Output(
        "core/quarantine", "Every raw row that core refused, with the rule that refused it.", deps=[RAW]
    )
    quality = Output("core/quality_report", "What validation found: counts by rule, coverage, score.", deps=[RAW])
    return [
        station_assets(
            "core_option_chain",
            [chain, quarantine, quality],
            _publish_core,
            partitions,
            checks=[
                dg.AssetCheckSpec(CONTRACT, asset=CORE, blocking=True, description=CONTRACT_RULE),
                dg.AssetCheckSpec(ACCOUNTING, asset=CORE, blocking=True, description=ACCOUNTING_RULE),
                # a failed day is shown, but does not hold up the other days of its run
                dg.AssetCheckSpec(VERDICT, asset=CORE, description=VERDICT_RULE),
            ],
            evaluate=_evaluate,
        ),
    ]


def _publish_core(context: dg.AssetExecutionContext, lake: Lake) -> Callable[[Partition], Any]:
    from mr_platform import stations

    return functools.partial(stations.publish_core, lake, as_of=as_of(context))


def _evaluate(context: dg.AssetExecutionContext, lake: Lake, outcome: Outcome) -> Iterator[dg.AssetCheckResult]:
    yield from core_checks(CORE, lake, list(outcome.finished))
