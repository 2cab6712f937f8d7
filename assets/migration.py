"""Layer ``migration``: the way out of HeavyDB, source to raw, and what proves it.

What belongs here: which partitions a run moves and what people see of them. Planning, moving, proving and comparing are
the stations' work. Plan and transfer are registered where the environment's automation names ``migration``, the
comparison where it names ``parallel_run``, whether or not a server is named at the moment: a graph that changed with a
variable would lose its history, and a run without a server fails with the variables that it lacks. Taking the first
word out is the cut-over; without the second nothing of the code location reads HeavyDB.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from assets.checks import EXPECTATIONS as SUITE
from assets.features import CONTEXT
from assets.materialise import OWNERS, PICTURES_UP_TO, Outcome, partitions_of, refusal, run_station
from assets.metadata import inline_png, plain, table_metadata
from assets.partitions import symbol_days
from mr_platform.environments import Environment
from mr_platform.errors import DataError, MrError
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from resources.workers import Workers

PLAN = dg.AssetKey(["migration", "plan"])
MIGRATED = dg.AssetKey(["migration", "option_chain"])
LEDGER = dg.AssetKey(["migration", "ledger"])
COMPARISON = dg.AssetKey(["migration", "comparison"])

POOL = "heavydb"
# a session of the source takes about a second: enough of them that starting a run does not show
PARTITIONS_PER_RUN = 20

VERIFIED = "verified"
VERIFIED_RULE = "Every symbol-day of the run is proven equal to the source, by every named check."
ARRIVED = "migrated_expectations"
ARRIVED_RULE = "Table-level expectations of each migrated symbol-day: its columns, rows, day and symbol arrived."
SAME = "same_on_both_sides"
SAME_RULE = "Read again today, source and lake hold the same rows of every symbol-day of the run."


def is_moving(environment: Environment) -> bool:
    """Whether the environment still takes rows from HeavyDB: it has not cut over."""
    return "migration" in environment.automation


def migration_assets(environment: Environment) -> list[dg.AssetsDefinition]:
    """The ledger's table; plan and transfer before the cut-over; the comparison while both sides are there."""
    moving = [_plan(), _option_chain(environment)] if is_moving(environment) else []
    comparing = [_comparison(environment)] if "parallel_run" in environment.automation else []
    return [*moving, _ledger(environment), *comparing]


def migrate_job() -> AssetJob:
    """Any set of symbol-days from HeavyDB to core: what an operator backfills month by month."""
    # the daily context is made in one step with the features, which the ordinary graph computes from this core
    core = dg.AssetSelection.groups("raw", "core") - dg.AssetSelection.assets(CONTEXT)
    day = dg.AssetSelection.assets(MIGRATED) | core
    return dg.define_asset_job(
        "migrate",
        selection=day - dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(["core", "option_chain"]), SUITE)),
        description="HeavyDB to core for any set of symbol-days: moved, proven, validated.",
        executor_def=dg.in_process_executor,
    )


