"""Labelled films on disk → arrays, as the service reads them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.errors import ImageError, PneumoServeError
from app.imaging.preprocess import DEFAULT_RESIZE_RULE, ResizeRule, read_film
from app.inference.manifest import InputSpec
from app.names import LABELS
from training.data.layout import WrongLayout, class_folder, show_path
from training.data.listing import Listing, Unreadable

SOURCE_SIDE = 224
"""Pixels a side at which films are augmented and perturbed; filters count in these."""


class InputSize(TypedDict):
    """How films are read: pixels across and down, and by which rule of `app.imaging.preprocess`."""

    width: int
    height: int
    rule: ResizeRule


def input_size(spec: InputSpec, side: int | None = None) -> InputSize:
    """Return how a model reads films; with `side`, at this many pixels a side instead of its own."""
    return {"width": side or spec.width, "height": side or spec.height, "rule": spec.resize}


class FilmsChanged(PneumoServeError):
    """Films changed between two readings."""


@dataclass(frozen=True)
class Films:
    """Labelled films in memory.

    Attributes:
        paths: below the folder read, each within a folder named after its class.
        pixels: uint8 (films, height, width).
        labels: uint8 (films,), 1 for PNEUMONIA.
        sha256: of each file.
        sizes: int64 (films, 3): width and height in pixels, bytes.
        unreadable: other files, and why.
    """

    paths: tuple[str, ...]
    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    sha256: tuple[str, ...]
    sizes: NDArray[np.int64]
    unreadable: tuple[Unreadable, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: NDArray[np.intp]) -> Films:
        """Return the films at `indices`, in that order, without unreadable files."""
        return Films(
            tuple(self.paths[index] for index in indices),
            self.pixels[indices],
            self.labels[indices],
            tuple(self.sha256[index] for index in indices),
            self.sizes[indices],
        )

    def count(self) -> dict[str, int]:
        """Count the films of each class."""
        return {label: int(np.sum(self.labels == number)) for number, label in enumerate(LABELS)}

    def fingerprint(self) -> str:
        """Return `fingerprint` of these films."""
        return fingerprint(zip(self.paths, self.sha256, strict=True))


def fingerprint(files: Iterable[tuple[str, str]]) -> str:
    """Compute the SHA-256 of the sorted pairs of path and file's SHA-256."""
    pairs = "".join(f"{path}\0{digest}\n" for path, digest in sorted(files))
    return hashlib.sha256(pairs.encode("utf-8", "surrogateescape")).hexdigest()


def read_films(
    listing: Listing, *, width: int, height: int, rule: ResizeRule = DEFAULT_RESIZE_RULE, console: Console | None = None
) -> Films:
    """Read the films of a listing at `width` × `height` pixels; `console` shows a progress bar.

    Raises:
        WrongLayout: no film can be read.
    """
    films = read_film_files(listing.folder, listing.paths, width=width, height=height, rule=rule, console=console)
    return replace(films, unreadable=(*listing.unreadable, *films.unreadable))


def read_film_files(
    folder: Path,
    paths: Sequence[str],
    *,
    width: int,
    height: int,
    rule: ResizeRule = DEFAULT_RESIZE_RULE,
    console: Console | None = None,
) -> Films:
    """Read the films at `paths` below a folder, in order; see `read_films`."""
    labels = {path: LABELS.index(class_folder(path)[1]) for path in paths}
    return read_labelled_files(folder, labels, width=width, height=height, rule=rule, console=console)


def read_labelled_files(
    folder: Path,
    labels: Mapping[str, int],
    *,
    width: int,
    height: int,
    rule: ResizeRule = DEFAULT_RESIZE_RULE,
    console: Console | None = None,
) -> Films:
    """Read the films at the paths of `labels` below a folder, in order; see `read_films`."""
    read: list[_Read] = []
    unreadable: list[Unreadable] = []
    for path, outcome in _read_in_threads(folder, tuple(labels), width, height, rule, console):
        if isinstance(outcome, str):
            unreadable.append(Unreadable(show_path(path), outcome))
        else:
            read.append(_Read(path, *outcome))
    if not read:
        reasons = " ".join(f"{file.path}: {file.reason}" for file in unreadable[:3])
        raise WrongLayout(f"Expected films. Received {len(labels)} files of which not one can be read. {reasons}")
    return Films(
        tuple(film.path for film in read),
        np.stack([film.pixels for film in read]),
        np.array([labels[film.path] for film in read], np.uint8),
        tuple(film.sha256 for film in read),
        np.array([film.size for film in read], np.int64),
        tuple(unreadable),
    )


def read_again(
    folder: Path,
    films: Films,
    *,
    width: int,
    height: int,
    rule: ResizeRule = DEFAULT_RESIZE_RULE,
    console: Console | None = None,
) -> Films:
    """Read films again, at another size.

    Raises:
        FilmsChanged: files changed.
    """
    again = read_film_files(folder, films.paths, width=width, height=height, rule=rule, console=console)
    if again.sha256 != films.sha256:
        raise FilmsChanged(f"Expected the {len(films)} films of {folder} to stay as they were. Received others.")
    return again


_Outcome = tuple[NDArray[np.uint8], str, tuple[int, int, int]]


class _Read(NamedTuple):
    path: str
    pixels: NDArray[np.uint8]
    sha256: str
    size: tuple[int, int, int]


def _read_in_threads(
    folder: Path, paths: Sequence[str], width: int, height: int, rule: ResizeRule, console: Console | None
) -> Iterator[tuple[str, _Outcome | str]]:
    """Yield each path, in order, with pixels, SHA-256 and size, or why it cannot be read."""

    def read(path: str) -> _Outcome | str:
        try:
            data = (folder / path).read_bytes()
            film = read_film(data, width=width, height=height, rule=rule)
        except ImageError as error:
            return str(error)
        except OSError as error:
            return f"Expected a file that can be opened. Received: {error.strerror}."
        return film.pixels, hashlib.sha256(data).hexdigest(), (*film.source_size, len(data))

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        Progress(*columns, console=console, disable=console is None, transient=True) as progress,
    ):
        outcomes = progress.track(pool.map(read, paths), len(paths), description="Reading films")
        yield from zip(paths, outcomes, strict=True)
