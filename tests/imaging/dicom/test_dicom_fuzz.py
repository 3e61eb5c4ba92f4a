"""Any bytes of a DICOM file give a film or an error; no process hangs, and their memory stays flat.

`FUZZ_TIMES` multiplies the files; `FUZZ_SEED` draws others.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from app.errors import DeadlineExceeded, ImageError
from app.imaging.preprocess import read_film
from tests.imaging.dicom import mutations
from tests.imaging.dicom.mutations import mutate

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
MAX_SECONDS = 40
"""On a busy machine: a process is killed after 2 s of CPU, or 8 s on the clock."""
MAX_GROWTH_BYTES = 64 << 20
FILES_A_DEATH = 1000
"""One in so many may crash a process, or take its seconds."""


def memory() -> int:
    """Return the resident bytes of the largest decoding process."""
    largest = 0
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # replaced meanwhile
            if "app.imaging.dicom.worker" in child.cmdline():
                largest = max(largest, child.memory_info().rss)
    return largest


def test_mutated_files_are_refused_or_read(tmp_path: Path) -> None:
    """A file that takes long or raises anything else is kept for a look."""
    rng = np.random.default_rng(SEED)
    outcomes: Counter[str] = Counter()
    slowest, before = 0.0, 0
    for number in range(400 * TIMES):
        data = mutate(rng)
        started = time.monotonic()
        try:
            film = read_film(data, width=150, height=150, max_pixels=1_000_000)
        except DeadlineExceeded:
            outcomes["killed"] += 1
        except ImageError as error:
            outcomes["killed" if "takes longer" in str(error) else type(error).__name__] += 1
        except Exception:
            (tmp_path / "failed.dcm").write_bytes(data)
            pytest.fail(f"file {number} raised, see {tmp_path}")
        else:
            assert (film.pixels.shape, film.pixels.dtype) == ((150, 150), np.uint8)
            outcomes["film"] += 1
        took = time.monotonic() - started
        slowest = max(slowest, took)
        if took > 4:
            (tmp_path / f"slow-{number}.dcm").write_bytes(data)
        if number == 100:
            before = memory()
    print(f"{dict(outcomes)}, slowest {slowest:.1f} s, grown by {(memory() - before) / 2**20:.0f} MiB")
    assert outcomes["killed"] <= 400 * TIMES // FILES_A_DEATH
    assert slowest < MAX_SECONDS
    assert memory() - before < MAX_GROWTH_BYTES
    assert outcomes["film"] > 0


def test_mutated_files_end_no_process_that_reads_them() -> None:
    """Without a pool around it, which would replace it: a crash or a hang shows with the file's number."""
    last = 400 * TIMES
    first, ended, grown, outcomes = 0, [], 0, Counter()
    while first < last:
        done = subprocess.run(
            [sys.executable, "-m", mutations.__name__, str(SEED), str(first), str(last)],
            capture_output=True,
            text=True,
            check=False,
        )
        lines = done.stdout.splitlines()
        if lines[-1].startswith("done"):
            _, size, *counts = lines[-1].split()
            grown = max(grown, int(size))
            outcomes.update({name: int(count) for name, count in (each.split("=") for each in counts)})
            break
        assert done.returncode < 0, f"file {lines[-1]} of seed {SEED} raised: {done.stderr[-2000:]}"
        ended.append((int(lines[-1]), done.returncode))
        first = int(lines[-1]) + 1
    print(f"{dict(outcomes)}, ended by {ended}, grown by {grown / 2**20:.0f} MiB")
    assert len(ended) <= last // FILES_A_DEATH
    assert grown < MAX_GROWTH_BYTES
    assert outcomes["film"] > 0
