"""`pneumoserve serve` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SERVE = [sys.executable, str(ROOT / "pneumoserve.py"), "serve"]


@dataclass(frozen=True)
class Served:
    """A process, the lines of its log up to `ready`, and those that came later, as they are."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]]
    later: list[str]

    @property
    def url(self) -> str:
        url: str = self.lines[-1]["url"]
        return url

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float) -> int:
        return self.process.wait(seconds)


def environment(**variables: object) -> dict[str, str]:
    own = {f"PNEUMOSERVE_{name}": str(value) for name, value in variables.items()}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **own}


@contextmanager
def served(
    *arguments: str, cwd: Path = ROOT, foreign: dict[str, str] | None = None, **variables: object
) -> Iterator[Served]:
    """Serve on a free port until the end of the block, with the named PNEUMOSERVE_… variables, and `foreign` ones."""
    process = subprocess.Popen(
        [*SERVE, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment(**({"PORT": 0, "DRAIN_GRACE_SECONDS": 0} | variables)) | (foreign or {}),
    )
    assert process.stderr is not None
    later: list[str] = []
    reading = threading.Thread(target=later.extend, args=(process.stderr,), daemon=True)
    try:
        lines = []
        for line in process.stderr:
            lines.append(json.loads(line))
            if lines[-1]["message"] == "ready":
                break
        else:
            pytest.fail(f"It ended: {lines}")
        # Else the service would wait, once its log has filled the pipe.
        reading.start()
        yield Served(process, lines, later)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        if reading.ident is not None:
            reading.join(10)
        process.stderr.close()
