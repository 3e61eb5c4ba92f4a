from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batch.score import score
from tests.batch.calls import QUICK, Call, Start
from tests.batch.fake_liveness import FakeLiveness
from tests.batch.stand_in import StandIn


@pytest.fixture
def service() -> Iterator[StandIn]:
    """Run a stand-in for one test."""
    stand_in = StandIn()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def liveness() -> FakeLiveness:
    """Time that passes only while somebody waits."""
    return FakeLiveness()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Twelve films, six a class; their bytes are their names."""
    for label, word in (("NORMAL", "negative"), ("PNEUMONIA", "positive")):
        folder = tmp_path / "films" / label
        folder.mkdir(parents=True)
        for number in range(6):
            (folder / f"person{number}_virus_1.jpeg").write_bytes(f"{word} {number}".encode())
    return tmp_path / "films"


@pytest.fixture
def call(service: StandIn, films: Path, tmp_path: Path) -> Call:
    """Call `score` on the twelve films; the result lies in out.csv."""

    def call(*sources: Path, **options: Any) -> int:
        options = {"url": service.url, "out": tmp_path / "out.csv", "policy": QUICK} | options
        return score([str(source) for source in sources] or [str(films)], **options)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three films."""
    folder = tmp_path / "f"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.png").write_bytes(f"negative {name}".encode())
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """The result of `start`."""
    return tmp_path / "r.csv"


@pytest.fixture
def path(out: Path) -> Path:
    """Where an unfinished journal of `out` lies."""
    return out.with_name("r.csv.journal")


@pytest.fixture
def start(service: StandIn, folder: Path, out: Path) -> Start:
    """Call `score` on the three films; return the exit status and what was sent."""

    def start(*sources: Path, **options: Any) -> tuple[int, list[str]]:
        before = len(service.received)
        options = {"url": service.url, "out": out, "policy": QUICK} | options
        status = score([str(source) for source in sources or [folder]], **options)
        return status, sorted(film.decode("utf-8", "replace") for film in service.received[before:])

    return start
