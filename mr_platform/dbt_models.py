"""The files of the dbt project that repeat what the tables' contracts say: made here, never written by hand.

``python -m mr_platform.dbt_models`` writes them; a test holds the files to what is made.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mr_platform.features.catalogue import components
from mr_platform.features.catalogue_table import FEATURE_CATALOGUE
from mr_platform.warehouse import DBT_PROJECT, LAKE_SCHEMA, RELATIONS, schema_of
from schemas.tables import Column

STAGING = DBT_PROJECT / "models" / "staging"
_HEADING = "# Generated from the contracts of the tables: python -m mr_platform.dbt_models\n"
_CATALOGUE = RELATIONS[FEATURE_CATALOGUE.name]
_CATALOGUE_QUERY = f"stg_{_CATALOGUE}.sql"
_WIDTH = 120


def generated_files() -> dict[Path, str]:
    """Path and text of each generated file: the sources, the feature models, their documentation and tests."""
    queries = {f"stg_{entry.relation}.sql": _feature_query(entry.relation) for entry in components()}
    made = {"sources.yml": _sources(), "features.yml": _feature_models(), _CATALOGUE_QUERY: _catalogue_query()}
    return {STAGING / name: text for name, text in (made | queries).items()}


def _sources() -> str:
    """dbt's declaration of schema ``lake``."""
    tables = [
        {"name": relation, "description": schema_of(table).description, "columns": _columns(schema_of(table).columns)}
        for table, relation in RELATIONS.items()
    ]
    source = {
        "name": LAKE_SCHEMA,
        "description": "Result tables of the lake: views over Parquet in DuckDB, tables of the dataset in BigQuery.",
        "schema": "{{ 'lake' if target.type == 'duckdb' else target.schema }}",
        "tables": tables,
    }
    return _yaml({"version": 2, "sources": [source]})


def _feature_models() -> str:
    """What dbt is told of the feature models: key and every column with its meaning and unit."""
    models = [
        {
            "name": f"stg_{entry.relation}",
            "description": f"{len(entry.features)} features of component {entry.number}, of {entry.title}: "
            "one row a bar, with the component's score, confidence and health.",
            "data_tests": [
                {"keyed": {"arguments": {"columns": ["symbol", "event_ts"], "present": ["trade_date", "known_ts"]}}}
            ],
            "columns": [
                {"name": "trade_date", "description": "Session, as a date in India"},
                *_columns(schema_of(entry.table).columns),
            ],
        }
        for entry in components()
    ]
    catalogue = {
        "name": f"stg_{_CATALOGUE}",
        "description": FEATURE_CATALOGUE.description,
        "data_tests": [{"keyed": {"arguments": {"columns": list(FEATURE_CATALOGUE.key), "present": ["formula"]}}}],
        "columns": _columns(FEATURE_CATALOGUE.columns),
    }
    return _yaml({"version": 2, "models": [*models, catalogue]})


def _catalogue_query() -> str:
    names = ",\n".join(f"    {column.name}" for column in FEATURE_CATALOGUE.columns)
    return f"-- What each feature means: one row a column.\nselect\n{names}\nfrom {_source(_CATALOGUE)}\n"


def _source(relation: str) -> str:
    return f"{{{{ source('{LAKE_SCHEMA}', '{relation}') }}}}"


def _feature_query(relation: str) -> str:
    return (
        "-- Every feature of the component, as the catalogue lists them, beside the keys.\n"
        "select\n"
        "    {{ trade_date_of('features.event_ts') }} as trade_date,\n"
        "    features.*\n"
        f"from {_source(relation)} as features\n"
    )


def _columns(columns: tuple[Column, ...]) -> list[dict[str, str]]:
    return [
        {"name": c.name, "description": f"{c.description} ({c.unit})" if c.unit else c.description} for c in columns
    ]


def _yaml(document: Mapping[str, Any]) -> str:
    import yaml

    return _HEADING + yaml.safe_dump(document, sort_keys=False, width=_WIDTH, allow_unicode=True)


def main() -> int:
    """Write the files that differ from what is made."""
    for path, text in generated_files().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stderr.write(f"wrote {path.relative_to(DBT_PROJECT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
