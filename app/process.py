"""What is set once where a process starts: cores, OpenCV's threads, the C library's memory."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import cv2

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_PR_SET_DUMPABLE = 4
_LARGEST_MMAP_THRESHOLD = 32 * 2**20


def prepare_process() -> None:
    """Set OpenCV to one thread, keep freed memory, and forbid core dumps; to be called once, before films are read."""
    # Its own threads would compete with the other films.
    cv2.setNumThreads(1)
    keep_freed_memory()
    forbid_core_dumps()


def granted_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores this process may use, by affinity and the container's CPU quota; at least 1.

    Args:
        cgroup: where the control group's files are (version 2 `cpu.max`, version 1 `cpu/cpu.cfs_quota_us`).
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return cores
    # "max" and "-1" stand for no quota.
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return cores
    return max(1, min(cores, int(quota) // int(period)))


def keep_freed_memory() -> bool:
    """Let glibc keep up to 64 MB of freed memory for each worker, and map only blocks over 32 MB from the kernel.

    By default it returns a film of 3 megapixels to the kernel, which clears each page before it hands it out again: a
    third of the film's time. glibc sets these limits itself after one film of 32 MB (mallopt(3), M_MMAP_THRESHOLD).

    Returns:
        Whether it was done; other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    kept = mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
    return bool(kept and mallopt(_M_TRIM_THRESHOLD, 2 * _LARGEST_MMAP_THRESHOLD))


def forbid_core_dumps() -> bool:
    """Keep films in memory out of core dumps and from other processes of the user (prctl(2), PR_SET_DUMPABLE).

    Returns:
        Whether it was done; only Linux can.
    """
    return sys.platform == "linux" and bool(ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
