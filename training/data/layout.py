"""Where labelled films lie: below folders named NORMAL and PNEUMONIA, within or without folders of splits."""

# ruff: noqa: PTH119, PTH120
# A million paths: as strings they take a tenth of the time.

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from app.errors import PneumoServeError
from app.names import LABELS

SPLITS = ("train", "val", "test")
"""The folders of the Kaggle layout."""

KAGGLE_DATASET = "paultimothymooney/chest-xray-pneumonia"


class WrongLayout(PneumoServeError):
    """The folder holds no labelled films in a known layout."""


def label_folders(folders: Iterable[str]) -> dict[str, str | None]:
    """Return the class of the films in each folder; None where they have none.

    It is the nearest folder's that is named NORMAL or PNEUMONIA, in any case, the folder itself included. A folder that
    holds folders of both classes has no class, whatever its name: a set of films lies there.

    Args:
        folders: paths of all folders with films.
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
    """Return the nearest folder of a film that is named after a class, and that class.

    Args:
        path: of the film, with `/` between names, as `listing.list_films` gives it.
    """
    return next(_class_folders(os.path.dirname(path)))


def split_of(folders: Sequence[str], splits: Collection[str] = SPLITS) -> str | None:
    """Return the nearest of `splits` (in lower case) that one of the folders is named after, in any case."""
    return next((name.lower() for name in reversed(folders) if name.lower() in splits), None)


def show_path(path: str) -> str:
    r"""Return a path that every console and page can show: the undecodable byte 0xE9 becomes `\xe9`."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def make_writable(folder: Path) -> None:
    """Make a folder where there is none.

    Raises:
        PneumoServeError: files cannot be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PneumoServeError(f"Expected a folder that can be made: {folder}. Received: {error.strerror}.") from None
    if not os.access(folder, os.W_OK):
        raise PneumoServeError(f"Expected a folder that can be written to: {folder}. It cannot.")


def download_kaggle() -> Path:
    """Download the Kaggle set, or find it in kagglehub's cache, and return its folder."""
    import kagglehub

    return Path(kagglehub.dataset_download(KAGGLE_DATASET))


def expect_both_classes(folder: Path, counts: Mapping[str, int], remarks: Sequence[str] = ()) -> None:
    """Raise unless there are films of both classes: nearly every metric needs both.

    Args:
        folder: with the films.
        counts: class → its films.
        remarks: sentences about what else lies there.

    Raises:
        WrongLayout: one class has none; the message says what was found.
    """
    if 0 in counts.values():
        found = " and ".join(f"{count or 'none'} of {label}" for label, count in counts.items())
        raise WrongLayout(" ".join([f"{draw_layout(folder)}\n\nReceived films of one class: {found}.", *remarks]))


def draw_layout(folder: Path) -> str:
    """Return the expected layout of a folder, in words and as a tree."""
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
    """Return in a few words what lies in a folder."""
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
    """Yield the folders named after a class from `folder` upwards, each with its class."""
    while folder != (above := os.path.dirname(folder)):
        if (label := os.path.basename(folder).upper()) in LABELS:
            yield folder, label
        folder = above
