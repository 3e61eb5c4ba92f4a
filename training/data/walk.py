"""Every file below a folder, sorted by name and first bytes."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from app.names import LABELS
from training.data.kinds import begins_like_film, has_film_ending, is_system_folder, name_kind, read_beginning

Parts = tuple[str, ...]
"""A path's names below the top folder."""

_READ_ALREADY = "link to a folder already read"


class Found(NamedTuple):
    """A film, or something unreadable that may be or hold one.

    Attributes:
        parts: of its path.
        folders: around it, and itself where it may hold films.
        problem: why it cannot be read, if known yet.
    """

    parts: Parts
    folders: Parts
    problem: str | None = None


class _Folder(NamedTuple):
    parts: Parts
    label: str | None
    split: str | None


class Walk:
    """A walk: `found` are films, unordered; `passed_over` counts the rest by split and kind.

    Hidden entries and systems' own folders are passed over. Links are followed last, except to a folder around them or
    one whose films have their label: loops end, and no folder counts for both classes.
    """

    def __init__(self, top: Path, splits: Collection[str]) -> None:
        """Walk below `top`, whose own name plays no part; `splits` are folders' names in lower case."""
        self.found: list[Found] = []
        self.passed_over: Counter[tuple[str | None, str]] = Counter()
        self._top, self._splits = top, splits
        self._entered: set[tuple[int, int, str | None, str | None]] = set()
        self._links: list[_Folder] = []
        self._folders: list[_Folder] = [_Folder((), None, None)]
        # No recursion: folders nest deeper than Python calls.
        while self._folders or self._links:
            self._enter(self._folders.pop() if self._folders else self._links.pop(0))

    def _enter(self, folder: _Folder) -> None:
        parts, label, split = folder
        path = self._top.joinpath(*parts)
        try:
            status = path.stat()
            if any((status.st_dev, status.st_ino, split, known) in self._entered for known in (label, *LABELS)):
                self.passed_over[split, _READ_ALREADY] += 1
                return
            self._entered.add((status.st_dev, status.st_ino, split, label))
            entries = sorted(path.iterdir())
        except OSError as error:
            self._fail(parts, f"Expected a folder that can be opened. Received: {error.strerror}.")
            return
        for entry in entries:
            self._sort(entry, folder)

    def _sort(self, entry: Path, folder: _Folder) -> None:
        name, parts, split = entry.name, (*folder.parts, entry.name), folder.split
        if name.startswith("."):
            self.passed_over[split, "hidden"] += 1
            return
        try:
            mode = entry.stat().st_mode
            if stat.S_ISDIR(mode):
                self._sort_folder(entry, folder)
            elif not stat.S_ISREG(mode):
                self._sort_device(parts, split)
            elif has_film_ending(name) or begins_like_film(beginning := read_beginning(str(entry))):
                self.found.append(Found(parts, parts[:-1]))
            else:
                self.passed_over[split, name_kind(name) if beginning else "empty"] += 1
        except OSError as error:
            self._fail(parts, f"Expected a file that can be opened. Received: {error.strerror}.")

    def _sort_folder(self, entry: Path, above: _Folder) -> None:
        name = entry.name
        folder = _Folder(
            (*above.parts, name),
            name.upper() if name.upper() in LABELS else above.label,
            name.lower() if name.lower() in self._splits else above.split,
        )
        if is_system_folder(name):
            self.passed_over[above.split, f"{name}/"] += 1
        elif not entry.is_symlink():
            self._folders.append(folder)
        elif Path(os.path.realpath(entry)) in (place := Path(os.path.realpath(entry.parent)), *place.parents):
            self.passed_over[above.split, _READ_ALREADY] += 1
        else:
            self._links.append(folder)

    def _sort_device(self, parts: Parts, split: str | None) -> None:
        if has_film_ending(parts[-1]):
            self._fail(parts, "Expected a file. Received a device, a pipe or a socket.")
        else:
            self.passed_over[split, "device, pipe or socket"] += 1

    def _fail(self, parts: Parts, problem: str) -> None:
        is_file = has_film_ending("".join(parts[-1:]))
        self.found.append(Found(parts, parts[:-1] if is_file else parts, problem))
