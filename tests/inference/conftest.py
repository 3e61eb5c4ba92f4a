"""A model store for each test of inference."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def store(tiny_store: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny store, to break."""
    return shutil.copytree(tiny_store, tmp_path / "store")
