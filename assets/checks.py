"""Asset checks: what must hold before anything downstream starts, and what is looked at when the day is over.

Contract and accounting run inside the core step. The great_expectations suite is a check of its own, because
its import alone takes seconds: it is part of the end of the day, never of the intraday path.
"""

import resource
from collections.abc import Iterator, Sequence
from datetime import datetime

import dagster as dg

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import nse_calendar
from resources.lake import LakeResource
from schemas.tables import CORE_OPTION_CHAIN

CONTRACT = "contract"
CONTRACT_RULE = "Columns, types, ranges and unique key are as schemas/ says."
ACCOUNTING = "raw_is_core_plus_quarantine"
ACCOUNTING_RULE = "Raw rows = rows that stand in core + quarantined rows."
VERDICT = "quality_verdict"
VERDICT_RULE = "No symbol-day of the run was judged failed by the quality rules (coverage, rows against usual)."
EXPECTATIONS = "end_of_day_expectations"
RULES = "validation_rules"
RULES_RULE = "No rule of the workbook's sheet ValidationRules with severity ERROR or CRITICAL has hit."
# the newest symbol-days of a run are looked at: a backfill of years would spend more on rules than on its data
RULES_UP_TO = 4


def core_checks(key: dg.AssetKey, lake: Lake, partitions: Sequence[Partition]) -> Iterator[dg.AssetCheckResult]:
    """Contract and accounting of the run's symbol-days, one result each; any failed day fails the check."""
    broken = {str(p): reason for p in partitions if (reason := contract_breach(lake, p))}
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=CONTRACT,
        passed=not broken,
        metadata={"partitions": len(partitions), "broken": dg.MetadataValue.json(broken)},
    )
    counts = {str(p): row_counts(lake, p) for p in partitions}
    wrong = {p: c for p, c in counts.items() if c["raw"] != c["core"] + c["quarantined"]}
    totals = {name: sum(c[name] for c in counts.values()) for name in ("raw", "core", "quarantined")}
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=ACCOUNTING,
        passed=not wrong,
        metadata={**totals, "wrong": dg.MetadataValue.json(wrong)},
    )
    yield quality_verdicts(key, lake, partitions)


def quality_verdicts(key: dg.AssetKey, lake: Lake, partitions: Sequence[Partition]) -> dg.AssetCheckResult:
    """The quality report's own verdict: failed symbol-days are named with the reason, the others not held up."""
    failed = {}
    for partition in partitions:
        report = lake.read("core/quality_report", partition, columns=["status", "reason", "score"])
        first = report.slice(0, 1).to_pylist()
        if first and first[0]["status"] == "failed":
            failed[str(partition)] = first[0]["reason"]
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=VERDICT,
        passed=not failed,
        metadata={"partitions": len(partitions), "failed": dg.MetadataValue.json(failed)},
    )


def contract_breach(lake: Lake, partition: Partition) -> str:
    """What the contract of core/option_chain finds wrong in a published partition; empty where nothing is."""
    from schemas.contracts import check_contract

    failures = check_contract(lake.read(CORE_OPTION_CHAIN.name, partition), CORE_OPTION_CHAIN)
    return "; ".join(str(failure) for failure in failures)


def row_counts(lake: Lake, partition: Partition) -> dict[str, int]:
    """Raw rows that had been known when core was made, raw rows in core bars, and quarantined rows."""
    import pyarrow.compute as pc

    report = lake.read("core/quality_report", partition, columns=["raw_rows"])
    core = lake.read(CORE_OPTION_CHAIN.name, partition, columns=["raw_rows"])
    quarantine = lake.describe("core/quarantine", partition)
    return {
        "raw": int(report.column("raw_rows")[0].as_py()) if report.num_rows else 0,
        "core": int(pc.sum(core.column("raw_rows")).as_py() or 0),
        "quarantined": quarantine.rows if quarantine is not None else 0,
    }


def rule_check(
    key: dg.AssetKey, lake: Lake, partitions: Sequence[Partition], moment: datetime | None
) -> dg.AssetCheckResult:
    """The workbook's ValidationRules on the newest symbol-days of a run; a hit of ERROR or CRITICAL fails it."""
    from mr_platform import stations

    newest = sorted(partitions, key=lambda one: one.trade_date)[-RULES_UP_TO:]
    found = {
        str(one): stations.validation_outcomes(lake, one, as_of=moment, memory_mb=peak_memory_mb()) for one in newest
    }
    columns = ("rule", "condition", "severity", "action", "status", "count", "place", "reason")
    records = [
        dg.TableRecord({"partition": day, **{name: getattr(outcome, name) for name in columns}})
        for day, outcomes in found.items()
        for outcome in outcomes
        if outcome.status in ("hit", "unknown")
    ]
    hits = [outcome for outcomes in found.values() for outcome in outcomes if outcome.status == "hit"]
    schema = dg.TableSchema(
        columns=[dg.TableColumn(name, "int" if name == "count" else "string") for name in ("partition", *columns)]
    )
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=RULES,
        passed=not any(one.severity in ("ERROR", "CRITICAL") for one in hits),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "partitions": sorted(found),
            "hits": len(hits),
            "rules hit or unknown": dg.MetadataValue.table(records, schema=schema),
        },
    )


def peak_memory_mb() -> float:
    """Most memory that this process, or one that it waited for, has held."""
    used = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return used / 1024


def expectation_check(key: dg.AssetKey) -> dg.AssetChecksDefinition:
    """The great_expectations suite over the newest session of each symbol in the lake."""

    @dg.asset_check(
        asset=key,
        name=EXPECTATIONS,
        description="Table-level expectations of the newest session of each symbol, after the close.",
    )
    def end_of_day_expectations(lake: LakeResource) -> dg.AssetCheckResult:
        opened = lake.open()
        newest: dict[str, Partition] = {}
        for partition in opened.partitions(CORE_OPTION_CHAIN.name):
            newest[partition.symbol] = max(partition, newest.get(partition.symbol, partition))
        found = {str(partition): unmet_expectations(opened, partition) for partition in newest.values()}
        unmet = {name: lines for name, lines in found.items() if lines}
        return dg.AssetCheckResult(
            passed=bool(found) and not unmet,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"partitions": sorted(found), "unmet": dg.MetadataValue.json(unmet)},
        )

    return end_of_day_expectations


def unmet_expectations(lake: Lake, partition: Partition) -> list[str]:
    """The expectations that the partition does not meet, each with its columns and what was found."""
    from schemas.expectations import run_suite

    session = nse_calendar().session(partition.trade_date)
    result = run_suite(lake.read(CORE_OPTION_CHAIN.name, partition), session_minutes=session.n_bars)
    return [f"{outcome.expectation} ({outcome.subject}): {outcome.observed}" for outcome in result.failed]
