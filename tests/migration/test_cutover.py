"""The cut-over: whatever still reads HeavyDB is named, wherever it hides."""

from __future__ import annotations

from pathlib import Path

import pytest

from mr_platform.errors import UsageError
from mr_platform.migration.cutover import RegisteredAsset, readers

ROOT = Path(__file__).resolve().parents[2]


def code(tmp_path: Path, **modules: str) -> Path:
    for name, text in modules.items():
        path = tmp_path / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "import heavydb\n",
        "from heavydb.thrift.Heavy import Client\n",
        "def f():\n    from mr_platform.sources.heavydb.connection import HeavyDb\n    return HeavyDb\n",
        "from mr_platform.sources import heavydb\n",
        "import importlib\nx = importlib.import_module('heavydb.cursor')\n",
        "x = __import__('heavydb')\n",
    ],
)
def test_a_module_that_imports_the_client_is_named(tmp_path: Path, text: str) -> None:
    (found,) = readers([], code(tmp_path, assets__core=text, assets__raw="import heavydbx\n"))
    assert (found.kind, found.name) == ("module", "assets.core")
    assert "heavydb" in found.why


def test_the_migrations_own_rooms_may_import_it(tmp_path: Path) -> None:
    text = "import heavydb\n"
    modules = {"mr_platform__migration__pull": text, "mr_platform__sources__heavydb__connection": text}
    assert readers([], code(tmp_path, **modules)) == []


def test_registered_assets_that_need_the_server_are_named() -> None:
    assets = [
        RegisteredAsset("core/option_chain", ("lake",), ("parquet",)),
        RegisteredAsset("migration/option_chain", ("lake", "heavydb"), ("heavydb", "parquet")),
        RegisteredAsset("migration/extern", (), ("heavydb",)),
    ]
    assert [(reader.name, reader.why) for reader in readers(assets, ROOT)] == [
        ("migration/extern", "says that its source is heavydb"),
        ("migration/option_chain", "needs the resource heavydb"),
    ]


def test_outside_the_migration_nothing_of_the_platform_imports_the_client() -> None:
    assert readers([], ROOT) == []


def test_an_empty_scan_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="packages"):
        readers([], tmp_path)
