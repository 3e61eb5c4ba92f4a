"""What a film frees is kept for the next, where the C library is glibc."""

import subprocess
import sys

import pytest

_TELL_MEGABYTES_KEPT = """
import sys
from pathlib import Path
import numpy as np
from app.inference.memory import keep_freed_memory
from benchmarks.processes import parse_megabytes

def megabytes():
    return parse_megabytes(Path("/proc/self/status").read_text(), "VmRSS")

if sys.argv[1] == "kept":
    assert keep_freed_memory()
before = megabytes()
for _ in range(5):
    parts = [np.ones(3 << 20, np.uint8) for _ in range(3)]
    del parts
print(megabytes() - before)
"""


def _tell_megabytes_kept(how: str) -> float:
    told = subprocess.run([sys.executable, "-c", _TELL_MEGABYTES_KEPT, how], capture_output=True, text=True, check=True)
    return float(told.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's own")
def test_what_a_film_frees_is_there_for_the_next() -> None:
    assert _tell_megabytes_kept("left") < 6
    assert _tell_megabytes_kept("kept") > 8
