"""A film's bytes, and the fingerprint that shows whether they changed."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from batch.addresses import is_url, local_path, open_store
from batch.paths import NO_FILE, reason

MAX_FILM_BYTES = 512 * 2**20  # a film is held whole; no service takes more
_READINGS = 3


class UnreadableFilm(Exception):
    """A film cannot be read whole; the message says why, without its path."""


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


def read_film_bytes(address: str) -> bytes:
    """Read a film whole, from a path or a URL that fsspec opens.

    Raises:
        UnreadableFilm: it cannot be read, or is too large.
        CallError: the library for its scheme is missing.
    """
    path = local_path(address)
    try:
        if is_url(path):
            return _read_object(path)
        mode = os.stat(path).st_mode  # noqa: PTH116 - the path stays as it is
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # to open a pipe may never end
            raise UnreadableFilm(NO_FILE)
        with Path(path).open("rb", buffering=0) as file:
            data = file.read(MAX_FILM_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UnreadableFilm(reason(error)) from error
    return _checked(data)


def _read_object(url: str) -> bytes:
    system, path = open_store(url)
    try:
        try:
            data = system.cat_file(path, start=0, end=MAX_FILM_BYTES + 1)
        except FileNotFoundError:
            raise UnreadableFilm(os.strerror(errno.ENOENT)) from None
        except Exception:
            if system.info(path)["size"]:
                raise
            data = b""  # nothing has no range
    except UnreadableFilm:
        raise
    except Exception as error:  # each store's library has errors of its own
        raise UnreadableFilm(reason(error)) from error
    return _checked(bytes(data))


def _checked(data: bytes) -> bytes:
    if len(data) > MAX_FILM_BYTES:
        raise UnreadableFilm(f"Expected at most {MAX_FILM_BYTES} bytes. Received more.")
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
                    raise UnreadableFilm(f"Expected at most {MAX_FILM_BYTES} bytes. Received {before.st_size}.")
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
