"""Threads that take films from one list, do what each one needs, and lay down what came of it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from batch.attempt import Attempt
from batch.client import Pulse, Retrying, Sender
from batch.paths import Film
from batch.service import Service


class Crew:
    """`concurrency` threads at work on `films`; `attempts` is where they lay down what is finished.

    What ends the work early, whether `ServiceGone`, `WrongKey`, `ModelChanged` or a defect, is kept in `failure`.
    `done` is set when the last thread has ended.
    """

    def __init__(
        self,
        films: Sequence[Film],
        attempt: Callable[[Sender, Film], Attempt],
        service: Service,
        retrying: Retrying,
        concurrency: int,
    ) -> None:
        self.attempts: deque[Attempt] = deque()
        self.failure: Exception | None = None
        self.done = threading.Event()
        self._films = iter(films)
        self._attempt = attempt
        self._lock = threading.Lock()
        self._pulse = Pulse()
        self._at_work = max(1, min(concurrency, len(films)))
        # Daemons: what is in flight when the command is interrupted is sent again at the next start.
        for _ in range(self._at_work):
            sender = Sender(service, retrying, self._pulse)
            threading.Thread(target=self._work, args=(sender,), daemon=True).start()

    def stop(self) -> None:
        """Take no further film."""
        self._pulse.stopped.set()

    def _work(self, sender: Sender) -> None:
        try:
            while not self._pulse.stopped.is_set():
                with self._lock:
                    film = next(self._films, None)
                if film is None:
                    break
                self.attempts.append(self._attempt(sender, film))
        except Exception as error:  # it must reach the caller's thread, whatever it is
            self.failure = self.failure or error
            self.stop()
        finally:
            sender.close()
            with self._lock:
                self._at_work -= 1
                if not self._at_work:
                    self.done.set()
