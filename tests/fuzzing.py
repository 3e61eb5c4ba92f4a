"""The scale of the fuzz tests, and what each of them reports.

`FUZZ_TIMES` multiplies their inputs, `FUZZ_SEED` draws others, and `FUZZ_LOG` names a file that gets one line a test:
how many inputs, the slowest one's seconds, and the process's memory before and after. Hypothesis remembers its
examples, so that its own memory grows with them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, seed, settings

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
MAX_SECONDS = 20
"""Of one input, on a busy machine."""


def bounded(examples: int) -> Callable[[Any], Any]:
    """Decorate a test of Hypothesis that draws so many examples, the same ones each time."""
    chosen = settings(
        max_examples=examples * TIMES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    return lambda test: seed(SEED)(chosen(test))


def seeded() -> Random:
    """Return random numbers, the same ones each time."""
    return Random(SEED)  # noqa: S311 - no secrets


class Tally:
    """Counts inputs, and keeps the slowest one's seconds."""

    def __init__(self) -> None:
        self.inputs = 0
        self.slowest = 0.0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count what happens in the block as one input."""
        begun = perf_counter()
        yield
        self.inputs += 1
        self.slowest = max(self.slowest, perf_counter() - begun)


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Count a test's inputs; none may take over `MAX_SECONDS`."""
    counted, before = Tally(), _memory()
    yield counted
    line = {
        "test": request.node.name,
        "seed": SEED,
        "inputs": counted.inputs,
        "slowest_seconds": round(counted.slowest, 3),
        "mib_before": before,
        "mib_after": _memory(),
    }
    if "FUZZ_LOG" in os.environ:
        with Path(os.environ["FUZZ_LOG"]).open("a") as log:
            log.write(json.dumps(line) + "\n")
    assert counted.inputs
    assert counted.slowest < MAX_SECONDS


def _memory() -> int:
    return int(psutil.Process().memory_info().rss >> 20)
