"""What is set once where a process starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.process import granted_cores

ROOT = Path(__file__).parents[1]
HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", HERE),
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("199999 100000", 1),
        (f"{HERE * 50000} 50000", HERE),
        (f"{HERE * 900000} 100000", HERE),
        ("0 100000", 1),
        ("100000 0", HERE),
        ("nonsense", HERE),
        ("a b", HERE),
        ("", HERE),
    ],
)
def test_the_quota_of_cgroup_2_is_obeyed(tmp_path: Path, quota: str, expected: int) -> None:
    """Whole cores, at least one, never more than the process has; what can't be read is no quota."""
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert granted_cores(tmp_path) == expected


@pytest.mark.parametrize(
    ("quota", "expected"), [("-1", HERE), ("100000", 1), ("10000", 1), (str(HERE * 100000), HERE), ("x", HERE)]
)
def test_the_quota_of_cgroup_1_is_obeyed(tmp_path: Path, quota: str, expected: int) -> None:
    """In its own two files."""
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert granted_cores(tmp_path) == expected


def test_without_a_quota_every_core_is_used(tmp_path: Path) -> None:
    """Of those that the process may run on."""
    assert granted_cores(tmp_path) == HERE


_TELL_MEGABYTES_KEPT = """
import sys
import numpy as np
import psutil
from app.process import keep_freed_memory

def megabytes():
    return psutil.Process().memory_info().rss / 1e6

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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
def test_a_serving_process_leaves_no_core_dump() -> None:
    """Films are in its memory (PR_GET_DUMPABLE is 3)."""
    code = """if True:
        import ctypes
        from app.process import prepare_process

        before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
        prepare_process()
        print(before, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split()[-1] == "0"
