"""How much memory the container grants, and which limits of the service fit into it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.imaging.formats import DEFAULT_MAX_PIXELS

MAX_UPLOAD_BYTES = 64 * 2**20
MAX_BYTES_HELD = 256 * 2**20

# Of a process that reads DICOM files, too, without films: 150 MB, and 100 MB of the process that decodes those.
_OWN_BYTES = 256 * 2**20
_LEAST_BYTES = 32 * 2**20
# While a PNG is decoded it takes 3.5 bytes a pixel in 8-bit gray, 6.5 in 16-bit gray, 18 in 16-bit colour, 29 with
# alpha.
_BYTES_A_PIXEL = 26
_HELD_PART = 5


class Limits(NamedTuple):
    """Defaults of the settings of the same names."""

    max_upload_bytes: int
    max_bytes_held: int
    max_pixels: int


def granted_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the container's memory limit in bytes, or None where there is none.

    Args:
        cgroup: where the control group's files are (version 2 `memory.max`, version 1 `memory/memory.limit_in_bytes`).
    """
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limit = (cgroup / name).read_text().strip()
        except OSError:
            continue
        # "max" stands for no limit; version 1 has a number near 2^63.
        return int(limit) if limit.isdecimal() and int(limit) < 2**60 else None
    return None


def fitting_limits(memory: int | None) -> Limits:
    """Return the limits for so many bytes of memory: of what is over 256 MiB, a fifth for bodies, 26 bytes a pixel."""
    if memory is None:
        return Limits(MAX_UPLOAD_BYTES, MAX_BYTES_HELD, DEFAULT_MAX_PIXELS)
    room = max(memory - _OWN_BYTES, _LEAST_BYTES)
    held = min(MAX_BYTES_HELD, room // _HELD_PART)
    # JSON counts with the film decoded from it, three quarters of its size; what could never be held is no overload.
    return Limits(min(MAX_UPLOAD_BYTES, held * 4 // 7), held, min(DEFAULT_MAX_PIXELS, room // _BYTES_A_PIXEL))
