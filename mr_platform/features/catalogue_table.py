"""The catalogue as a table: one row a feature, for whoever asks the warehouse what a column means."""

from __future__ import annotations

import pyarrow as pa

from mr_platform.features.catalogue import as_json
from schemas.tables import Column, TableSchema

FEATURE_CATALOGUE = TableSchema(
    name="features/catalogue",
    version=1,
    description="Every feature of the platform, in the order of the published columns.",
    key=("name",),
    columns=(
        Column("position", pa.int32(), "Place in the catalogue, from 1", nullable=False, lowest=1),
        Column("name", pa.string(), "Column of the feature", nullable=False),
        Column("component", pa.string(), "Component that computes it, c1 to c8", nullable=False),
        Column("feature_group", pa.string(), "Group within the component", nullable=False),
        Column("formula", pa.string(), "Its definition in words", nullable=False),
        Column("unit", pa.string(), "Its unit", nullable=False),
        Column("lowest", pa.float64(), "Least value it can take; null where there is none"),
        Column("highest", pa.float64(), "Largest value it can take; null where there is none"),
        Column(
            "warmup_minutes", pa.int32(), "One-minute bars after which it can first be there", "minutes", nullable=False
        ),
        Column("parameters", pa.list_(pa.string()), "Parameters that it uses", nullable=False),
        Column("version", pa.int32(), "Rises with every change of its meaning", nullable=False, lowest=1),
    ),
)


def catalogue_table() -> pa.Table:
    """The rows of ``FEATURE_CATALOGUE``."""
    rows = [
        {
            "position": position,
            "name": row["name"],
            "component": row["component"],
            "feature_group": row["group"],
            "formula": row["description"],
            "unit": row["unit"],
            "lowest": row["range"][0],
            "highest": row["range"][1],
            "warmup_minutes": row["warmup_minutes"],
            "parameters": row["parameters"],
            "version": row["version"],
        }
        for position, row in enumerate(as_json(), 1)
    ]
    return pa.Table.from_pylist(rows, schema=FEATURE_CATALOGUE.arrow())
