"""What people see on an asset's page: schema, row count, digest, times, and pictures.

What belongs here: turning published partitions and schemas into Dagster metadata values.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import dagster as dg

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake, Publication
from schemas.daily_context import DAILY_CONTEXT
from schemas.labels import LABEL_TABLES
from schemas.tables import TABLES, TableSchema
from schemas.weights import WEIGHT_TABLES

if TYPE_CHECKING:
    from assets.materialise import Output


def table_metadata(table: str) -> dict[str, Any]:
    """Static metadata of a table: its columns with unit and meaning, its key and its version."""
    schema = _schema(table)
    if schema is None:
        return {}
    columns = [
        dg.TableColumn(
            name=column.name,
            type=str(column.type),
            description=f"{column.description} [{column.unit}]" if column.unit else column.description,
            constraints=dg.TableColumnConstraints(nullable=column.nullable),
        )
        for column in schema.columns
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "schema_version": schema.version,
        "key": ", ".join(schema.key),
        **_feature_metadata(table),
    }


def _feature_metadata(table: str) -> dict[str, Any]:
    """What a component's table says of itself beyond its columns: how many features, in which groups, for what."""
    from mr_platform.features.catalogue import components
    from mr_platform.features.groups import GUIDES, by_group

    for entry in components():
        if entry.table == table:
            rows = ["| group | features | question |", "|---|---|---|"]
            for name, features in by_group(entry).items():
                group = GUIDES[entry.key].groups[name]
                rows.append(f"| {group.title} (`{entry.key}_{name}_`) | {len(features)} | {group.purpose} |")
            return {
                "features": len(entry.features),
                "groups": dg.MetadataValue.md("\n".join(rows)),
                "score": GUIDES[entry.key].score,
            }
    return {}


def _schema(table: str) -> TableSchema | None:
    """The contract of a table; a component's comes from its catalogue."""
    if table.startswith("features/"):
        from mr_platform.features.catalogue import components
        from mr_platform.features.tables import table_schema

        return next((table_schema(entry.key) for entry in components() if entry.table == table), None)
    labels = {one.name: one for one in LABEL_TABLES.values()}
    return {**TABLES, **WEIGHT_TABLES, **labels, DAILY_CONTEXT.name: DAILY_CONTEXT}.get(table)


def publication_metadata(
    lake: Lake, output: Output, partition: Partition, published: Publication, report: Any, *, draw: bool
) -> dict[str, Any]:
    """Metadata of one published partition. ``report`` is the station's; pictures only where ``draw``."""
    metadata: dict[str, Any] = {
        "dagster/row_count": published.rows,
        "digest": published.digest,
        "path": shown_path(lake, published),
    }
    if report is not None and getattr(report, "table", None) == output.table:
        metadata["changed"] = bool(report.changed)
        metadata["seconds"] = float(report.seconds)
        metadata |= {f"found/{name}": plain(value) for name, value in sorted(report.details.items())}
    if draw:
        for name, picture in output.pictures.items():
            drawn = picture(lake, partition)
            if drawn is not None:
                metadata[name] = inline_png(drawn, f"{name} of {partition}")
    return metadata


def shown_path(lake: Lake, published: Publication) -> str:
    """The object's path below the lake: what is the same wherever the home lies."""
    return published.path.relative_to(lake.root).as_posix()


def quality_metadata(lake: Lake, partition: Partition) -> dict[str, Any]:
    """What validation found in a symbol-day that ``mr ingest`` published: score, coverage, verdict, rules that hit."""
    if lake.describe("core/quality_report", partition) is None:
        return {}
    rows = lake.read("core/quality_report", partition).to_pylist()
    first = rows[0]
    return {
        **{f"found/{name}": first[name] for name in ("raw_rows", "core_rows", "quarantined_rows", "status", "reason")},
        **{f"found/{name}": float(first[name]) for name in ("coverage", "score")},
        "found/rules": dg.MetadataValue.json({row["code"]: row["rows"] for row in rows if row["rows"]}),
    }


def inline_png(data: bytes, caption: str) -> dg.MarkdownMetadataValue:
    """A PNG that the asset's page shows in place."""
    return dg.MetadataValue.md(f"![{caption}](data:image/png;base64,{base64.b64encode(data).decode()})")


def plain(value: object) -> Any:
    """A value that Dagster can show: numbers and text as they are, mappings and lists as JSON, the rest as text."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return dg.MetadataValue.json({str(key): _json(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return dg.MetadataValue.json([_json(item) for item in value])
    return str(value)


def _json(value: object) -> Any:
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)
