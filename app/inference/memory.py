"""What the C library does with memory that a film has given back."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 32 * 2**20


def keep_freed_memory() -> bool:
    """Let glibc keep up to 64 MB of freed memory for each worker, and ask the kernel anew only for blocks over 32 MB.

    A film of 3 megapixels frees as much at once as glibc, left alone, gives back to the kernel, which hands it out
    again page by page, each cleared: a third of such a film's time. These are the limits that glibc itself comes to
    after one film of 32 MB (mallopt(3), M_MMAP_THRESHOLD), from the first film on.

    Returns:
        Whether it was done; another C library is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    kept = mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
    return bool(kept and mallopt(_M_TRIM_THRESHOLD, 2 * _LARGEST_MMAP_THRESHOLD))
