"""What an earlier start left in a journal: format, results, and where each film's line begins."""

from __future__ import annotations

import os

from batch.errors import JournalRefused
from batch.fingerprint import Fingerprint
from batch.journal_file import JournalFile
from batch.journal_format import BEGINNING, JournalEntry, Run, parse_entry, parse_object


class JournalIndex:
    """A journal's films by key; rows stay on the disk.

    A film's last line counts. An unreadable line, torn by a power cut, is ignored. Format 1 has no fingerprints.
    """

    def __init__(self, file: JournalFile, run: Run, *, restart: bool = False) -> None:
        """Read the journal of `run`; `restart` ignores it.

        Raises:
            JournalRefused: it is another run's, or no journal.
        """
        self.format = 0  # nothing is there
        self.offsets: dict[str, int] = {}
        self.results: list[Fingerprint] = []
        self._file = file
        self._written_ns = file.mtime_ns
        lines = file.lines()
        _, first = next(lines, (0, b""))
        if not first.startswith(BEGINNING) and not BEGINNING.startswith(first):
            raise JournalRefused(f"{file.path} is no journal of this command. Move it away.")
        if restart or not first.endswith(b"\n"):
            return
        header = parse_object(first)
        if header is None:
            raise JournalRefused(f"{file.path} begins with a damaged line. Move it away.")
        run.check(header, str(file.path))
        self.format = header["journal"]
        self.results = [Fingerprint(**result) for result in header.get("results", ())]
        for offset, line in lines:
            entry = parse_entry(line, self.format)
            if entry is not None:
                self.offsets[entry.row.path] = offset

    def entry(self, key: str) -> JournalEntry:
        """Read a film's entry.

        Raises:
            JournalRefused: something else changed the file.
        """
        entry = parse_entry(self._file.line(self.offsets[key]), self.format)
        if entry is None:
            raise JournalRefused(f"{self._file.path} was changed by something else while it was in use.")
        if self.format == 1:
            entry.fingerprint = self._adopted(key)
        return entry

    def line(self, key: str) -> bytes:
        """Return a film's line in the current format."""
        return self.entry(key).encode(key) if self.format == 1 else self._file.line(self.offsets[key])

    def _adopted(self, path: str) -> Fingerprint | None:
        """Return the present fingerprint, without hash; None where the film is newer than the journal."""
        try:
            status = os.stat(path)  # noqa: PTH116 - the path stays as it is
        except (OSError, ValueError):
            return None
        if status.st_mtime_ns > self._written_ns:
            return None
        return Fingerprint(status.st_size, status.st_mtime_ns, None)
