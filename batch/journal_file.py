"""The file of a journal: two names, a lock, durable writes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from batch.errors import JournalRefused
from batch.results import sync_folder

_LINE_BYTES = 1024  # more than most lines have


class JournalFile:
    """The open file, locked against a second process; it is appended to or replaced whole.

    It is `<out>.journal` during scoring, `<out>.films` beside a finished result. Both exist, the journal newer, where
    a `--restart` was cut off.
    """

    def __init__(self, out: Path) -> None:
        """Open or create the file of the result `out`.

        Raises:
            JournalRefused: another process has it.
        """
        self._journal = out.with_name(out.name + ".journal")
        self._films = out.with_name(out.name + ".films")
        self.path, self._file = self._open()
        self._end = os.fstat(self._file).st_size
        self._torn_at: int | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it stands beside a finished result."""
        return self.path == self._films

    @property
    def end(self) -> int:
        """Its size in bytes."""
        return self._end

    @property
    def mtime_ns(self) -> int:
        """When it was last written, in nanoseconds."""
        return os.fstat(self._file).st_mtime_ns

    def close(self) -> None:
        """Release the file; delete it where it is empty."""
        if not self._end and not self.is_finished:
            self.path.unlink(missing_ok=True)
        _close_locked(self._file)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        r"""Yield each line's offset and the line with its `\n`, which the last may lack."""
        with self.path.open("rb") as file:
            at = 0
            for line in file:
                if not line.endswith(b"\n"):
                    self._torn_at = at
                yield at, line
                at += len(line)

    def line(self, offset: int) -> bytes:
        """Return the line that begins there; thread-safe."""
        line = b""
        while b"\n" not in line:
            read = os.pread(self._file, _LINE_BYTES, offset + len(line))
            if not read:
                break
            line += read
        return line[: line.find(b"\n") + 1]

    def append(self, data: bytes) -> int:
        """Add whole lines, on the disk when this returns; return their offset."""
        if self._torn_at is not None:  # an earlier start was killed within a line
            os.truncate(self._file, self._torn_at)
            self._end, self._torn_at = self._torn_at, None
        begins = self._end
        self._write(data)
        os.fsync(self._file)
        return begins

    def replace(self, lines: Iterable[bytes]) -> None:
        """Replace the journal atomically by these lines."""
        aside = self._journal.with_name(self._journal.name + ".part")
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        new = os.open(aside, flags, 0o666)
        try:
            fcntl.flock(new, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with os.fdopen(os.dup(new), "wb") as file:
                file.writelines(lines)
            os.fsync(new)
            aside.replace(self._journal)
        except BaseException:
            aside.unlink(missing_ok=True)
            _close_locked(new)
            raise
        sync_folder(aside.parent)
        _close_locked(self._file)
        self.path, self._file = self._journal, new
        self._end, self._torn_at = os.fstat(new).st_size, None

    def begin(self) -> None:
        """Name it an unfinished journal."""
        self._rename(self._journal)

    def finish(self) -> None:
        """Name it the file beside a finished result."""
        self._rename(self._films)

    def _rename(self, to: Path) -> None:
        if self.path != to:
            self.path.replace(to)
            sync_folder(to.parent)
            self.path = to

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._file, view)
            self._end += written
            view = view[written:]

    def _open(self) -> tuple[Path, int]:
        while True:
            path = next(filter(Path.exists, (self._journal, self._films)), self._journal)
            create = os.O_CREAT if path == self._journal else 0
            try:
                file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | create, 0o666)
            except FileNotFoundError:
                continue  # renamed meanwhile
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(file)
                raise JournalRefused(
                    f"Another process is writing {path}. Wait for it, or name another --out."
                ) from None
            if self._is_current(path, file):
                return path, file
            _close_locked(file)

    def _is_current(self, path: Path, file: int) -> bool:
        """Return whether the locked file is still current: another start may have ended."""
        if not path.exists() or not os.path.samestat(os.fstat(file), path.stat()):
            return False
        if path == self._films:
            return not self._journal.exists()
        if self._films.exists() and not os.fstat(file).st_size:
            path.unlink()  # created after another start had finished
            return False
        return True


def _close_locked(file: int) -> None:
    # A forked process may still hold a copy of the descriptor.
    fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)
