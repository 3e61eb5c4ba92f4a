"""How much memory the container grants, and which limits of the service fit into it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from app.imaging.formats import DEFAULT_MAX_PIXELS

MAX_UPLOAD_BYTES = 64 * 2**20
MAX_BYTES_HELD = 256 * 2**20

# A process without films takes 200 to 250 MB. Of 512 MB, 64 MB are left to bodies, and 160 to one large film, which
# takes up to 10 bytes a pixel while it is decoded (a PNG of 16-bit colour).
_HELD_PART = 8
_BYTES_A_PIXEL = 32


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
    """Return the limits for so many bytes of memory: an eighth for bodies, half of it for one, 32 bytes a pixel."""
    if memory is None:
        return Limits(MAX_UPLOAD_BYTES, MAX_BYTES_HELD, DEFAULT_MAX_PIXELS)
    held = min(MAX_BYTES_HELD, memory // _HELD_PART)
    # JSON counts with the film decoded from it.
    return Limits(min(MAX_UPLOAD_BYTES, held // 2), held, min(DEFAULT_MAX_PIXELS, memory // _BYTES_A_PIXEL))
