"""A queue whose idle workers are served last in, first out."""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class WorkQueue(Generic[T]):
    """First come, first served; of idle workers, the latest to become idle.

    A lone client's films thus meet one worker's warm caches.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[T] = deque()
        self._idle: list[SimpleQueue[T]] = []

    def put(self, item: T) -> None:
        """Hand an item to an idle worker, or let it wait."""
        with self._lock:
            if not self._idle:
                self._waiting.append(item)
                return
            worker = self._idle.pop()
        worker.put(item)

    def get(self, mine: SimpleQueue[T]) -> T:
        """Return the first item, or wait; `mine` is the calling worker's queue."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(mine)
        return mine.get()

    def take_all(self) -> list[T]:
        """Remove and return all waiting items."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        return taken
