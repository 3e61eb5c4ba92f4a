"""The outbox: what came, what became of it, and what waits for delivery; durable against kill -9.

A film is `received` → `written` (its results wait, the film is gone) → `delivered`; or `refused` by the service; or
`failed`, given up and kept until somebody retries or discards it. One that an Orthanc has and did not give is
`announced`. Each step is one transaction that is on the disk before the next begins. Of what is delivered or refused
only keyed hashes, the state and the time of receipt remain.
"""

from __future__ import annotations

import hmac
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from gateway.film import Film
from gateway.identity import Kind, Moment
from gateway.outbox_files import open_database, open_key
from gateway.results import Result

State = Literal["announced", "received", "written", "delivered", "refused", "failed"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Entry:
    """A film of the outbox, without its bytes; times in seconds since 1970."""

    id: int
    state: State
    moment: Moment
    changed: float
    tries: int
    errors: int
    reason: str | None


class Outbox:
    """The outbox in a folder; for any thread, and beside other processes that only list and retry."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.RLock()
        self._database = open_database(folder)
        self._key = open_key(folder)

    def close(self) -> None:
        """Close the database; what was deleted is gone from its log as well."""
        with self._lock:
            self.forget_log()
            self._database.close()

    def forget_log(self) -> None:
        """Empty SQLite's write-ahead log, which keeps deleted bytes until it is written over."""
        with self._lock:
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def receive(self, film: Film, now: float | None = None) -> None:
        """Take a film; when this returns, it is on the disk.

        A film that waits already stays as it is. One that is done or failed begins again, under its first date. With
        another header or other pixels it is another film.
        """
        now = time.time() if now is None else now
        film_key = self._hash("film", film.uid, film.header_sha256, film.pixel_sha256)
        uid_key = self._hash("uid", film.uid)
        with self._transaction() as database:
            row = database.execute("SELECT id, state FROM films WHERE film_key = ?", (film_key,)).fetchone()
            if row is None:
                database.execute(
                    "INSERT INTO films (film_key, uid_key, state, received, changed, due, film)"
                    " VALUES (?, ?, 'received', ?, ?, ?, ?)",
                    (film_key, uid_key, _write_moment(now), now, now, film.data),
                )
            elif row[1] in ("delivered", "refused", "failed"):
                database.execute("DELETE FROM results WHERE film_id = ?", (row[0],))
                database.execute("UPDATE films SET film = ? WHERE id = ?", (film.data, row[0]))
                self._move(row[0], "received", None, now)

    def announce(self, instance: str, now: float | None = None) -> Entry:
        """Note, once, an instance of an Orthanc that is to be read later."""
        now = time.time() if now is None else now
        key = self._hash("instance", instance)
        with self._transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO films (film_key, uid_key, state, received, changed, due, instance)"
                " VALUES (?, ?, 'announced', ?, ?, ?, ?)",
                (key, key, _write_moment(now), now, now, instance),
            )
        return self._select("WHERE film_key = ?", (key,))[0]

    def instance(self, entry: int) -> str:
        """Return the instance that was announced; empty where it is known no more."""
        with self._lock:
            row = self._database.execute("SELECT instance FROM films WHERE id = ?", (entry,)).fetchone()
        return row[0] if row and row[0] else ""

    def forget_announced(self, entry: int) -> None:
        """Forget an instance that was read, or is gone."""
        with self._transaction() as database:
            database.execute("DELETE FROM films WHERE id = ? AND state = 'announced'", (entry,))

    def next_due(self, state: State, now: float | None = None) -> Entry | None:
        """Return the film in a state that is due first, if any is due."""
        now = time.time() if now is None else now
        found = self._select("WHERE state = ? AND due <= ? ORDER BY due, id LIMIT 1", (state, now))
        return found[0] if found else None

    def film(self, entry: int) -> bytes:
        """Return a waiting film's bytes; empty where they are gone."""
        with self._lock:
            row = self._database.execute("SELECT film FROM films WHERE id = ?", (entry,)).fetchone()
        return row[0] if row and row[0] else b""

    def results(self, entry: int) -> list[Result]:
        """Return a film's results that are not acknowledged yet."""
        with self._lock:
            rows = self._database.execute(
                "SELECT kind, sop_class, uid, data FROM results WHERE film_id = ? ORDER BY rowid", (entry,)
            ).fetchall()
        return [Result(*row) for row in rows]

    def write(self, entry: int, results: Sequence[Result]) -> None:
        """Keep a film's results in the film's place."""
        with self._transaction() as database:
            database.executemany(
                "INSERT INTO results (film_id, kind, sop_class, uid, data) VALUES (?, ?, ?, ?, ?)",
                [(entry, result.kind, result.sop_class, result.uid, result.data) for result in results],
            )
            database.execute("UPDATE films SET film = NULL WHERE id = ?", (entry,))
            self._move(entry, "written", None)

    def acknowledge(self, entry: int, kind: Kind) -> None:
        """Forget a result that has arrived; the last one makes its film delivered."""
        with self._transaction() as database:
            database.execute("DELETE FROM results WHERE film_id = ? AND kind = ?", (entry, kind))
            if not database.execute("SELECT 1 FROM results WHERE film_id = ?", (entry,)).fetchone():
                self._move(entry, "delivered", None)

    def refuse(self, entry: int, reason: str) -> None:
        """Note that the service refused a film, and forget the film."""
        with self._transaction() as database:
            database.execute("UPDATE films SET film = NULL WHERE id = ?", (entry,))
            self._move(entry, "refused", reason)

    def postpone(self, entry: int, reason: str, until: float, *, is_error: bool) -> None:
        """Try a film again later."""
        with self._transaction() as database:
            database.execute(
                "UPDATE films SET due = ?, reason = ?, tries = tries + 1, errors = errors + ? WHERE id = ?",
                (until, reason, int(is_error), entry),
            )

    def give_up(self, entry: int, reason: str) -> None:
        """Note that a film failed; its bytes or results are kept."""
        with self._transaction():
            self._move(entry, "failed", reason)

    def retry(self, entries: Sequence[int] | None = None) -> int:
        """Let failed films, or only these, go on where they failed; return how many."""
        with self._transaction() as database:
            failed = self._failed(entries)
            for entry in failed:
                has_results = database.execute("SELECT 1 FROM results WHERE film_id = ?", (entry,)).fetchone()
                state: State = "written" if has_results else "announced" if self.instance(entry) else "received"
                self._move(entry, state, None)
        return len(failed)

    def discard(self, entries: Sequence[int]) -> int:
        """Delete failed films for good; return how many."""
        with self._transaction() as database:
            failed = self._failed(entries)
            for entry in failed:
                database.execute("DELETE FROM results WHERE film_id = ?", (entry,))
                database.execute("DELETE FROM films WHERE id = ?", (entry,))
        self.forget_log()
        return len(failed)

    def forget(self, before: float) -> int:
        """Delete what was delivered or refused before a time; return how many films."""
        with self._transaction() as database:
            return database.execute(
                "DELETE FROM films WHERE state IN ('delivered', 'refused') AND changed < ?", (before,)
            ).rowcount

    def counts(self) -> dict[State, int]:
        """Return how many films are in each state."""
        with self._lock:
            found = dict(self._database.execute("SELECT state, COUNT(*) FROM films GROUP BY state").fetchall())
        return {state: found.get(state, 0) for state in STATES}

    def oldest_waiting(self) -> float | None:
        """Return since when the film waits that waits longest."""
        with self._lock:
            row = self._database.execute(
                "SELECT MIN(changed) FROM films WHERE state IN ('announced', 'received', 'written')"
            ).fetchone()
        return None if row[0] is None else float(row[0])

    def in_state(self, state: State) -> list[Entry]:
        """Return the films in a state, the oldest first."""
        return self._select("WHERE state = ? ORDER BY changed, id", (state,))

    def find(self, uid: str) -> list[Entry]:
        """Return what is known of a film's SOP Instance UID."""
        return self._select("WHERE uid_key = ? ORDER BY id", (self._hash("uid", uid),))

    def place(self, name: str) -> int | None:
        """Return how far a source has been read, if it ever was."""
        with self._lock:
            row = self._database.execute("SELECT since FROM places WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def note_place(self, name: str, since: int) -> None:
        """Note how far a source has been read."""
        with self._transaction() as database:
            database.execute("INSERT OR REPLACE INTO places (name, since) VALUES (?, ?)", (name, since))

    def _failed(self, entries: Sequence[int] | None) -> list[int]:
        every = [entry.id for entry in self.in_state("failed")]
        return every if entries is None else [entry for entry in every if entry in entries]

    def _move(self, entry: int, state: State, reason: str | None, now: float | None = None) -> None:
        now = time.time() if now is None else now
        self._database.execute(
            "UPDATE films SET state = ?, reason = ?, changed = ?, due = ?, tries = 0, errors = 0 WHERE id = ?",
            (state, reason, now, now, entry),
        )

    def _select(self, where: str, values: tuple[object, ...]) -> list[Entry]:
        columns = "id, state, received, changed, tries, errors, reason"
        with self._lock:
            rows = self._database.execute(f"SELECT {columns} FROM films {where}", values).fetchall()  # noqa: S608 - our own text
        return [Entry(row[0], row[1], Moment(row[2][:8], row[2][8:]), *row[3:]) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _hash(self, *fields: str) -> bytes:
        return hmac.digest(self._key, "\0".join(fields).encode(), "sha256")


def _write_moment(now: float) -> str:
    return time.strftime("%Y%m%d%H%M%S", time.localtime(now))
