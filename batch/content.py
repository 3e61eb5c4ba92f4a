"""What a film holds: the bytes that are sent, and what tells them from others at the next start."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from batch.paths import reason

MAX_FILM_BYTES = 512 * 2**20  # a film is held whole while it is sent; no service takes one of this size
_READINGS = 3


class UnreadableFilm(Exception):
    """A film's bytes cannot be had, or not whole; the message says why, without its path."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells the bytes of one file from others.

    `size` in bytes, `mtime_ns` its time of modification in nanoseconds, `sha256` of the bytes in hexadecimal digits,
    or None where nobody noted it when they were read.
    """

    size: int
    mtime_ns: int
    sha256: str | None

    def has_stat(self, status: os.stat_result) -> bool:
        """Tell whether a file with this status counts as unchanged without being read."""
        return (self.size, self.mtime_ns) == (status.st_size, status.st_mtime_ns)

    def has_bytes_of(self, other: Identity) -> bool:
        """Tell whether both are of the same bytes; where a hash is missing, size and time decide."""
        if self.sha256 is None or other.sha256 is None:
            return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)
        return self.sha256 == other.sha256


def read_film(path: str) -> tuple[bytes, Identity]:
    """Read a film whole, with the identity of exactly these bytes.

    Raises:
        UnreadableFilm: it cannot be read, is too large, or is being written.
    """
    try:
        for _ in range(_READINGS):
            with Path(path).open("rb", buffering=0) as file:
                before = os.fstat(file.fileno())
                if before.st_size > MAX_FILM_BYTES:
                    raise UnreadableFilm(f"Expected at most {MAX_FILM_BYTES} bytes. Received {before.st_size}.")
                data = file.readall()
                after = os.fstat(file.fileno())
            identity = Identity(len(data), before.st_mtime_ns, hashlib.sha256(data).hexdigest())
            if identity.has_stat(before) and identity.has_stat(after):
                return data, identity
    except (OSError, ValueError) as error:
        raise UnreadableFilm(reason(error)) from error
    raise UnreadableFilm("Expected a finished file. Received one that changed while it was read.")


def file_identity(path: Path) -> Identity:
    """Return the identity of a file of any size, which nobody else writes meanwhile.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        return Identity(status.st_size, status.st_mtime_ns, hashlib.file_digest(file, "sha256").hexdigest())
