"""What people see on an asset's page: schema, row count, digest, times, and pictures.

What belongs here: turning published partitions and schemas into Dagster metadata values.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import dagster as dg

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake, Publication
from schemas.tables import TABLES

if TYPE_CHECKING:
    from assets.materialise import Output


def table_metadata(table: str) -> dict[str, Any]:
    """Static metadata of a table: its columns with unit and meaning, its key and its version."""
    schema = TABLES.get(table)
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
    }


def publication_metadata(
    lake: Lake, output: Output, partition: Partition, published: Publication, report: Any, *, draw: bool
) -> dict[str, Any]:
    """Metadata of one published partition. ``report`` is the station's; pictures only where ``draw``."""
    metadata: dict[str, Any] = {
        "dagster/row_count": published.rows,
        "digest": published.digest,
        "path": dg.MetadataValue.path(str(published.path)),
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
