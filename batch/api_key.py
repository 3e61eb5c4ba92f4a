"""The service's API key, given or in a file."""

from __future__ import annotations

from pathlib import Path

from batch.errors import WrongKey


def read_api_key(given: str | None, file: Path | None) -> str | None:
    """Return the key that was given, or that is on a file's first line; None without either.

    Raises:
        WrongKey: both came, or the file holds none.
    """
    if file is None:
        return given
    if given is not None:
        raise WrongKey("Expected a key in --api-key or in --api-key-file, not both.")
    try:
        key = next(iter(file.read_text("utf-8-sig").splitlines()), "").strip()
    except (OSError, UnicodeDecodeError):
        key = ""
    if not key:
        raise WrongKey("Expected --api-key-file to hold a key.")
    return key
