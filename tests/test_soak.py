"""Thousands of requests, good and bad, leave the service as it was."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks.processes import free_port
from tests.conftest import encode, film_pixels
from tests.running import wait_until

FILMS = [encode(film_pixels(seed, 300 + 40 * seed, 400)) for seed in range(5)]
BODIES = [*FILMS, FILMS[0][:-500], b"GIF89a", b"", FILMS[1] + bytes(100), b"{" * 300]
CLIENTS, WARM, SOAK = 8, 1_000, 10_000
MOST_GROWTH = 0.05


@pytest.mark.long
def test_memory_does_not_grow(tiny_store: Path) -> None:
    """Ten thousand requests hold at most a twentieth more than the first thousand did."""
    port = free_port()
    command = [sys.executable, "-m", "pneumoserve", "serve", "--port", str(port)]
    environment = {"PATH": "", "PNEUMOSERVE_MODEL_STORE": str(tiny_store), "PNEUMOSERVE_MODEL": "pooled"}
    with (
        subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[1]) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        try:
            wait_until(lambda: _is_ready(client), seconds=60)
            _send(client, WARM)
            before = psutil.Process(server.pid).memory_info().rss
            statuses = _send(client, SOAK)
            after = psutil.Process(server.pid).memory_info().rss
            assert client.get("/readyz").status_code == 200
        finally:
            server.terminate()
    assert {status: statuses.count(status) for status in set(statuses)} == {200: SOAK * 6 // 10, **_refused()}
    assert after < (1 + MOST_GROWTH) * before


def _refused() -> dict[int, int]:
    return {422: SOAK // 10, 415: 2 * SOAK // 10, 400: SOAK // 10}


def _send(client: httpx.Client, count: int) -> list[int]:
    def send(number: int) -> int:
        return client.post("/predict", content=BODIES[number % len(BODIES)]).status_code

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(send, range(count)))


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.HTTPError:
        return False
