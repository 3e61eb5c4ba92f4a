"""One run of `pneumoserve score` over many films, and what it cost the cores that it shares with the service."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.films import ROOT

_TOLD = re.compile(r"^(\d+) sent in ([\d.]+) s: .* ([\d.]+) ms of this command's own CPU time a film", re.MULTILINE)


class Scored(NamedTuple):
    """What one run took.

    Attributes:
        per_second: films, from the first one sent to the last one answered.
        cpu_ms: CPU milliseconds a film, from finding the films to writing the result.
        start_seconds: CPU seconds besides: the interpreter's start and its imports, the same for any number of films.
    """

    per_second: float
    cpu_ms: float
    start_seconds: float


def run_score(url: str, films: Path, count: int, folder: Path) -> Scored:
    """Score a folder of `count` films into a result in `folder`.

    Raises:
        RuntimeError: it failed, or sent another number of films.
    """
    out = folder / "result.csv"
    command = [sys.executable, "pneumoserve.py", "score", str(films), "--url", url, "--out", str(out), "--restart"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603  # our own words
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        raise RuntimeError(f"score failed: {ended.stdout[-500:]}{ended.stderr[-500:]}")
    scored = parse_score(ended.stdout, count, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    out.unlink()
    return scored


def parse_score(told: str, count: int, cpu_seconds: float) -> Scored:
    """Read what `score` printed at its end.

    Args:
        told: all of it.
        count: the films that it was to send.
        cpu_seconds: of the whole process.

    Raises:
        RuntimeError: it sent another number of films.
    """
    found = _TOLD.search(told)
    if found is None or int(found[1]) != count:
        raise RuntimeError(f"Expected {count} films sent. Received: {told[-500:]}")
    cpu_ms = float(found[3])
    return Scored(count / float(found[2]), cpu_ms, cpu_seconds - 1e-3 * cpu_ms * count)
