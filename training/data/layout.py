"""Where labelled films lie: below folders NORMAL and PNEUMONIA, with or without splits."""

# ruff: noqa: PTH119, PTH120
# A million paths: strings take a tenth of the time.

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from app.errors import PneumoServeError
from app.names import LABELS

SPLITS = ("train", "val", "test")
"""Of the Kaggle layout."""

KAGGLE_DATASET = "paultimothymooney/chest-xray-pneumonia"
KAGGLE_LICENCE = "CC BY 4.0"


class WrongLayout(PneumoServeError):
    """A folder holds no labelled films in a known layout."""


def label_folders(folders: Iterable[str]) -> dict[str, str | None]:
    """Return the class of each folder's films, given all folders with films; None: no class.

    The nearest folder named NORMAL or PNEUMONIA counts, in any case, itself included. A folder that holds both classes
    has none, whatever its name: it is a set of films.
    """
    named = {folder: list(_class_folders(folder)) for folder in folders}
    holds: defaultdict[str, set[str]] = defaultdict(set)
    for chain in named.values():
        for depth, (outer, _) in enumerate(chain):
            holds[outer].update(label for _, label in chain[:depth])
    return {
        folder: next((label for path, label in chain if len(holds[path]) < len(LABELS)), None)
        for folder, chain in named.items()
    }


def class_folder(path: str) -> tuple[str, str]:
    """Return a film's nearest folder named after a class, and that class; `/` separates the path's names."""
    return next(_class_folders(os.path.dirname(path)))


def split_of(folders: Sequence[str], splits: Collection[str] = SPLITS) -> str | None:
    """Return which of `splits` (lower case) the nearest folder names, in any case."""
    return next((name.lower() for name in reversed(folders) if name.lower() in splits), None)


def show_path(path: str) -> str:
    r"""Return a path that any console can show: the undecodable byte 0xE9 becomes `\xe9`."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def make_writable(folder: Path) -> None:
    """Make a folder, or raise PneumoServeError where files cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PneumoServeError(f"Expected a folder that can be made: {folder}. Received: {error.strerror}.") from None
    if not os.access(folder, os.W_OK):
        raise PneumoServeError(f"Expected a folder that can be written to: {folder}. It cannot.")


def download_kaggle() -> Path:
    """Return the Kaggle set's folder, downloaded or from kagglehub's cache."""
    import kagglehub

    return Path(kagglehub.dataset_download(KAGGLE_DATASET))


def expect_both_classes(folder: Path, counts: Mapping[str, int], remarks: Sequence[str] = ()) -> None:
    """Require films of both classes, as nearly every metric does.

    Raises:
        WrongLayout: one has none; the message says what was found, with `remarks` on what else lies there.
    """
    if 0 in counts.values():
        found = " and ".join(f"{count or 'none'} of {label}" for label, count in counts.items())
        raise WrongLayout(" ".join([f"{draw_layout(folder)}\n\nReceived films of one class: {found}.", *remarks]))


def draw_layout(folder: Path) -> str:
    """Return the expected layout, in words and as a tree."""
    top = show_path(str(folder))
    return (
        "Expected films of both classes, each in a folder with the name of its class, in any case:\n\n"
        f"{top}/\n"
        "├── NORMAL/          films (.jpeg, .png), or folders of films\n"
        "└── PNEUMONIA/       films (.jpeg, .png), or folders of films\n\n"
        f"or the layout of the Kaggle set {KAGGLE_DATASET}:\n\n"
        f"{top}/\n"
        "├── train/\n"
        "│   ├── NORMAL/\n"
        "│   └── PNEUMONIA/\n"
        "├── val/             (optional; `train` splits validation films off train/ by patient)\n"
        "└── test/            (optional; read only by `evaluate --split test` and `train --test`)"
    )


def describe_content(folder: Path) -> str:
    """Return briefly what lies in a folder."""
    try:
        names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in folder.iterdir())
    except NotADirectoryError:
        return "a path that is no folder"
    except OSError as error:
        return f"a path that cannot be read as a folder: {error.strerror}"
    if not names:
        return "an empty folder"
    shown = ", ".join(map(show_path, names[:6]))
    return f"a folder with {shown}" + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _class_folders(folder: str) -> Iterator[tuple[str, str]]:
    """Yield folders named after a class, from `folder` upwards, with their class."""
    while folder != (above := os.path.dirname(folder)):
        if (label := os.path.basename(folder).upper()) in LABELS:
            yield folder, label
        folder = above
