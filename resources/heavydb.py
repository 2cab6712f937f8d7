"""HeavyDB, as assets receive it: where the server is, and how many partitions may be pulled from it at a time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from mr_platform.sources.heavydb.connection import HeavyDbSettings


class HeavyDbResource(dg.ConfigurableResource):
    """The server that MR_HEAVYDB_HOST and its companions name in the process that runs the asset.

    Nothing of it is configuration of the code location: a password must not lie in Dagster's store of runs.
    ``workers``: partitions pulled at a time inside one step; the pool lets one step through at a time.
    """

    workers: int = 2

    def settings(self) -> HeavyDbSettings:
        """Where the server is; UsageError naming the variables that are missing."""
        from mr_platform.sources.heavydb.connection import HeavyDbSettings

        return HeavyDbSettings.from_environment(os.environ)
