from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.running import Running, running


@pytest.fixture(scope="session")
def server(tiny_store: Path) -> Iterator[Running]:
    """A server with default settings, which tests leave as it was."""
    with running(tiny_store) as server:
        yield server


@pytest.fixture(scope="session")
def client(server: Running) -> httpx.Client:
    return server.client
