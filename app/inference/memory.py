"""How much address space there has to be before OpenVINO is started."""

from __future__ import annotations

import mmap
import sys

ENGINE_BYTES = 640 * 2**20
"""More than OpenVINO took with a network of this store, in one thread (VmPeak in proc(5))."""
THREAD_BYTES = 64 * 2**20
"""What glibc sets aside for each thread that asks it for memory (malloc(3), M_ARENA_MAX)."""


def check_room(size: int) -> None:
    """Check that the system has address space, by asking for it and returning it.

    With less, OpenVINO ends the process, or answers nothing at all; at best it says which of its files failed.

    Args:
        size: in bytes.

    Raises:
        OSError: there is not so much, as under `ulimit -v`.
    """
    if sys.platform == "linux":
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE).close()
