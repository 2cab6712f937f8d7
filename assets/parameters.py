"""Layer ``parameters``: the active parameter set, upstream of everything that reads a parameter.

Not partitioned: one set steers all symbol-days. Its data version is the digest of the set's values, so that a
changed value makes what was computed with another one stale, and a changed description does not. Nothing here is on
the five-minute path: stations read the active set from the lake.
"""

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob

from assets.materialise import OWNERS
from mr_platform.environments import acting_user
from mr_platform.errors import MrError
from mr_platform.lake.store import Lake
from resources.clock import Clock
from resources.lake import LakeResource
from resources.parameters import WorkbookFile

if TYPE_CHECKING:
    from mr_platform.parameters.findings import Finding
    from mr_platform.parameters.loading import Loaded

ACTIVE_SET = dg.AssetKey(["parameters", "active_set"])
# rows of a table on the asset's page; the counts beside it are of all
_SHOWN = 100


def parameter_assets() -> list[dg.AssetsDefinition]:
    """``parameters/active_set``."""

    @dg.asset(
        key=ACTIVE_SET,
        group_name="parameters",
        owners=OWNERS,
        kinds={"python", "excel"},
        description=(
            "The parameters in force: the workbook named by MR_WORKBOOK where it says something new, else the newest "
            "version in the lake, with the environment's overrides where neither has spoken, else the declared "
            "defaults. A workbook with faults is refused whole, and the set before it stays."
        ),
    )
    def active_set(lake: LakeResource, workbook: WorkbookFile, clock: Clock) -> dg.MaterializeResult:
        from mr_platform.parameters import loading

        opened, path = lake.open(), workbook.path()
        source = path.name if path is not None else "the environment"
        try:
            loaded = loading.take_up(opened, path, os.environ, who=acting_user(), when=clock.now())
        except MrError as error:
            raise dg.Failure(
                description=f"{source} is refused, the set before it stays: {error}",
                metadata={"source": source, **error.as_dict()},
                allow_retries=False,
            ) from error
        if loaded.parameter_set.faults:
            raise _refused(loaded, source)
        return _result(opened, loaded)

    return [active_set]


def parameter_sensor(job: AssetJob) -> dg.SensorDefinition:
    """Asks whether the workbook's file or the newest version in the lake is another, and has the set taken up if so."""

    @dg.sensor(
        name="parameters_changed",
        job=job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="A changed workbook, or a version published by hand, becomes the active set within a minute.",
    )
    def parameters_changed(
        context: dg.SensorEvaluationContext, lake: LakeResource, workbook: WorkbookFile
    ) -> dg.SensorResult | dg.SkipReason:
        from mr_platform.lake.digest import bytes_digest
        from mr_platform.parameters import versions
        from mr_platform.parameters.overrides import overrides_in
        from mr_platform.parameters.resolution import canonical

        latest = versions.latest(lake.open())
        seen = f"version {latest.number if latest is not None else 0}, workbook {workbook.stamp() or 'none'}"
        overrides = overrides_in(os.environ)
        if overrides:
            seen += f", overrides {bytes_digest(canonical(overrides))[:12]}"
        if seen == context.cursor:
            return dg.SkipReason(f"nothing new: {seen}")
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key=seen)], cursor=seen)

    return parameters_changed


def _refused(loaded: "Loaded", source: str) -> dg.Failure:
    """The failure that names every fault of a workbook."""
    faults = loaded.parameter_set.faults
    first = faults[0]
    return dg.Failure(
        description=f"{source} has {len(faults)} faults, the set before it stays; "
        f"first: {first.where}: {first.value} ({first.rule})",
        metadata={"faults": len(faults), "every fault": _table(faults)},
        # the workbook will be as wrong on a second attempt
        allow_retries=False,
    )


def _result(lake: Lake, loaded: "Loaded") -> dg.MaterializeResult:
    from mr_platform.parameters import versions
    from mr_platform.parameters.difference import difference
    from mr_platform.parameters.liveness import planned_parameters
    from mr_platform.parameters.resolution import default_set
    from mr_platform.parameters.validation import contradictions_of

    history = versions.history(lake)
    present = versions.read_with_origins(lake, history[-1]) if history else default_set()
    before = versions.read(lake, history[-2]) if len(history) > 1 else default_set()
    changes = difference(before, present)
    against = f"version {history[-2].number}" if len(history) > 1 else "the declared defaults"
    origins = Counter(one.origin for one in present.resolved.values())
    disagreements = contradictions_of(present)
    metadata: dict[str, Any] = {}
    if history:
        last = history[-1]
        metadata |= {"version": last.number, "who": last.who, "when": last.when, "why": last.why}
        metadata["source"] = last.source or "changed by hand"
    metadata |= {
        "changes": len(changes),
        f"changes against {against}": _changes(changes),
        "digest": present.digest,
        "dagster/row_count": len(present.resolved),
        "parameters": len(present.declared.parameters),
        "records": sum(len(keys) for keys in present.keys.values()),
        "planned": len(planned_parameters(present.declared)),
        "origins": dg.MetadataValue.json(dict(origins)),
        "contradictions": len(disagreements),
        "every contradiction": _table(disagreements),
    }
    warnings = loaded.parameter_set.warnings
    metadata |= {"warnings": len(warnings), "every warning": _table(warnings)}
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(present.steering_digest))


def _table(findings: "tuple[Finding, ...] | list[Finding]") -> dg.TableMetadataValue:
    records = [dg.TableRecord(one.as_dict()) for one in findings[:_SHOWN]]
    columns = [dg.TableColumn(name, "string") for name in ("where", "value", "rule", "remedy")]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def _changes(changes: list[Any]) -> dg.TableMetadataValue:
    records = [
        dg.TableRecord({"id": one.id, "before": str(one.before), "after": str(one.after), "steers": one.steers})
        for one in changes[:_SHOWN]
    ]
    columns = [dg.TableColumn(name, "string") for name in ("id", "before", "after", "steers")]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))
