"""A minute of full load, one request in twenty bad, leaves the service as it was: the short form of `make soak`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.mix import GONE, Mix, bad_messages, good_messages
from benchmarks.processes import free_port, serving
from benchmarks.soak import run_soak
from tests.conftest import encode, film_pixels

FILMS = [encode(film_pixels(seed, 300 + 40 * seed, 400)) for seed in range(5)]
SECONDS = 60
EXPECTED = {"200", "400", "415", "422", GONE}


@pytest.mark.long
def test_a_soak_leaves_nothing_behind(tiny_store: Path) -> None:
    """No 5xx, memory flat within a twentieth, no thread, file or socket left."""
    port = free_port()
    command = [sys.executable, "-m", "pneumoserve", "serve", "--port", str(port)]
    environment = {"PATH": "", "PNEUMOSERVE_MODEL_STORE": str(tiny_store), "PNEUMOSERVE_MODEL": "pooled"}
    with serving(command, port, environment, Path(__file__).parents[1], "/readyz") as server:
        soak = run_soak(server.process.pid, port, Mix(port, good_messages(FILMS), bad_messages(FILMS[0])), SECONDS)
    assert soak.faults() == []
    assert {status for _, status in soak.answers} == EXPECTED
