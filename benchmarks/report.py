"""All that was measured → the text of RESULTS.md."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app.process import granted_cores
from benchmarks.figures import BESIDE, TURN_SECONDS, TURNS, judge
from benchmarks.rows import Rounds, write_markdown, write_table

_PACKAGES = ("openvino", "opencv-python-headless", "simplejpeg", "numpy", "fastapi", "uvicorn", "tensorflow")
_REQUIREMENTS = Path(__file__).with_name("peers.txt")
_NOTES = """\
Figures are medians over the rounds; in brackets stands the median of each round's own ratio to `limit`, the bare loop
with the same model. Latencies are per film. CPU is that of the server's process tree. Peak memory is VmHWM, the highest
resident memory of each process since its start, summed over the tree: exact for one process, an upper bound for
several; `limit` holds all the films besides. Ready is the time from the start to the first 200 of the health route, of
`limit` to the end of its first films. The client shares the cores: its CPU is a cost that `limit` has not. Rows of one
server follow each other in one run of it. "In turns" stands what is promised: `raw ÷` another server is ours, loaded
once, divided by theirs, loaded before it and after it; `score` likewise stands between two loads by wrk.
"""


def write_report(rounds: Rounds, models: Sequence[str], *, films: str, seconds: float, difference: float) -> str:
    """Write the report as Markdown.

    Args:
        rounds: all that was measured.
        models: the first is the one that the figures are of.
        films: what was sent, in a few words.
        seconds: of each load.
        difference: the largest in probability between an answer and the bare loop's.
    """
    count = max(len(measured) for measured in rounds.rows.values())
    parts = [
        "# Results\n",
        "Written by `make bench`; CONTRIBUTING says when a figure counts.\n",
        f"- {describe_machine()}\n- {datetime.now(UTC):%Y-%m-%d}; {describe_versions(rounds)}\n"
        f"- {films}, rounds in turns: {count}, {seconds:g} s a load\n"
        f"- every answer was right: 200, the bare loop's class, its probability within {difference:.1g}\n",
        _NOTES,
    ]
    for model in models:
        parts += [f"## {model}\n", write_table(rounds, model)]
    if turns := [name for name in rounds.single if name in TURNS or BESIDE in name]:
        parts += ["## In turns\n", _write_turns(rounds, turns)]
    verdicts = [
        (one.what, one.wanted, one.measured, {True: "yes", False: "no", None: ""}[one.held])
        for one in judge(rounds, models[0])
    ]
    parts += ["## Figures\n", write_markdown((f"of {models[0]}", "wanted", "measured", "held"), verdicts)]
    return "\n".join(parts)


def _write_turns(rounds: Rounds, names: Sequence[str]) -> str:
    """Write what every single turn gave."""
    lines = []
    for name in names:
        told = rounds.single[name]
        lines.append((name, f"{statistics.median(told):.3f}", " ".join(f"{one:.2f}" for one in told)))
    return write_markdown((f"in turns; throughput: of {TURN_SECONDS:g} s", "median", "each turn"), lines)


def describe_machine() -> str:
    """Name the CPU and count the cores."""
    told = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    name = found.group(1) if found else platform.machine()
    return f"{name}, {granted_cores()} of {os.cpu_count()} cores granted"


def describe_versions(rounds: Rounds) -> str:
    """Name the versions of what was measured."""
    versions = [f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    told = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout  # noqa: S607 - wherever it is
    versions.append(" ".join(told.split()[:2]))
    if any(row.server in ("LitServe", "BentoML") for row in rounds.rows):
        versions += re.findall(r"^(?:litserve|bentoml)==\S+", _REQUIREMENTS.read_text(), re.MULTILINE)
    return ", ".join(versions)
