"""Where labelled films lie: the Kaggle layout, or any folder with one sub-folder a class."""

from __future__ import annotations

import os
from pathlib import Path

from app.errors import PneumoServeError

LABELS = ("NORMAL", "PNEUMONIA")
"""The classes in the order of their numbers: 1 means PNEUMONIA everywhere."""

SPLITS = ("train", "val", "test")
"""The folders of the Kaggle layout."""

KAGGLE_DATASET = "paultimothymooney/chest-xray-pneumonia"


class WrongLayout(PneumoServeError):
    """The folder does not hold labelled films as they are read here."""


def make_writable(folder: Path) -> None:
    """Make a folder where there is none, and check that files can be written there.

    Raises:
        PneumoServeError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PneumoServeError(f"Expected a folder that can be made: {folder}. Received: {error.strerror}.") from None
    if not os.access(folder, os.W_OK):
        raise PneumoServeError(f"Expected a folder that can be written to: {folder}. It cannot.")


def download_kaggle() -> Path:
    """Fetch the Kaggle set, or find it where kagglehub keeps it, and answer its folder."""
    import kagglehub

    return Path(kagglehub.dataset_download(KAGGLE_DATASET))


def find_kaggle_root(folder: Path) -> Path:
    """Answer the folder that holds `train`: `folder`, or the one `chest_xray` in it as the download unzips.

    Raises:
        WrongLayout: neither has `train/NORMAL` and `train/PNEUMONIA`; the message draws the layout.
    """
    for root in (folder, folder / "chest_xray"):
        if has_classes(root / "train"):
            return root
    raise WrongLayout(_describe_layout(folder))


def find_labelled(folder: Path, split: str | None = None) -> Path:
    """Answer the folder that holds a sub-folder a class: `folder`, or `split` of the Kaggle layout in it.

    One of the two classes may be absent.

    Raises:
        WrongLayout: there is no such folder; the message draws it.
    """
    candidates = [folder] if split is None else [folder / split, folder / "chest_xray" / split]
    for candidate in candidates:
        if any((candidate / label).is_dir() for label in LABELS):
            return candidate
    splits = [split for split in SPLITS if has_classes(folder / split) or has_classes(folder / "chest_xray" / split)]
    hint = f" It has the Kaggle layout: choose --split {' or '.join(splits)}." if splits and split is None else ""
    raise WrongLayout(
        f"Expected one folder a class:\n\n{candidates[0]}/\n├── NORMAL/     films (.jpeg, .png)\n"
        f"└── PNEUMONIA/  films (.jpeg, .png)\n\nReceived {_describe_content(candidates[0])}.{hint}"
    )


def has_classes(folder: Path) -> bool:
    """Tell whether `folder` has a sub-folder for each class."""
    return all((folder / label).is_dir() for label in LABELS)


def _describe_layout(folder: Path) -> str:
    hint = f" Give the folder above {folder.name}/." if has_classes(folder) else ""
    return (
        f"Expected the layout of the Kaggle set {KAGGLE_DATASET}:\n\n"
        f"{folder}/            (or one folder chest_xray/ with all this in it)\n"
        "├── train/\n"
        "│   ├── NORMAL/      films (.jpeg, .png)\n"
        "│   └── PNEUMONIA/   films (.jpeg, .png)\n"
        "├── val/             (optional, ignored: validation films are split off train/ by patient)\n"
        "└── test/            (optional, read only by `evaluate` and `train --test`)\n\n"
        f"Received {_describe_content(folder)}.{hint}"
    )


def _describe_content(folder: Path) -> str:
    if not folder.is_dir():
        return "a path that is no folder"
    names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in folder.iterdir())
    if not names:
        return "an empty folder"
    return f"a folder with {', '.join(names[:6])}" + (f" and {len(names) - 6} more" if len(names) > 6 else "")
