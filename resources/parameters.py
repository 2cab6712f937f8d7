"""The workbook of the home, as assets receive it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg


class WorkbookFile(dg.ConfigurableResource):
    """Path of the workbook that steers this home; empty where sets are loaded by hand (``mr config load``)."""

    file: str = ""

    def path(self) -> Path | None:
        """The file, or None."""
        return Path(self.file) if self.file else None
