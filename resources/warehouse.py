"""The reporting warehouse, as the marts receive it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from mr_platform.environments import Home


class WarehouseResource(dg.ConfigurableResource):
    """Where the warehouse of the home at ``root`` lies."""

    root: str

    def home(self) -> Home:
        """The home."""
        return Home(Path(self.root))
