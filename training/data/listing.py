"""A folder → the labelled films of a split, each once, and what else lies there."""

from __future__ import annotations

import filecmp
import os
import posixpath
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from app.names import LABELS
from training.data.kinds import describe_kinds
from training.data.layout import (
    SPLITS,
    WrongLayout,
    class_folder,
    describe_content,
    draw_layout,
    label_folders,
    show_path,
    split_of,
)
from training.data.walk import Walk


@dataclass(frozen=True)
class Unreadable:
    """An unreadable file: its printable path below the folder read, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """Labelled films of a folder.

    Attributes:
        folder: where `paths` start; above the classes' folders, at any depth.
        paths: NORMAL first, then by name.
        unreadable: possible films or folders of films.
        splits: others with films.
        remarks: sentences on what is left out.
    """

    folder: Path
    paths: tuple[str, ...]
    unreadable: tuple[Unreadable, ...] = ()
    splits: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def count(self) -> dict[str, int]:
        """Count the films of each class."""
        labels = Counter(class_folder(path)[1] for path in self.paths)
        return {label: labels[label] for label in LABELS}


def list_films(data: Path, *splits: str | None) -> Listing:
    """List films in folders named after their classes, at any depth below `data`, whose own name plays no part.

    Label (`layout.label_folders`) and split come from the nearest folder so named, in any case; `kinds` decides what is
    a film. Archives may unpack to a copy of the folder within itself: the same bytes in the same place are one film.

    Args:
        data: the folder.
        splits: names of folders, by preference; the first with films is listed. None, the default: films in no split.

    Raises:
        WrongLayout: no such film can be opened; the message says what lies there.
    """
    data = Path(os.path.abspath(data))  # noqa: PTH100 - gives it a name; resolve() would change it
    wanted = [split and split.lower() for split in splits or (None,)]
    known = {*SPLITS, *filter(None, wanted)}
    walk = Walk(data, known)
    files = _label(walk, known)
    labelled = [file for file in files if file.label]
    split = next((split for split in wanted if any(file.split == split for file in labelled)), wanted[-1])
    chosen = [file.path for file in labelled if file.split == split and not file.problem]
    films = _drop_copies(data, chosen)
    folder = Path(os.path.commonpath([data / posixpath.dirname(class_folder(path)[0]) for path in films] or [data]))
    elsewhere = Counter(file.split for file in labelled if file.split != split)
    remarks = _describe_passed_over(walk, split) + _describe_left_out(files, elsewhere, split)
    if len(films) < len(chosen):
        remarks.append(f"{len(chosen) - len(films)} films lie in it twice, byte for byte: each counts once.")
    unreadable = tuple(
        Unreadable(show_path(os.path.relpath(data / file.path, folder)), file.problem)
        for file in files
        if file.problem and file.path and file.split in (split, None)
    )
    if not films:
        received = [f"Received {describe_content(data)}.", *_advise(data, elsewhere), *remarks]
        problems = [f"{file.path}: {file.reason}" for file in unreadable[:3]]
        raise WrongLayout(f"{draw_layout(data)}\n\n{' '.join([*received, *problems])}")
    films.sort(key=lambda path: (LABELS.index(class_folder(path)[1]), path.split("/")))
    paths = tuple((data / path).relative_to(folder).as_posix() for path in films)
    return Listing(folder, paths, unreadable, tuple(sorted(filter(None, elsewhere))), tuple(remarks))


class _File(NamedTuple):
    """A file's path below the folder, class, split, and why it cannot be read."""

    path: str
    label: str | None
    split: str | None
    problem: str | None


def _label(walk: Walk, splits: Collection[str]) -> list[_File]:
    labels = label_folders({"/".join(found.folders) for found in walk.found})
    files = [
        _File("/".join(parts), labels["/".join(folders)], split_of(folders, splits), problem)
        for parts, folders, problem in walk.found
    ]
    return sorted(files, key=lambda file: file.path.split("/"))


def _drop_copies(data: Path, films: Iterable[str]) -> list[str]:
    """Return films without those of a copy, byte for byte, of the folder within itself."""
    kept: dict[str, list[str]] = {}
    for film in sorted(films, key=lambda path: path.count("/")):
        others = kept.setdefault(film.removeprefix(posixpath.dirname(class_folder(film)[0])).removeprefix("/"), [])
        if not any(_is_nested(film, other) and _is_same(data / film, data / other) for other in others):
            others.append(film)
    return [film for others in kept.values() for film in others]


def _is_nested(path: str, other: str) -> bool:
    """Return whether `path` is `other` with more folders above its class's."""
    above = posixpath.dirname(class_folder(other)[0])
    outer = posixpath.commonpath([path, above]) if above else ""
    rest = other.removeprefix(outer).removeprefix("/")
    return len(path) > len(other) and path.endswith(f"/{rest}")


def _is_same(film: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(film, other, shallow=False)
    except OSError:
        return False


def _describe_passed_over(walk: Walk, split: str | None) -> list[str]:
    kinds: Counter[str] = Counter()
    for (of, kind), count in walk.passed_over.items():
        if of in (split, None):
            kinds[show_path(kind)] += count
    line = describe_kinds(kinds)
    return [line] if line else []


def _describe_left_out(files: Iterable[_File], elsewhere: Counter[str | None], split: str | None) -> list[str]:
    """Return sentences on films left out."""
    remarks = []
    folders = Counter(
        posixpath.dirname(file.path)
        for file in files
        if not file.label and not file.problem and file.split in (split, None)
    )
    if folders:
        names = ", ".join(f"{count} in {show_path(path) or '.'}/" for path, count in folders.most_common(6))
        remarks.append(f"{folders.total()} films in no folder named NORMAL or PNEUMONIA are left out: {names}.")
    if split is None:
        remarks += [f"{count} films of {name}/ are left out: --split {name}." for name, count in elsewhere.items()]
    elif elsewhere[None]:
        remarks.append(f"{elsewhere[None]} films outside {split}/ are left out.")
    return remarks


def _advise(data: Path, elsewhere: Counter[str | None]) -> list[str]:
    if data.name.upper() in LABELS:
        return [f"Give the folder above {show_path(data.name)}/."]
    names = " or ".join(sorted(filter(None, elsewhere)))
    return [f"It has splits: choose --split {names}."] if names else []
