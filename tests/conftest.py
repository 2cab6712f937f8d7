"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from mr_platform.lake.store import Lake


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
