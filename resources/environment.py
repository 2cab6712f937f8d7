"""The environment and its folders, as assets and sensors receive them."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from mr_platform.environments import Environment, Home, load_environment


class Folders(dg.ConfigurableResource):
    """The environment's name and home."""

    environment_name: str
    root: str

    def home(self) -> Home:
        """The folders below the home."""
        return Home(Path(self.root))

    def environment(self) -> Environment:
        """The environment's settings."""
        return load_environment(self.environment_name)
