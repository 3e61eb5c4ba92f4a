"""The address space that OpenVINO needs."""

from __future__ import annotations

import mmap
import sys

ENGINE_BYTES = 640 * 2**20
"""More than OpenVINO took with a network of this store, in one thread (VmPeak in proc(5))."""
THREAD_BYTES = 64 * 2**20
"""What glibc sets aside for each thread that asks it for memory (malloc(3), M_ARENA_MAX)."""


def check_room(size: int) -> None:
    """Check for `size` bytes of address space by mapping and releasing them.

    With less, OpenVINO ends the process or never answers; at best it names the file that failed.

    Raises:
        OSError: there is less, as under `ulimit -v`.
    """
    if sys.platform == "linux":
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE).close()
