"""Threads that read films and send them."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from batch.answer import Answer, must_be_sent, row_from
from batch.connection import Liveness
from batch.errors import ModelChanged, WrongKey
from batch.fingerprint import Fingerprint, UnreadableFilm, read_film
from batch.journal import Journal
from batch.journal_format import JournalEntry
from batch.paths import Film
from batch.results import Row


class FilmClient(Protocol):
    """What answers a thread's films: a connection to a service, or a model in this process."""

    def predict(self, film: bytes) -> Answer:
        """Return the answer of `POST /predict`."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """A film's journal entry, and how it came about.

    `kind`: sent, service unreached, file unread, or the same bytes as before. `has_changed`: sent with other bytes.
    """

    entry: JournalEntry
    kind: Literal["sent", "unreached", "unread", "same"]
    has_changed: bool = False


@dataclass(frozen=True)
class FilmTask:
    """Finds films that need work and does it; `retry_failed`: also all that failed."""

    journal: Journal
    retry_failed: bool = False

    def is_needed(self, film: Film) -> bool:
        """Return whether a film must be read, by size and time alone.

        A file that is no longer accessible keeps its answer.
        """
        before = self.journal.entry(film.key)
        if before is None or must_be_sent(before.row, retry_failed=self.retry_failed):
            return True
        try:
            status = os.stat(film.key)  # noqa: PTH116 - the path stays as it is
        except (OSError, ValueError):
            return False
        return before.fingerprint is None or not before.fingerprint.matches_stat(status)

    def run(self, client: FilmClient, film: Film) -> Outcome:
        """Read a film; send it unless these bytes were answered before. Thread-safe.

        Raises:
            WrongKey: the service wants another key.
            ModelChanged: its model is not the journal's.
        """
        started = time.perf_counter()
        before = self.journal.entry(film.key)
        if film.problem is not None:
            return _unread(film, film.problem)
        try:
            data, fingerprint = read_film(film.key)
        except UnreadableFilm as error:
            return _unread(film, str(error))
        changed = before is not None and _has_changed(before, fingerprint)
        if before is not None and not changed and not must_be_sent(before.row, retry_failed=self.retry_failed):
            return Outcome(JournalEntry(before.row, fingerprint), "same")
        answer = client.predict(data)
        row = row_from(answer, film.key, time.perf_counter() - started)
        if row.http_status == 401:
            raise WrongKey(row.error_detail or "status 401")
        model = self.journal.run.model_sha256
        if row.model_sha256 and model and row.model_sha256 != model:
            raise ModelChanged(f"{row.model} ({row.model_sha256})")
        if answer.lost == "no-connection":
            return Outcome(JournalEntry(row, fingerprint), "unreached")
        return Outcome(JournalEntry(row, fingerprint), "sent", changed)


class Workers:
    """`concurrency` threads that run `task` on each of `films` and collect `outcomes`.

    `failure` ended them early: `ServiceGone`, `WrongKey`, `ModelChanged` or a defect. `done`: all threads have ended.
    """

    def __init__(
        self,
        films: Sequence[Film],
        task: Callable[[FilmClient, Film], Outcome],
        connect: Callable[[Liveness], FilmClient],
        concurrency: int,
    ) -> None:
        self.outcomes: deque[Outcome] = deque()
        self.failure: Exception | None = None
        self.done = threading.Event()
        self._films = iter(films)
        self._task = task
        self._lock = threading.Lock()
        self._liveness = Liveness()
        self._running = max(1, min(concurrency, len(films)))
        # Daemons: films in flight at an interruption are sent again at the next start.
        for _ in range(self._running):
            client = connect(self._liveness)
            threading.Thread(target=self._work, args=(client,), daemon=True).start()

    def stop(self) -> None:
        """Take no further film."""
        self._liveness.stopped.set()

    def _work(self, client: FilmClient) -> None:
        try:
            while not self._liveness.stopped.is_set():
                with self._lock:
                    film = next(self._films, None)
                if film is None:
                    break
                self.outcomes.append(self._task(client, film))
        except Exception as error:  # it must reach the caller's thread
            self.failure = self.failure or error
            self.stop()
        finally:
            client.close()
            with self._lock:
                self._running -= 1
                if not self._running:
                    self.done.set()


def _unread(film: Film, reason: str) -> Outcome:
    return Outcome(JournalEntry(Row(film.key, error="unreadable-file", error_detail=reason)), "unread")


def _has_changed(before: JournalEntry, fingerprint: Fingerprint) -> bool:
    if before.fingerprint is None:  # unread until now, or newer than a journal of format 1
        return before.row.error != "unreadable-file"
    return not before.fingerprint.matches(fingerprint)
