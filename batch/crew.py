"""Threads that take films from one list, send them, and lay down rows."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from batch.answers import row_from
from batch.client import Pulse, Retrying, Sender
from batch.errors import ModelChanged, WrongKey
from batch.paths import Film, reason
from batch.results import Row
from batch.service import Service

MAX_FILM_BYTES = 512 * 2**20  # a film is held whole while it is sent; no service takes one of this size


class Crew:
    """`concurrency` threads at work on `films`; `rows` is where they lay down what is finished.

    The rows' paths are the films' keys. What ends the work early, whether `ServiceGone`, `WrongKey`, `ModelChanged` or
    a defect, is kept in `failure`. `done` is set when the last thread has ended.
    """

    def __init__(
        self, films: Sequence[Film], service: Service, retrying: Retrying, concurrency: int, model_sha256: str | None
    ) -> None:
        self.rows: deque[Row] = deque()
        self.failure: Exception | None = None
        self.done = threading.Event()
        self._films = iter(films)
        self._lock = threading.Lock()
        self._pulse = Pulse()
        self._model_sha256 = model_sha256
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
                self.rows.append(self._score(sender, film))
        except Exception as error:  # it must reach the caller's thread, whatever it is
            self.failure = self.failure or error
            self.stop()
        finally:
            sender.close()
            with self._lock:
                self._at_work -= 1
                if not self._at_work:
                    self.done.set()

    def _score(self, sender: Sender, film: Film) -> Row:
        started = time.perf_counter()
        if film.problem is not None:
            return Row(film.key, error="unreadable-file", error_detail=film.problem)
        try:
            with Path(film.key).open("rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                if size > MAX_FILM_BYTES:
                    detail = f"Expected at most {MAX_FILM_BYTES} bytes. Received {size}."
                    return Row(film.key, error="unreadable-file", error_detail=detail)
                data = file.readall()
        except (OSError, ValueError) as error:
            return Row(film.key, error="unreadable-file", error_detail=reason(error))
        answer = sender.predict(data)
        row = row_from(answer, film.key, time.perf_counter() - started)
        if row.http_status == 401:
            raise WrongKey(row.error_detail or "status 401")
        if row.model_sha256 and self._model_sha256 and row.model_sha256 != self._model_sha256:
            raise ModelChanged(f"{row.model} ({row.model_sha256})")
        return row
