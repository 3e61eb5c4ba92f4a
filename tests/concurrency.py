"""How many films are decoded at once."""

from __future__ import annotations

import threading
import time
from collections import Counter

from app.imaging.formats import ImageHeader


class Decoding:
    """Counts films within `hold`: all, and those of more decoded bytes than `large`."""

    def __init__(self, large: int) -> None:
        self._large, self._lock = large, threading.Lock()
        self._now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def hold(self, header: ImageHeader) -> None:
        """Count a film for a moment, so that others meet it."""
        kinds = ("large", "all") if header.decoded_bytes > self._large else ("all",)
        with self._lock:
            self._now.update(kinds)
            self.most |= self._now
        time.sleep(0.02)
        with self._lock:
            self._now.subtract(kinds)
