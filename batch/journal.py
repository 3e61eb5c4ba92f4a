"""The journal beside a result: what is finished survives kill -9, and a second start goes on from it.

Its first line describes the run and holds the fingerprints of its results; each further line is one film, see
`journal_format`. A film that was sent again has several lines, of which the last one counts. A line that cannot be
read was torn by a power cut and is ignored. Format 1 has no fingerprints.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from batch.errors import JournalRefused
from batch.fingerprint import Fingerprint, fingerprint_file
from batch.journal_file import JournalFile
from batch.journal_format import BEGINNING, FORMAT, JournalEntry, Run, parse_entry, parse_object
from batch.journal_keys import JournalKeys
from batch.paths import join_some


class Journal:
    """An open journal, locked against a second process. Use it as a context manager.

    Rows stay on the disk; in memory is only where each one begins. Nothing changes on the disk before the first of
    `prepare`, `append`, `note_result` and `finish`. Callers name films by absolute path.
    """

    def __init__(self, out: Path, run: Run, keys: JournalKeys | None = None, *, restart: bool = False) -> None:
        """Open the journal of `run` for the result `out`, or begin one.

        Args:
            out: the result; its folder exists.
            run: what this start would score with.
            keys: how films are named in it; None: by absolute path.
            restart: forget what an earlier start left.

        Raises:
            JournalRefused: another process writes it, it belongs to another run, or the file is no journal.
        """
        self.run = run
        self._out = out
        self._keys = keys or JournalKeys()
        self._format = 0
        self._offsets: dict[str, int] = {}
        self._results: list[Fingerprint] = []
        self._is_prepared = False
        self._prepared_end = 0
        self._file = JournalFile(out)
        self._written_ns = self._file.mtime_ns
        try:
            self._index(restart)
        except BaseException:
            self._file.close()
            raise
        self._is_restart = restart
        self._must_replace = self._format != FORMAT

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def is_finished(self) -> bool:
        """Whether it stands beside a finished result."""
        return self._file.is_finished

    def check_films(self, films: Iterable[str]) -> int:
        """Refuse to go on without films that were answered; forget those that failed, and return their number.

        What failed has no answer to lose, and may have another name by now: a folder that could not be entered is one
        failed film until it can be.

        Raises:
            JournalRefused: a film that was answered is not among `films`.
        """
        lost = self._offsets.keys() - set(map(self._keys, films))
        answered = sorted(key for key in lost if self._entry(key).row.error is None)
        if answered:
            raise JournalRefused(
                f"{self._file.path} holds {len(lost)} films that are not named now, answers of {len(answered)} among "
                f"them: {join_some(answered)}. "
                "Name the same films again, name another --out, or start over with --restart."
            )
        for key in lost:
            del self._offsets[key]
        self._must_replace = self._must_replace or bool(lost)
        return len(lost)

    def check_result(self) -> None:
        """Refuse to replace a result that this journal did not write.

        Raises:
            JournalRefused: something else wrote it, or changed it.
        """
        if self._is_restart or self._format == 1 or not self._out.exists():
            return
        if not self._format:
            raise JournalRefused(
                f"{self._out} is there without {self._out.name}.films, which tells what its films held: an older "
                "version wrote it, or something else. Name another --out, or replace it with --restart."
            )
        status = self._out.stat()
        if not any(result.matches_stat(status) for result in self._results):
            present = fingerprint_file(self._out)
            if not any(result.matches(present) for result in self._results):
                raise JournalRefused(
                    f"{self._out} is not as this command left it. Move it away to have it written anew, "
                    "name another --out, or replace it with --restart."
                )

    def entry(self, film: str) -> JournalEntry | None:
        """Return a film's entry, or None. Several threads may call it while another appends.

        Raises:
            JournalRefused: something else changed the file.
        """
        key = self._keys(film)
        if key not in self._offsets:
            return None
        entry = self._entry(key)
        entry.row.path = film
        return entry

    def has_new(self, film: str) -> bool:
        """Return whether a film was appended since `prepare` was called, and no result noted since."""
        return self._is_prepared and self._offsets.get(self._keys(film), -1) >= self._prepared_end

    def prepare(self) -> None:
        """Give the file the current format and the name of a journal, so that films can be appended."""
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
        self._offsets.update((key, begins + offset) for key, offset in at.items())

    def note_result(self, result: Fingerprint) -> None:
        """Note the result that is about to be put in place; when this returns the note is on the disk.

        The journal is written anew for it, with one line a film.
        """
        self.prepare()
        self._replace([*self._present_result(), result])

    def knows_result(self, result: Fingerprint) -> bool:
        """Return whether these bytes were noted as a result before."""
        return any(known.matches(result) for known in self._results)

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
            for key, offset in self._offsets.items():
                line = self._entry(key).encode(key) if self._format == 1 else self._file.line(offset)
                offsets[key] = end
                end += len(line)
                yield line

        self._file.replace(lines())
        self._format, self._offsets, self._results = FORMAT, offsets, results
        self._prepared_end = self._file.end

    def _entry(self, key: str) -> JournalEntry:
        entry = parse_entry(self._file.line(self._offsets[key]), self._format)
        if entry is None:
            raise JournalRefused(f"{self._file.path} was changed by something else while it was in use.")
        if self._format == 1:
            entry.fingerprint = self._adopted(key)
        return entry

    def _adopted(self, path: str) -> Fingerprint | None:
        """Return the fingerprint for a film of a journal of format 1: as it is now, hash unknown.

        A file newer than the journal gets none: its row is about other bytes.
        """
        try:
            status = os.stat(path)  # noqa: PTH116 - the path stays as it is
        except (OSError, ValueError):
            return None
        if status.st_mtime_ns > self._written_ns:
            return None
        return Fingerprint(status.st_size, status.st_mtime_ns, None)

    def _index(self, restart: bool = False) -> None:
        """Read the format, 0 where nothing is there, and where each film's last line begins."""
        lines = self._file.lines()
        _, first = next(lines, (0, b""))
        if not first.startswith(BEGINNING) and not BEGINNING.startswith(first):
            raise JournalRefused(f"{self._file.path} is no journal of this command. Move it away.")
        if restart or not first.endswith(b"\n"):
            return
        header = parse_object(first)
        if header is None:
            raise JournalRefused(f"{self._file.path} begins with a damaged line. Move it away.")
        self.run.check(header, str(self._file.path))
        self._format = header["journal"]
        self._results = [Fingerprint(**result) for result in header.get("results", ())]
        for offset, line in lines:
            entry = parse_entry(line, self._format)
            if entry is not None:
                self._offsets[entry.row.path] = offset
