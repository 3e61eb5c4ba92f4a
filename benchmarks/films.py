"""The films sent: the originals where at hand, else synthetic ones of about their sizes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "model_store"
ORIGINALS = (ROOT / "data" / "kermany-originals", ROOT.parent / "shared" / "data" / "kermany-originals")
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2

_DRAWN = 57
# Of 60 NORMAL and 110 PNEUMONIA originals (Kaggle): megapixels (median, standard deviation of the logarithm), aspect,
# JPEG quality at which a drawn film has their bytes a pixel (0.25 and 0.08).
_NORMAL, _PNEUMONIA = (2.32, 0.46, 1.20, 91), (0.97, 0.51, 1.52, 71)


def find_films(folder: Path) -> tuple[list[Path], str]:
    """Return films in the order of sending, and what they are; drawn ones go into `folder`."""
    for place in ORIGINALS:
        films = [path for path in place.rglob("*") if path.suffix in (".jpeg", ".jpg", ".png")]
        if films:
            return spread(films), "originals of the Kaggle set"
    films = [folder / f"film-{number:02d}.jpeg" for number in range(_DRAWN)]
    for number, film in enumerate(films):
        megapixels, deviation, aspect, quality = _PNEUMONIA if number % 3 else _NORMAL
        pixels = 1e6 * megapixels * math.exp(np.random.default_rng(number).normal(0, deviation))
        film.write_bytes(encode(draw_film(number, pixels, aspect=aspect), quality))
    return spread(films), "drawn films of the originals' sizes"


def spread(films: Sequence[Path]) -> list[Path]:
    """Order films so that every stretch holds small and large, whenever a measurement ends.

    Sorted by size, then taken in steps of the golden ratio of their number.
    """
    by_size = sorted(films, key=lambda path: (path.stat().st_size, path.name))
    count = len(by_size)
    step = next(step for step in itertools.count(max(1, round(count * GOLDEN_RATIO))) if math.gcd(step, count) == 1)
    return [by_size[turn * step % count] for turn in range(count)]


def draw_film(seed: int, pixels: float, *, aspect: float = 1.3) -> NDArray[np.uint8]:
    """Draw what compresses as a radiograph does: soft shadows, softer ribs, fine grain.

    Returns:
        uint8 (height, width), of about `pixels`, never more; `aspect` is width / height.
    """
    height = int(math.sqrt(pixels / aspect))
    width = int(pixels / height)
    rng = np.random.default_rng(seed)
    film = np.zeros((height, width), np.float32)
    for cells, weight in ((8, 90.0), (40, 25.0), (height // 4, 6.0)):
        noise = rng.random((max(2, cells), max(2, int(cells * aspect))), dtype=np.float32)
        film += weight * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    film += 4 * rng.standard_normal((height, width), dtype=np.float32)
    return np.clip(film + 40, 0, 255).astype(np.uint8)


def encode(film: NDArray[np.uint8], quality: int) -> bytes:
    """Return a film as JPEG of quality 1 to 100."""
    return bytes(cv2.imencode(".jpeg", film, (cv2.IMWRITE_JPEG_QUALITY, quality))[1])
