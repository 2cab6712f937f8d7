"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from mr_platform.lake.store import Lake


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: handed out last, one process would work on one of them while the other idles."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real market data beside the checkout; tests that need it skip by name where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("shared/data is absent: no real market data beside this checkout")
    return folder


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "lake")
