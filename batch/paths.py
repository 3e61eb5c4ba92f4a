"""Find films among named files and folders."""

# ruff: noqa: PTH100, PTH116, PTH118
# Path would change "" and "./a".

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from batch.addresses import is_url
from batch.errors import NothingNamed
from batch.path_lists import exists
from training.data.kinds import (
    FILM_ENDINGS,
    begins_like_film,
    describe_kinds,
    has_film_ending,
    is_system_folder,
    name_kind,
    read_beginning,
)

# In a spreadsheet these begin a formula; "./" in front names the same file.
_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
_HALF_PAIRS = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # no undecodable byte
_MOST_LISTED = 3
NO_FILE = "Expected a file. Received a device, a pipe or a socket."


@dataclass(frozen=True, slots=True)
class Film:
    """`path` as named, `key` its absolute path, `problem` why it cannot be read, where known."""

    path: str
    key: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Films, and counts of skipped entries by kind."""

    films: list[Film]
    skipped: Counter[str] = field(default_factory=Counter)

    def describe_skipped(self) -> str | None:
        """Return the counts in a line, largest first."""
        return describe_kinds(self.skipped)


def find_films(named: Sequence[str]) -> Found:
    """Return the films of all paths in their order, each once.

    Folders are walked once, by name: loops of links end. A film has one of `FILM_ENDINGS`, a film's first bytes, or was
    named itself; so has a URL. Hidden entries, systems' folders and other files are skipped. An inaccessible path is a
    film with a problem.

    Raises:
        NothingNamed: nothing named exists or holds a film.
    """
    if not any(is_url(path) or exists(path) for path in named):
        raise NothingNamed(f"Expected folders or files that exist. Received: {', '.join(named[:3])}.")
    walk = _Walk()
    films: dict[str, Film] = {}
    for path in named:
        if is_url(path):
            films.setdefault(path, Film(path, path))
            continue
        base = _absolute(path)
        for found, problem in walk.find(path):
            key = os.path.join(base, found[len(path) :].lstrip("/")) if found != path else base
            films.setdefault(key, Film(_no_formula(found), key, problem))
    result = Found(list(films.values()), walk.skipped)
    if not films:
        counts = result.describe_skipped()
        raise NothingNamed(
            f"Expected files that end in {', '.join(FILM_ENDINGS)}, or begin as JPEG, PNG or DICOM. "
            f"Received: {', '.join(named[:3])}.{f' {counts}' if counts else ''}"
        )
    return result


def printable(text: str) -> str:
    r"""Return valid UTF-8: an undecodable byte as `\xe9`, half a UTF-16 pair as `\ud83d`."""
    text = _HALF_PAIRS.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\x00")


class _Walk:
    """Yields pairs of path and problem; counts what it skips."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self._walked: set[tuple[int, int]] = set()

    def find(self, path: str) -> Iterator[tuple[str, str | None]]:
        try:
            mode = os.stat(path).st_mode
        except (OSError, ValueError) as error:
            yield path, reason(error)
            return
        if stat.S_ISDIR(mode):
            yield from self._films_below(path)
        else:
            yield path, None if stat.S_ISREG(mode) else NO_FILE

    def _films_below(self, folder: str) -> Iterator[tuple[str, str | None]]:
        # Deeper than Python recurses.
        pending = yield from self._list(folder)
        while pending:
            entry = pending.pop()
            try:
                if entry.name.startswith("."):
                    self.skipped["hidden"] += 1
                elif not entry.is_dir():
                    yield from self._sort_out(entry)
                elif is_system_folder(entry.name):
                    self.skipped[f"{entry.name}/"] += 1
                else:
                    pending += yield from self._list(entry.path)
            except OSError as error:
                yield entry.path, reason(error)

    def _list(self, folder: str) -> Generator[tuple[str, str | None], None, list[os.DirEntry[str]]]:
        """Return entries, last name first; none twice."""
        entries: list[os.DirEntry[str]] = []
        try:
            status = os.stat(folder)
            identity = (status.st_dev, status.st_ino)
            if identity not in self._walked:
                self._walked.add(identity)
                with os.scandir(folder) as listing:
                    for entry in listing:  # one by one: an error keeps those before it
                        entries.append(entry)
        except OSError as error:
            yield folder, reason(error)
        return sorted(entries, key=lambda entry: entry.name, reverse=True)

    def _sort_out(self, entry: os.DirEntry[str]) -> Iterator[tuple[str, str | None]]:
        has_ending = has_film_ending(entry.name)
        # For a broken link, stat raises the reason.
        if not entry.is_file() and not stat.S_ISREG(os.stat(entry.path).st_mode):
            if has_ending:
                yield entry.path, NO_FILE
            else:
                self.skipped["device, pipe or socket"] += 1
        elif has_ending or begins_like_film(beginning := read_beginning(entry.path)):
            yield entry.path, None
        else:
            self.skipped[name_kind(entry.name) if beginning else "empty"] += 1


def _absolute(path: str) -> str:
    """Resolve links up to the last `..`: `link/..` is not the link's folder."""
    parts = path.split("/")
    if ".." in parts:
        tail = len(parts) - parts[::-1].index("..")
        path = os.path.join(os.path.realpath("/".join(parts[:tail])), *parts[tail:])
    return os.path.abspath(path)


def join_some(texts: Sequence[str]) -> str:
    """Return the first texts, printable, and the number of others."""
    more = f" and {len(texts) - _MOST_LISTED} more" if len(texts) > _MOST_LISTED else ""
    return ", ".join(map(printable, texts[:_MOST_LISTED])) + more


def reason(error: Exception) -> str:
    """Return why a file could not be read, without its path."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _no_formula(path: str) -> str:
    return f"./{path}" if path.startswith(_FORMULA_SIGNS) else path
