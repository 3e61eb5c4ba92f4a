"""Large films are decoded one at a time, to bound memory."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext

from app.imaging.formats import ImageHeader

LARGE_FILM_BYTES = 64 * 2**20
"""Decoded bytes over which a film is large."""


class LargeFilms:
    """The turns of large films, shared by the threads that decode."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()

    def room_for(self, header: ImageHeader) -> AbstractContextManager[object]:
        """Return what to hold while a film is decoded: a lock for a large one, nothing for others."""
        # Two of the largest at once need more memory than a container should have.
        return self._one_at_a_time if header.decoded_bytes > LARGE_FILM_BYTES else nullcontext()
