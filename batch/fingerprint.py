"""A film's bytes, and the fingerprint that shows whether they changed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from batch.paths import reason

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


def read_film(path: str) -> tuple[bytes, Fingerprint]:
    """Read a film whole, and return the fingerprint of exactly these bytes.

    Raises:
        UnreadableFilm: it cannot be read, is too large or is being written.
    """
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
