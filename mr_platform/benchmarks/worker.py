"""A worker that publishes the features of some symbol-days and says how much memory it took at most.

Started as a process of its own (``python -m mr_platform.benchmarks.worker LAKE SYMBOL DATE ...``), since the peak of a
process is that of its whole life. It is read where the kernel keeps it for the program alone: what ``getrusage`` tells
goes back to the process that started this one.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from mr_platform import stations
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake


def main(lake: str, symbol: str, *dates: str) -> int:
    """Peak resident memory in kilobytes, on stdout (Linux)."""
    for day in dates:
        stations.publish_features(Lake(Path(lake)), Partition(symbol, date.fromisoformat(day)))
    told = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    sys.stdout.write(f"{int(told['VmHWM'].split()[0])}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
