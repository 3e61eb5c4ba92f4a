"""What tests of the journal write and read."""

from __future__ import annotations

from batch.fingerprint import Fingerprint
from batch.journal import Journal
from batch.journal_format import JournalEntry, Run
from batch.results import Row

RUN = Run("balanced", "drawn/1", "ab")
SEEN = Fingerprint(3, 1_700_000_000_123_456_789, "cd")


def entries(*rows: Row) -> list[JournalEntry]:
    """Return rows of which no bytes are known."""
    return [JournalEntry(row) for row in rows]


def rows_of(journal: Journal, *films: str) -> list[Row | None]:
    """Return what a journal holds of these films."""
    return [entry and entry.row for entry in map(journal.entry, films)]
