"""Reading and loading a workbook against openpyxl's own read of the same file, in one run.

The file is the template: every declared sheet, generated from the registry, so that the measure needs no file of a
customer. Both sides must find the same cells before they are timed.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mr_platform.errors import DataError
from mr_platform.parameters.loading import read_set
from mr_platform.parameters.resolution import resolve
from mr_platform.parameters.template import build_workbook
from mr_platform.parameters.validation import validated
from mr_platform.parameters.workbook import read_workbook

_ROUNDS = 7


class ConfigBenchmark(NamedTuple):
    """Best milliseconds of each side and how many times faster ours is."""

    name: str
    ours_ms: float
    peer: str
    peer_ms: float
    ratio: float
    note: str


def run() -> list[ConfigBenchmark]:
    """Reading with all checks, loading with validation, and loading once the workbook is cached.

    DataError where openpyxl finds another cell than ours.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, cache = Path(folder) / "template.xlsx", Path(folder) / "cache"
        path.write_bytes(build_workbook())
        _agree(path)
        read_set(path, {}, cache=cache)
        ours: dict[str, tuple[Callable[[], object], str]] = {
            "config": (lambda: read_workbook(path), "the file's safety checked on the way"),
            "config, with validation": (
                lambda: validated(resolve(read_workbook(path), {})),
                "typed, resolved and judged on top, which the peer does not do",
            ),
            "config, cached, with validation": (
                lambda: read_set(path, {}, cache=cache),
                "typed and resolved from the cache, judged anew",
            ),
        }
        calls = {name: call for name, (call, _) in ours.items()}
        best = dict.fromkeys([*ours, ""], float("inf"))
        for _ in range(_ROUNDS):
            # in turns, so that all see the same moments of the machine
            for name, call in (*calls.items(), ("", lambda: _peer(path))):
                # the peer leaves cycles behind: whoever is next would pay for clearing them away
                gc.collect()
                begun = time.perf_counter()
                call()
                best[name] = min(best[name], 1_000 * (time.perf_counter() - begun))
    peer = best.pop("")
    return [
        ConfigBenchmark(name, round(ms, 3), "openpyxl, read alone", round(peer, 3), round(peer / ms, 2), ours[name][1])
        for name, ms in best.items()
    ]


def _peer(path: Path) -> dict[str, dict[tuple[int, int], object]]:
    """Every cell by sheet, row and column, as openpyxl reads them."""
    import openpyxl

    return {
        sheet.title: {(c.row, c.column): c.value for row in sheet.iter_rows() for c in row if c.value is not None}
        for sheet in openpyxl.load_workbook(path)
    }


def _agree(path: Path) -> None:
    theirs = _peer(path)
    for name, sheet in read_workbook(path).sheets.items():
        if {(cell.row, cell.column): cell.value for cell in sheet.cells()} != theirs[name]:
            raise DataError(
                rule="a peer is compared only where it gives our answer",
                value=name,
                place="benchmark config",
                remedy="find out which of the two is wrong",
            )
