from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.watched import Watched, watched
from tests.running import Running, running


@pytest.fixture(scope="session")
def server(tiny_store: Path) -> Iterator[Running]:
    """A server with default settings, which tests leave as it was."""
    with running(tiny_store) as server:
        yield server


@pytest.fixture(scope="session")
def client(server: Running) -> httpx.Client:
    return server.client


@pytest.fixture(scope="session")
def watched_service() -> Iterator[Watched]:
    """A service in a process of its own, whose log is read."""
    with watched() as service:
        yield service


@pytest.fixture
def target(watched_service: Watched) -> Iterator[Watched]:
    """The same, looked at after the test."""
    with watched_service.hostile():
        yield watched_service
