"""What keeps features fast: no compilation on the way, and a twin in pandas that agrees."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from mr_platform.features import warmup
from mr_platform.features.catalogue import components

ROOT = Path(__file__).resolve().parents[2]


def test_after_the_warm_up_neither_a_station_nor_a_tick_compiles_a_kernel(tmp_path: Path) -> None:
    """In a process of its own: what other tests have compiled would hide what the warm-up leaves out."""
    command = [sys.executable, "-m", "tests.features.after_warmup", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["new"] == {}
    assert told["kernels"] > 50


def test_the_two_halves_of_the_warm_up_are_all_components() -> None:
    assert sorted(key for half in warmup.HALVES for key in half) == [entry.key for entry in components()]
