"""Find the films that a caller named: folders, files, or a list on standard input."""

# ruff: noqa: PTH100, PTH116
# Paths stay the strings that were named, byte for byte, "" and "./a" included; Path would change them.

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from batch.errors import NothingNamed

FILM_ENDINGS = (".jpg", ".jpeg", ".png", ".dcm")
# A spreadsheet takes a cell that begins so for a formula; "./" in front names the same file and is none.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Film:
    """One film to score.

    `path` is the path as the caller named it, `key` the absolute path that tells it from others, and `problem`
    the reason why it cannot be read, where that is known already.
    """

    path: str
    key: str
    problem: str | None = None


def find_films(arguments: Sequence[str], stdin: BinaryIO) -> list[Film]:
    """List the films of all arguments in their order, each once.

    A folder is walked with its entries sorted by name; hidden ones and other endings than `FILM_ENDINGS` are skipped.
    A folder that links lead to a second time is not walked again, so a loop ends. A file that was named itself
    is taken whatever its ending. `-` reads paths from `stdin`, one a line, or NUL-separated as `find -print0` writes.

    Raises:
        NothingNamed: nothing that was named exists, or it holds no film.
    """
    named = list(_expand(arguments, stdin))
    if not named:
        raise NothingNamed("Expected paths on standard input, one a line. Received none.")
    if not any(os.path.lexists(path) for path in named if "\0" not in path):
        raise NothingNamed(f"Expected folders or files that exist. Received: {', '.join(named[:3])}.")
    walked: set[tuple[int, int]] = set()
    films: dict[str, Film] = {}
    for path in named:
        for found, problem in _from_argument(path, walked):
            key = os.path.abspath(found)  # not resolved: a link and its target are two names for two rows
            films.setdefault(key, Film(_harmless(found), key, problem))
    if not films:
        raise NothingNamed(f"Expected files that end in {', '.join(FILM_ENDINGS)}. Received: {', '.join(named[:3])}.")
    return list(films.values())


def shown(text: str) -> str:
    r"""Make a text valid UTF-8 without changing what is valid: the undecodable byte 0xE9 becomes `\xe9`."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def _expand(arguments: Iterable[str], stdin: BinaryIO) -> Iterator[str]:
    for argument in arguments:
        if argument != "-":
            yield argument
            continue
        listed = stdin.read()
        lines = listed.split(b"\0") if b"\0" in listed else [line.rstrip(b"\r") for line in listed.split(b"\n")]
        yield from (os.fsdecode(line) for line in lines if line)


def _from_argument(path: str, walked: set[tuple[int, int]]) -> Iterator[tuple[str, str | None]]:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        yield path, reason(error)
        return
    if stat.S_ISDIR(mode):
        yield from _walk(path, walked)
    else:
        yield path, None if stat.S_ISREG(mode) else "Expected a file. Received a device, a pipe or a socket."


def _walk(folder: str, walked: set[tuple[int, int]]) -> Iterator[tuple[str, str | None]]:
    try:
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in walked:
            return
        walked.add(identity)
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield folder, reason(error)
        return
    for entry in ordered:
        if entry.name.startswith("."):
            continue
        # A link that leads nowhere is neither: it goes on as a file, and becomes a row that says so.
        if entry.is_dir():
            yield from _walk(entry.path, walked)
        elif entry.name.lower().endswith(FILM_ENDINGS):
            yield from _from_argument(entry.path, walked)


def reason(error: Exception) -> str:
    """Say in a few words why a file could not be read, without its path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _harmless(path: str) -> str:
    return f"./{path}" if path.startswith(_FORMULA_SIGNS) else path