def _plan() -> dg.AssetsDefinition:
    @dg.asset(
        key=PLAN,
        description="What there is to move: tables, schemas and sessions of the source, entered into the ledger.",
        group_name="migration",
        owners=OWNERS,
        kinds={"heavydb"},
        pool=POOL,
        required_resource_keys={"lake", "heavydb", "clock"},
    )
    def migration_plan(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from mr_platform import stations

        document = stations.plan_migration(
            context.resources.lake.open(), context.resources.heavydb.settings(), now=context.resources.clock.now()
        )
        tables = document["tables"]
        return dg.MaterializeResult(
            metadata={
                "tables": len(tables),
                "partitions": sum(table["partitions"] for table in tables),
                "source_rows": sum(table["rows"] for table in tables),
                "rows_to_move": sum(table["rows_to_move"] for table in tables),
                "plan": dg.MetadataValue.md(markdown_table([stations.plan_row(table) for table in tables])),
                "columns": dg.MetadataValue.json({table["table"]: table["columns"] for table in tables}),
                "ignored": dg.MetadataValue.json(document["ignored"]),
            }
        )

    return migration_plan


def _option_chain(environment: Environment) -> dg.AssetsDefinition:
    @dg.asset(
        key=MIGRATED,
        deps=[PLAN],
        partitions_def=symbol_days(environment),
        description="A symbol-day moved from HeavyDB into raw/option_chain and proven equal to the source bit for bit.",
        group_name="migration",
        owners=OWNERS,
        kinds={"heavydb", "parquet"},
        pool=POOL,
        backfill_policy=dg.BackfillPolicy.multi_run(PARTITIONS_PER_RUN),
        required_resource_keys={"lake", "heavydb", "clock"},
        check_specs=[
            # what is not proven goes no further
            dg.AssetCheckSpec(VERIFIED, asset=MIGRATED, blocking=True, description=VERIFIED_RULE),
            dg.AssetCheckSpec(ARRIVED, asset=MIGRATED, description=ARRIVED_RULE),
        ],
    )
    def migration_option_chain(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization | dg.AssetCheckResult]:
        from mr_platform import stations

        lake: Lake = context.resources.lake.open()
        heavydb = context.resources.heavydb
        wanted = partitions_of(context)
        # what was proven before is proven again: who materialises it wants to know how it stands today
        known = stations.migrated(lake, wanted)
        before = frozenset(p for p, moved in known.items() if moved is not None and moved.state == "verified")
        stations.migrate(
            lake,
            heavydb.settings(),
            stations.Chosen(partitions=frozenset(wanted)),
            workers=heavydb.workers,
            retry=True,
            now=context.resources.clock.now,
        )
        again: list[stations.Moved] = []
        if before:
            today = stations.Chosen(partitions=before)
            again = stations.verify_migrated(
                lake, heavydb.settings(), today, again=True, now=context.resources.clock.now()
            )
        # the ledger keeps what was proven before; that it could not be proven today is said by the call alone
        outcome = _outcome(stations.migrated(lake, wanted) | {moved.partition: moved for moved in again})
        shown = {p: _shown(report) for p, report in outcome.finished.items()}
        if outcome.refused:
            for partition, metadata in shown.items():
                yield dg.AssetMaterialization(MIGRATED, partition=str(partition), metadata=metadata)
            raise refusal(outcome)
        for partition, metadata in shown.items():
            context.add_asset_metadata(metadata, partition_key=str(partition))
        digests = [str(metadata.get("digest", "")) for metadata in shown.values()]
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(digests[0]) if len(digests) == 1 and digests[0] else None
        )
        yield _verified(outcome)
        yield _arrived(lake, list(outcome.finished))

    return migration_option_chain


def _outcome(found: Mapping[Partition, Any]) -> Outcome:
    """A partition that was stopped is refused; one found different is there, and the blocking check says so."""
    stopped = {p: m for p, m in found.items() if m is not None and m.is_open and m.state != "mismatched"}
    errors: dict[Partition, MrError] = {
        partition: DataError(
            rule="a partition is moved in one go or in three attempts",
            value=moved.reason or moved.state,
            place=f"{moved.table} {partition}",
            remedy="mr migrate failures tells why; when it is mended, materialise the partition again",
        )
        for partition, moved in stopped.items()
    }
    return Outcome({p: m for p, m in found.items() if p not in stopped}, errors)


def _shown(moved: Any) -> dict[str, Any]:
    """Metadata of one migrated symbol-day."""
    if moved is None:
        return {"state": "not in the plan: the source has no rows of it", "dagster/row_count": 0}
    found = {"state": moved.state, "source_rows": moved.source_rows, "dagster/row_count": moved.lake_rows or 0}
    found |= {"digest": moved.digest, "source_table": moved.table, "seconds": round(moved.seconds, 3)}
    found |= {f"check/{name}": plain(said) for name, said in moved.checks.items()}
    return found | ({"reason": moved.reason} if moved.reason else {})


def _verified(outcome: Outcome) -> dg.AssetCheckResult:
    known = {p: m for p, m in outcome.finished.items() if m is not None}
    unproven = {str(p): f"{m.state}: {m.reason}" for p, m in known.items() if not m.is_proven}
    return dg.AssetCheckResult(
        asset_key=MIGRATED,
        check_name=VERIFIED,
        passed=not unproven,
        metadata={
            "partitions": len(known),
            "rows": sum(moved.lake_rows or 0 for moved in known.values()),
            "unproven": dg.MetadataValue.json(unproven),
        },
    )


