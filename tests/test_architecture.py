"""The house has floors, and no import runs back up. The rooms, from the ground:"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = (
    ("schemas", "mr_platform.errors", "mr_platform.logs", "mr_platform.configuration"),
    ("mr_platform.kernels",),
    ("mr_platform.lake", "mr_platform.parameters"),
    ("mr_platform.market",),
    ("mr_platform.sources", "mr_platform.quality", "mr_platform.migration"),
    ("mr_platform.features",),
    ("mr_platform.regimes",),
    ("mr_platform.learning",),
    ("mr_platform.environments", "mr_platform.exporting", "mr_platform.warehouse", "mr_platform.stations"),
    (
        "mr_platform.dbt_models",
        "mr_platform.benchmarks",
        "mr_platform.commands",
        "mr_platform.cli",
        "mr_platform.__main__",
        "mr_platform.serving",
    ),
    ("resources",),
    ("assets",),
)
# The benchmarks' registry names the rooms' own benchmarks and is called by nobody below.
FORBIDDEN_BELOW_ASSETS = ("dagster", "dagster_dbt", "dagster_pandera", "dagster_gcp")


def floor(module: str) -> int | None:
    matches = [
        (len(room), level)
        for level, rooms in enumerate(FLOORS)
        for room in rooms
        if module == room or module.startswith(room + ".")
    ]
    return max(matches)[1] if matches else None


def modules() -> list[tuple[str, Path]]:
    found = []
    for top in ("schemas", "mr_platform", "resources", "assets"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found.append((name, path))
    return found


def imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def test_every_module_has_a_floor() -> None:
    homeless = [name for name, _ in modules() if floor(name) is None and name not in ("mr_platform",)]
    assert homeless == []


def test_no_import_runs_back_up() -> None:
    wrong = []
    for name, path in modules():
        mine = floor(name)
        for imported in imports(path):
            theirs = floor(imported)
            if mine is not None and theirs is not None and theirs > mine:
                wrong.append(f"{name} imports {imported}")
    assert wrong == []


def test_the_library_knows_no_orchestrator() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, path in modules()
        if name.startswith(("mr_platform", "schemas"))
        for imported in imports(path)
        if imported.split(".")[0] in FORBIDDEN_BELOW_ASSETS
    ]
    assert wrong == []


def test_nothing_loads_a_pickle() -> None:
    wrong = [
        f"{name} imports {imported}"
        for name, path in modules()
        for imported in imports(path)
        if imported.split(".")[0] in ("pickle", "joblib", "dill", "cloudpickle")
    ]
    assert wrong == []


@pytest.mark.parametrize("module", ["mr_platform.stations", "mr_platform.lake"])
def test_a_public_surface_is_sorted_and_whole(module: str) -> None:
    import importlib

    surface = getattr(importlib.import_module(module), "__all__", [])
    assert surface == sorted(surface)
    assert all(hasattr(importlib.import_module(module), name) for name in surface)


def test_asking_for_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; import mr_platform.cli; "
        "print([m for m in ('numba', 'polars', 'sklearn', 'matplotlib', 'duckdb', 'pandas', 'great_expectations')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_long_files_are_split() -> None:
    long = [f"{name}: {n}" for name, path in modules() if (n := len(path.read_text().splitlines())) > 500]
    assert long == []
