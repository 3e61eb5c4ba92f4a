from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.stand_in import StandIn


@pytest.fixture
def service() -> Iterator[StandIn]:
    """Run a stand-in for one test."""
    stand_in = StandIn()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Twelve films, six a class; their bytes are their names."""
    for label, word in (("NORMAL", "negative"), ("PNEUMONIA", "positive")):
        folder = tmp_path / "films" / label
        folder.mkdir(parents=True)
        for number in range(6):
            (folder / f"person{number}_virus_1.jpeg").write_bytes(f"{word} {number}".encode())
    return tmp_path / "films"
