"""Time that passes only while somebody waits."""

from __future__ import annotations

from collections.abc import Callable

from batch.connection import Liveness


class FakeLiveness(Liveness):
    """A clock that moves on while somebody waits, at once; `waits` in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self.on_wait: Callable[[], object] = lambda: None
        super().__init__(clock=lambda: self.now)

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        self.on_wait()
        return False
