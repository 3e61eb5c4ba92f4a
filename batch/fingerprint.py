"""A film's bytes, and the fingerprint that shows whether they changed."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from batch.addresses import is_url, local_path, open_store
from batch.errors import UnusableAddress
from batch.paths import NO_FILE, reason

MAX_FILM_BYTES = 512 * 2**20  # a film is held whole; no service takes more
_READINGS = 3


class UnreadableFilm(Exception):
    """A film cannot be read whole; the message says why, without its path."""


class FilmTooLarge(UnreadableFilm):
    """A film has `size` bytes, more than were wanted."""

    def __init__(self, size: int, most: int) -> None:
        super().__init__(f"Expected at most {most} bytes. Received {size}.")
        self.size = size


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Size in bytes, modification time in nanoseconds, and SHA-256 in hexadecimal, None where unknown."""

    size: int
    mtime_ns: int
    sha256: str | None

    def matches_stat(self, status: os.stat_result) -> bool:
        """Return whether a file of this status counts as unchanged, unread."""
        return (self.size, self.mtime_ns) == (status.st_size, status.st_mtime_ns)

    def matches(self, other: Fingerprint) -> bool:
        """Return whether the hashes agree; without one, size and time."""
        if self.sha256 is None or other.sha256 is None:
            return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)
        return self.sha256 == other.sha256


def read_film_bytes(address: str, most: int = MAX_FILM_BYTES) -> bytes:
    """Read a film of at most so many bytes whole, from a path or a URL that fsspec opens.

    Raises:
        FilmTooLarge: it has more.
        UnreadableFilm: it cannot be read.
        CallError: the library for its scheme is missing.
    """
    path = local_path(address)
    try:
        if is_url(path):
            return _read_object(path, most)
        mode = os.stat(path).st_mode  # noqa: PTH116 - the path stays as it is
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # to open a pipe may never end
            raise UnreadableFilm(NO_FILE)
        with Path(path).open("rb", buffering=0) as file:
            if (size := os.fstat(file.fileno()).st_size) > most:
                raise FilmTooLarge(size, most)
            return file.readall()
    except (OSError, ValueError, UnusableAddress) as error:
        raise UnreadableFilm(reason(error)) from error


def _read_object(url: str, most: int) -> bytes:
    system, path = open_store(url)
    try:
        try:
            data = bytes(system.cat_file(path, start=0, end=most + 1))
        except FileNotFoundError:
            raise UnreadableFilm(os.strerror(errno.ENOENT)) from None
        except Exception:
            if system.info(path)["size"]:
                raise
            data = b""  # nothing has no range
        size = len(data) if len(data) <= most else system.info(path)["size"]
    except UnreadableFilm:
        raise
    except Exception as error:  # each store's library has errors of its own
        raise UnreadableFilm(reason(error)) from error
    if size > most:
        raise FilmTooLarge(size, most)
    return data


def read_film(path: str) -> tuple[bytes, Fingerprint]:
    """Read a film whole, and return the fingerprint of exactly these bytes; without time where it lies at a URL.

    Raises:
        UnreadableFilm: it cannot be read, is too large or is being written.
        CallError: see `read_film_bytes`.
    """
    if is_url(path):
        data = read_film_bytes(path)
        return data, Fingerprint(len(data), 0, hashlib.sha256(data).hexdigest())
    try:
        for _ in range(_READINGS):
            with Path(path).open("rb", buffering=0) as file:
                before = os.fstat(file.fileno())
                if before.st_size > MAX_FILM_BYTES:
                    raise FilmTooLarge(before.st_size, MAX_FILM_BYTES)
                data = file.readall()
                after = os.fstat(file.fileno())
            fingerprint = Fingerprint(len(data), before.st_mtime_ns, hashlib.sha256(data).hexdigest())
            if fingerprint.matches_stat(before) and fingerprint.matches_stat(after):
                return data, fingerprint
    except (OSError, ValueError) as error:
        raise UnreadableFilm(reason(error)) from error
    raise UnreadableFilm("Expected a finished file. Received one that changed while it was read.")


def fingerprint_file(path: Path) -> Fingerprint:
    """Return the fingerprint of a file that nobody is writing.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        return Fingerprint(status.st_size, status.st_mtime_ns, hashlib.file_digest(file, "sha256").hexdigest())
