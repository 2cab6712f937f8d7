"""The lake, as assets receive it."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from mr_platform.lake.store import Lake


class LakeResource(dg.ConfigurableResource):
    """Hands the lake below ``root`` to assets."""

    root: str

    def open(self) -> Lake:
        """The lake itself."""
        return Lake(Path(self.root))
