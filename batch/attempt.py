"""What becomes of one film: left as it is, read and found to be the same, or sent."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Literal

from batch.answers import must_be_sent, row_from
from batch.client import Sender
from batch.content import Identity, UnreadableFilm, read_film
from batch.entry import Entry
from batch.errors import ModelChanged, WrongKey
from batch.journal import Journal
from batch.paths import Film
from batch.results import Row


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one film.

    `entry` belongs into the journal. `outcome`: it was sent, the service could not be reached, the file could not be
    read, or it holds the same bytes as at an earlier start. `has_changed` tells that it was sent with other bytes.
    """

    entry: Entry
    outcome: Literal["sent", "unreached", "unread", "same"]
    has_changed: bool = False


@dataclass(frozen=True)
class Attempts:
    """Decides which films need work, and does it; `attempt` may be called from several threads.

    `retry_failed` sends again what failed, whatever the reason.
    """

    journal: Journal
    retry_failed: bool = False

    def is_needed(self, film: Film) -> bool:
        """Tell whether a film must at least be read, by its size and time alone.

        What cannot be looked at now keeps its answer: that was about bytes that could be read then.
        """
        before = self.journal.entry(film.key)
        if before is None or must_be_sent(before.row, retry_failed=self.retry_failed):
            return True
        try:
            status = os.stat(film.key)  # noqa: PTH116 - the path stays as it is
        except (OSError, ValueError):
            return False
        return before.identity is None or not before.identity.has_stat(status)

    def attempt(self, sender: Sender, film: Film) -> Attempt:
        """Read a film that needs work, and send it unless it holds the bytes that were answered before.

        Raises:
            WrongKey: the service wants another key.
            ModelChanged: it answers with another model than the journal's.
        """
        started = time.perf_counter()
        before = self.journal.entry(film.key)
        if film.problem is not None:
            return Attempt(Entry(Row(film.key, error="unreadable-file", error_detail=film.problem)), "unread")
        try:
            data, identity = read_film(film.key)
        except UnreadableFilm as why:
            return Attempt(Entry(Row(film.key, error="unreadable-file", error_detail=str(why))), "unread")
        changed = before is not None and _has_changed(before, identity)
        if before is not None and not changed and not must_be_sent(before.row, retry_failed=self.retry_failed):
            return Attempt(Entry(before.row, identity), "same")
        answer = sender.predict(data)
        row = row_from(answer, film.key, time.perf_counter() - started)
        if row.http_status == 401:
            raise WrongKey(row.error_detail or "status 401")
        model = self.journal.run.model_sha256
        if row.model_sha256 and model and row.model_sha256 != model:
            raise ModelChanged(f"{row.model} ({row.model_sha256})")
        if answer.lost == "no-connection":
            return Attempt(Entry(row, identity), "unreached")
        return Attempt(Entry(row, identity), "sent", changed)


def _has_changed(before: Entry, identity: Identity) -> bool:
    if before.identity is None:  # unread until now; or of journal format 1 and newer than it
        return before.row.error != "unreadable-file"
    return not before.identity.has_bytes_of(identity)
