"""Films whose store failed for a moment, and films that cannot be read: told apart before a part is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from batch.errors import StoreFailed
from batch.fingerprint import FilmTooLarge, UnreadableFilm, read_film_bytes
from batch.in_process import UNREADABLE
from batch.results import Row


class PartRows:
    """Finishes the rows of one part after the other; a part is never written again, so nothing in it may be passing."""

    def __init__(self, score: Callable[[str], Row], samples: Sequence[str] = ()) -> None:
        """Take what scores a film at an address, and films to try where none of the first part can be read."""
        self._score = score
        self._samples = samples
        self._readable: str | None = None  # the last film that could be read

    def finish(self, rows: Sequence[Row]) -> list[Row]:
        """Return a part's rows, films that could not be read tried once more.

        Where some cannot, a film that could be read before must be readable, before and after they are tried again:
        else their folder or store is gone (a lost mount, expired credentials), and not the films.

        Raises:
            StoreFailed: no film can be read any more.
        """
        self._remember(rows)
        unread = [row for row in rows if row.error == UNREADABLE]
        if unread and self._readable is not None:
            self._check_store(unread[0])  # before thousands are waited for, one by one
        finished = [self._score(row.path) if row.error == UNREADABLE else row for row in rows]
        self._remember(finished)
        unread = [row for row in finished if row.error == UNREADABLE]
        if unread:
            self._check_store(unread[0])
        return finished

    def _remember(self, rows: Sequence[Row]) -> None:
        self._readable = next((row.path for row in reversed(rows) if row.error != UNREADABLE), self._readable)

    def _check_store(self, row: Row) -> None:
        if self._readable is None:
            self._readable = next(filter(_is_readable, self._samples), None)
        if self._readable is None:
            raise StoreFailed(f"Expected films that can be read. None of the first part can: {row.error_detail}.")
        try:
            _read(self._readable)
        except UnreadableFilm as error:
            raise StoreFailed(f"The films can no longer be read: {error}. The part is not written.") from None


def _read(address: str) -> None:
    with suppress(FilmTooLarge):
        read_film_bytes(address)


def _is_readable(address: str) -> bool:
    try:
        _read(address)
    except UnreadableFilm:
        return False
    return True
