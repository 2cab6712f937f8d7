"""Layer ``marts``: the dbt project as assets, one a model.

What belongs here: how dbt's models become assets. The build itself writes a scratch warehouse that is swapped in
by mr_platform.warehouse, so that analysts read the old file until the new one is whole.

dagster_dbt costs seconds to import. The definitions need the models' names only, and take them from dbt's own
manifest; dagster_dbt is imported when marts are built.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

WAREHOUSE_POOL = "warehouse"
PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"


def mart_assets(environment: Any) -> list[Any]:
    return []
