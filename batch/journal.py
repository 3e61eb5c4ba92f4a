"""The journal of finished films: it survives kill -9, and a later start resumes from it.

Its first line holds the run and its results' fingerprints, each further line a film (`journal_format`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from batch.errors import JournalRefused
from batch.fingerprint import Fingerprint, fingerprint_file
from batch.journal_file import JournalFile
from batch.journal_format import FORMAT, JournalEntry, Run
from batch.journal_index import JournalIndex
from batch.journal_keys import JournalKeys
from batch.paths import join_some


class Journal:
    """An open, locked journal; callers name films by absolute path.

    Nothing is written before the first `prepare`, `append`, `note_result` or `finish`.
    """

    def __init__(self, out: Path, run: Run, keys: JournalKeys | None = None, *, restart: bool = False) -> None:
        """Open or begin the journal of `run` for `out`, whose folder exists.

        `keys` name its films, by default by absolute path; `restart` forgets earlier starts.

        Raises:
            JournalRefused: another process or run has it, or it is no journal.
        """
        self.run = run
        self._out = out
        self._keys = keys or JournalKeys()
        self._is_prepared = False
        self._prepared_end = 0
        self._file = JournalFile(out)
        try:
            self._index = JournalIndex(self._file, run, restart=restart)
        except BaseException:
            self._file.close()
            raise
        self._is_restart = restart
        self._must_replace = self._index.format != FORMAT

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._index.offsets)

    @property
    def is_finished(self) -> bool:
        """Whether its result is finished."""
        return self._file.is_finished

    def check_films(self, films: Iterable[str]) -> int:
        """Forget failed films that are not among `films`; return their number.

        A folder that could not be entered was one failed film.

        Raises:
            JournalRefused: an answered film is not among `films`.
        """
        lost = self._index.offsets.keys() - set(map(self._keys, films))
        answered = sorted(key for key in lost if self._index.entry(key).row.error is None)
        if answered:
            raise JournalRefused(
                f"{self._file.path} holds {len(lost)} films that are not named now, answers of {len(answered)} among "
                f"them: {join_some(answered)}. "
                "Name the same films again, name another --out, or start over with --restart."
            )
        for key in lost:
            del self._index.offsets[key]
        self._must_replace = self._must_replace or bool(lost)
        return len(lost)

    def check_result(self) -> None:
        """Check that this journal wrote the result.

        Raises:
            JournalRefused: something else wrote or changed it.
        """
        if self._is_restart or self._index.format == 1 or not self._out.exists():
            return
        if not self._index.format:
            raise JournalRefused(
                f"{self._out} is there without {self._out.name}.films, which tells what its films held: an older "
                "version wrote it, or something else. Name another --out, or replace it with --restart."
            )
        status = self._out.stat()
        if not any(result.matches_stat(status) for result in self._index.results):
            present = fingerprint_file(self._out)
            if not any(result.matches(present) for result in self._index.results):
                raise JournalRefused(
                    f"{self._out} is not as this command left it. Move it away to have it written anew, "
                    "name another --out, or replace it with --restart."
                )

    def entry(self, film: str) -> JournalEntry | None:
        """Return a film's entry, or None; thread-safe.

        Raises:
            JournalRefused: something else changed the file.
        """
        key = self._keys(film)
        if key not in self._index.offsets:
            return None
        entry = self._index.entry(key)
        entry.row.path = film
        return entry

    def has_new(self, film: str) -> bool:
        """Whether a film was appended since the last `prepare` or `note_result`."""
        return self._is_prepared and self._index.offsets.get(self._keys(film), -1) >= self._prepared_end

    def prepare(self) -> None:
        """Give the file the current format and name."""
        if self._is_prepared:
            return
        if self._must_replace:
            self._replace(self._present_result())
        self._file.begin()
        self._prepared_end = self._file.end
        self._is_prepared = True

    def append(self, entries: Iterable[JournalEntry]) -> None:
        """Add films; when this returns they are on the disk."""
        self.prepare()
        lines, at = [], {}
        end = 0
        for entry in entries:
            key = self._keys(entry.row.path)
            line = entry.encode(key)
            lines.append(line)
            at[key] = end
            end += len(line)
        begins = self._file.append(b"".join(lines))
        self._index.offsets.update((key, begins + offset) for key, offset in at.items())

    def note_result(self, result: Fingerprint) -> None:
        """Rewrite the journal durably, a line a film, with the result about to be put in place."""
        self.prepare()
        self._replace([*self._present_result(), result])

    def knows_result(self, result: Fingerprint) -> bool:
        """Return whether these bytes were noted."""
        return any(known.matches(result) for known in self._index.results)

    def finish(self) -> None:
        """Keep the journal beside its finished result."""
        if self._must_replace:
            self.prepare()
        self._file.finish()

    def _present_result(self) -> list[Fingerprint]:
        return [fingerprint_file(self._out)] if self._out.exists() else []

    def _replace(self, results: list[Fingerprint]) -> None:
        offsets: dict[str, int] = {}

        def lines() -> Iterator[bytes]:
            line = self.run.encode(results)
            end = len(line)
            yield line
            for key in self._index.offsets:
                line = self._index.line(key)
                offsets[key] = end
                end += len(line)
                yield line

        self._file.replace(lines())
        self._index.format, self._index.offsets, self._index.results = FORMAT, offsets, results
        self._prepared_end = self._file.end