def _arrived(lake: Lake, partitions: Sequence[Partition]) -> dg.AssetCheckResult:
    from mr_platform import stations

    found = {str(p): stations.unmet_by_migrated(lake, p) for p in partitions}
    judged = {name: lines for name, lines in found.items() if lines is not None}
    unmet = {name: lines for name, lines in judged.items() if lines}
    return dg.AssetCheckResult(
        asset_key=MIGRATED,
        check_name=ARRIVED,
        passed=not unmet,
        metadata={"partitions": len(judged), "unmet": dg.MetadataValue.json(unmet)},
    )


def _ledger(environment: Environment) -> dg.AssetsDefinition:
    @dg.asset(
        key=LEDGER,
        deps=[MIGRATED] if is_moving(environment) else [],
        description="Every partition to be moved with the state it has reached, as a table for the marts.",
        group_name="migration",
        owners=OWNERS,
        kinds={"parquet"},
        metadata=table_metadata("migration/ledger"),
        required_resource_keys={"lake"},
    )
    def migration_ledger(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        from mr_platform import stations

        lake = context.resources.lake.open()
        stations.publish_ledger(lake)
        tables = stations.migration_status(lake)["tables"]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(table["partitions"] for table in tables),
                "states": dg.MetadataValue.md(markdown_table([stations.status_row(table) for table in tables])),
            }
        )

    return migration_ledger


def _comparison(environment: Environment) -> dg.AssetsDefinition:
    @dg.asset(
        key=COMPARISON,
        deps=[MIGRATED] if is_moving(environment) else [],
        partitions_def=symbol_days(environment),
        description="The parallel run: any symbol-day read again from HeavyDB and from the lake, and what differs.",
        group_name="migration",
        owners=OWNERS,
        kinds={"heavydb"},
        pool=POOL,
        backfill_policy=dg.BackfillPolicy.multi_run(PARTITIONS_PER_RUN),
        required_resource_keys={"lake", "heavydb"},
        check_specs=[dg.AssetCheckSpec(SAME, asset=COMPARISON, description=SAME_RULE)],
    )
    def migration_comparison(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization | dg.AssetCheckResult]:
        from mr_platform import stations

        lake, settings = context.resources.lake.open(), context.resources.heavydb.settings()
        wanted = partitions_of(context)
        work = functools.partial(stations.compare_with_source, lake, settings)
        # not by the workers' processes: the server is asked by one session at a time
        outcome = run_station(context, Workers(processes=1), work)
        shown = {p: _compared(p, found, draw=len(wanted) <= PICTURES_UP_TO) for p, found in outcome.finished.items()}
        if outcome.refused:
            for partition, metadata in shown.items():
                yield dg.AssetMaterialization(COMPARISON, partition=str(partition), metadata=metadata)
            raise refusal(outcome)
        for partition, metadata in shown.items():
            context.add_asset_metadata(metadata, partition_key=str(partition))
        different = {str(p): found.verdict for p, found in outcome.finished.items() if not found.same}
        yield dg.MaterializeResult()
        yield dg.AssetCheckResult(
            asset_key=COMPARISON,
            check_name=SAME,
            passed=not different,
            metadata={"partitions": len(wanted), "different": dg.MetadataValue.json(different)},
        )

    return migration_comparison


def _compared(partition: Partition, found: Any, *, draw: bool) -> dict[str, Any]:
    """Metadata of one compared symbol-day."""
    from mr_platform import stations

    metadata = {name: plain(value) for name, value in found.summary().items()}
    if found.differences:
        metadata["differences"] = dg.MetadataValue.md(markdown_table(found.examples()))
    if draw:
        metadata["picture"] = inline_png(stations.comparison_picture(found), f"both sides of {partition}")
    return metadata


def markdown_table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as a Markdown table, which an asset's page shows; an empty text for none."""
    if not rows:
        return ""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    lines += [f"| {' | '.join(str(row[name]).replace('|', '/') for name in names)} |" for row in rows]
    return "\n".join(lines)
