"""The journal beside a result: what is finished survives kill -9, and a second start goes on from it.

Its first line tells which run it belongs to; each further line is one row under the names of `results.COLUMNS`,
its path made absolute, so that a second start may come from another folder.
A film may stand there twice, when it failed and was sent again: its last line counts.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from batch.errors import JournalRefused
from batch.results import COLUMNS, Row, sync_folder

_FORMAT = 1
_BEGINNING = b'{"journal": '


@dataclass(frozen=True)
class Run:
    """What all rows of one journal have in common.

    `operating_point` is a name (never "the default"), `model` is name/version, `model_sha256` that of its weights.
    """

    operating_point: str | None
    model: str | None
    model_sha256: str | None


class Journal:
    """An open journal, locked against a second process.

    `run` is what it belongs to. Rows stay on the disk; in memory is only where each one begins. Use it as a context
    manager.
    """

    def __init__(self, path: Path, run: Run, *, restart: bool = False) -> None:
        """Open the journal of `run`, or begin one.

        Args:
            path: where it lies; its folder exists.
            run: what this start would score with.
            restart: forget what an earlier start left there.

        Raises:
            JournalRefused: another process writes it, it belongs to another run, or the file is no journal.
        """
        self.run = run
        self._path = path
        self._file = _open_locked(path)
        self._offsets: dict[str, int] = {}
        self._end = 0
        try:
            if restart:
                os.truncate(self._file, 0)
            self._end = self._read(run)
            os.truncate(self._file, self._end)  # what is after it was torn when the last start was killed
            if self._end == 0:
                self._begin(run)
            # By itself: a copy of the descriptor would share the position that each append moves.
            self._reader = path.open("rb")
        except BaseException:
            _close_locked(self._file)
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        _close_locked(self._file)

    def __contains__(self, key: str) -> bool:
        return key in self._offsets

    def __len__(self) -> int:
        return len(self._offsets)

    def check_films(self, keys: Iterable[str]) -> None:
        """Refuse to go on without films that stand here: the result would lose their rows.

        Raises:
            JournalRefused: a film in the journal is not among `keys`.
        """
        lost = len(self._offsets.keys() - set(keys))
        if lost:
            raise JournalRefused(
                f"{self._path} holds {lost} films that are not named now. "
                "Name the same films again, name another --out, or start over with --restart."
            )

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows, their `path` a film's key; when this returns they are on the disk."""
        lines, offsets, end = [], {}, self._end
        for row in rows:
            line = json.dumps(row.as_columns()).encode() + b"\n"
            lines.append(line)
            offsets[row.path] = end
            end += len(line)
        _write(self._file, b"".join(lines))
        os.fsync(self._file)
        self._offsets.update(offsets)
        self._end = end

    def row(self, key: str) -> Row:
        """Return the last row of a film.

        Raises:
            KeyError: it has none.
            JournalRefused: the file was changed behind our back.
        """
        self._reader.seek(self._offsets[key])
        row = _row(self._reader.readline())
        if row is None:
            raise JournalRefused(f"{self._path} was changed by something else while it was in use.")
        return row

    def rows(self) -> Iterator[Row]:
        """Yield every film's last row."""
        return map(self.row, self._offsets)

    def remove(self) -> None:
        """Delete the journal, once its rows are in a result."""
        self._path.unlink()
        sync_folder(self._path.parent)

    def _begin(self, run: Run) -> None:
        header = json.dumps({"journal": _FORMAT, **asdict(run)}).encode() + b"\n"
        _write(self._file, header)
        os.fsync(self._file)
        sync_folder(self._path.parent)
        self._end = len(header)

    def _read(self, run: Run) -> int:
        """Index what is there; return where the last whole line ends."""
        with self._path.open("rb") as file:
            return self._index(file, run)

    def _index(self, file: BinaryIO, run: Run) -> int:
        first = file.readline()
        if not first.startswith(_BEGINNING) and not _BEGINNING.startswith(first):
            raise JournalRefused(f"{self._path} is no journal of this command. Move it away.")
        header = _object(first)
        if header is None:
            return 0
        self._check(header, run)
        end = len(first)
        for line in file:
            row = _row(line)
            if row is None:
                break
            self._offsets[row.path] = end
            end += len(line)
        return end

    def _check(self, header: dict[str, Any], run: Run) -> None:
        if header.get("journal") != _FORMAT:
            raise JournalRefused(f"{self._path} was written by another version of this command. Start with --restart.")
        for name, now in asdict(run).items():
            before = header.get(name)
            if before != now:
                raise JournalRefused(
                    f"{self._path} was begun with {name} {before}; now it is {now}. "
                    "One result holds one model's answers at one operating point: "
                    "go back to that, name another --out, or start over with --restart."
                )


def _open_locked(path: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise JournalRefused(f"Another process is writing {path}. Wait for it, or name another --out.") from None
        # The process that held it may have finished in between, and deleted what was just locked.
        if path.exists() and os.path.samestat(os.fstat(file), path.stat()):
            return file
        os.close(file)


def _close_locked(file: int) -> None:
    # Not by closing alone: what this process forked meanwhile may still have a copy of the descriptor.
    fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _object(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _row(line: bytes) -> Row | None:
    value = _object(line)
    if value is None or tuple(value) != COLUMNS:
        return None
    return Row(*value.values())
