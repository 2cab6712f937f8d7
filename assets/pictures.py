"""Pictures of a symbol-day for the asset's page. They are drawn by stations; matplotlib is imported there."""

from __future__ import annotations

from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake


def quality_heat_map(lake: Lake, partition: Partition) -> bytes | None:
    """Minutes x strikes of what was missing or refused, as PNG."""
    from mr_platform import stations

    return stations.quality_picture(lake, partition)


def regime_timeline(lake: Lake, partition: Partition) -> bytes | None:
    """The day's regimes over the underlying, as PNG."""
    from mr_platform import stations

    return stations.regime_picture(lake, partition)
