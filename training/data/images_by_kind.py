"""A folder of images that are no films, one subfolder a kind → what the gate is measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.errors import ImageError, PneumoServeError
from app.imaging.preprocess import read_film
from training.data.films import InputSize

Pixels = NDArray[np.uint8]


def read_kinds(folder: Path, size: InputSize) -> dict[str, Pixels]:
    """Read every readable image of every subfolder, as the service reads films.

    Returns:
        by kind, uint8 (images, height, width), in the order of the file names.

    Raises:
        PneumoServeError: no subfolder has a readable image.
    """
    kinds = {}
    for subfolder in sorted(path for path in folder.glob("*") if path.is_dir()):
        images = []
        for path in sorted(path for path in subfolder.iterdir() if path.is_file()):
            try:
                images.append(read_film(path.read_bytes(), **size).pixels)
            except (ImageError, OSError):
                # Refused before any gate: too small, too oblong, or no image that can be read.
                continue
        if images:
            kinds[subfolder.name] = np.stack(images)
    if not kinds:
        raise PneumoServeError(f"Expected a folder of images, one subfolder a kind. {folder} has none.")
    return kinds


def split_kinds(kinds: dict[str, Pixels], seed: int) -> tuple[dict[str, Pixels], dict[str, Pixels]]:
    """Return half of every kind to choose by, and the rest, to be measured once; a single image is for choosing."""
    rng = np.random.default_rng(seed)
    orders = {kind: rng.permutation(len(images)) for kind, images in kinds.items()}
    chosen = {kind: kinds[kind][order[: -(-len(order) // 2)]] for kind, order in orders.items()}
    rest = {kind: kinds[kind][order[-(-len(order) // 2) :]] for kind, order in orders.items() if len(order) > 1}
    return chosen, rest
