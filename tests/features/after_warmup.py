"""Run as a process of its own: the platform's paths after the warm-up, and every kernel that these compile anew."""

from __future__ import annotations

import gc
import json
import sys
from datetime import timedelta
from pathlib import Path

from numba.core.dispatcher import Dispatcher

from mr_platform import stations
from mr_platform.features.engine import FeatureStream
from mr_platform.features.warmup import compile_kernels
from mr_platform.lake.layout import Partition
from mr_platform.lake.store import Lake
from mr_platform.market.sessions import ORDINARY_WINDOW, Session
from tests.features.conftest import MONDAY, core_table


def argument_types() -> dict[str, set[str]]:
    """Lists of argument types that each kernel has been compiled or read from the cache for."""
    kernels = [one for one in gc.get_objects() if isinstance(one, Dispatcher)]
    return {
        f"{one.py_func.__module__}.{one.py_func.__qualname__}": {str(types) for types in one.signatures}
        for one in kernels
        if one.py_func.__module__.startswith("mr_platform")
    }


def station_path(home: Path) -> None:
    """Two sessions published from a lake, the second beside its peer and after the first's context."""
    lake = Lake(home)
    days = (MONDAY, MONDAY + timedelta(days=1))
    for i, day in enumerate(days):
        lake.publish("core/option_chain", Partition("NIFTY", day), core_table(day, seed=i))
    lake.publish("core/option_chain", Partition("BANKNIFTY", days[1]), core_table(days[1], seed=9))
    for day in days:
        stations.publish_features(lake, Partition("NIFTY", day))


def tick_path() -> None:
    """A session that opens minute by minute and goes on by five."""
    stream = FeatureStream(Session(MONDAY, "ordinary", (ORDINARY_WINDOW,)))
    rows = core_table(MONDAY, seed=2, gaps=0.0, bars=30)
    a_minute = rows.num_rows // 30
    for start, stop in ((0, 1), (1, 2), (2, 5), (5, 10), (10, 15)):
        stream.push(rows.slice(start * a_minute, (stop - start) * a_minute), until=555 + stop - 1)


if __name__ == "__main__":
    compile_kernels()
    before = argument_types()
    station_path(Path(sys.argv[1]))
    tick_path()
    after = argument_types()
    new = {name: sorted(types - before.get(name, set())) for name, types in after.items()}
    sys.stdout.write(
        json.dumps({"kernels": len(before), "new": {name: types for name, types in new.items() if types}}) + "\n"
    )
