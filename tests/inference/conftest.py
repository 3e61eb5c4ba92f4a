"""A model store for each test of inference."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def store(tiny_store: Path, tmp_path: Path) -> Path:
    """A store of one's own, to break."""
    return shutil.copytree(tiny_store, tmp_path / "store")
