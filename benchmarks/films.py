"""The films that are sent: the originals where they are at hand, else drawn ones of the same sizes and compression."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "model_store"
ORIGINALS = (ROOT / "data" / "kermany-originals", ROOT.parent / "shared" / "data" / "kermany-originals")
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Kind:
    """How large and how compressed films of a class are: medians, and deviations of the logarithms."""

    megapixels: float
    megapixels_spread: float
    aspect: float
    bytes_per_pixel: float
    bytes_spread: float


# Read off 170 originals of the Kaggle set (60 NORMAL, 110 PNEUMONIA, 10 of them in RGB).
KINDS = (
    Kind(megapixels=2.32, megapixels_spread=0.46, aspect=1.20, bytes_per_pixel=0.248, bytes_spread=0.10),
    Kind(megapixels=0.97, megapixels_spread=0.51, aspect=1.52, bytes_per_pixel=0.077, bytes_spread=0.18),
)
_DRAWN = 57
_NORMAL_EVERY = 3
_RGB_EVERY = 17


def find_films(aside: Path) -> tuple[list[Path], str]:
    """Answer the files to send, in the order of `spread`, and what they are in a few words.

    Args:
        aside: a folder for drawn films, where the originals are absent.
    """
    for folder in ORIGINALS:
        films = [path for path in folder.rglob("*") if path.suffix in (".jpeg", ".jpg", ".png")]
        if films:
            return spread(films), f"{len(films)} originals of the Kaggle set"
    return spread(draw_films(aside)), f"{_DRAWN} drawn films of the originals' sizes and compression"


def spread(films: Sequence[Path]) -> list[Path]:
    """Order files so that every stretch of them holds small and large alike, whenever a measurement ends.

    Sorted by size, then taken in steps of the golden ratio of their number.
    """
    by_size = sorted(films, key=lambda path: (path.stat().st_size, path.name))
    count = len(by_size)
    step = next(step for step in itertools.count(max(1, round(count * GOLDEN_RATIO))) if math.gcd(step, count) == 1)
    return [by_size[turn * step % count] for turn in range(count)]


def draw_films(folder: Path) -> list[Path]:
    """Draw JPEG files into a folder, as `KINDS` says."""
    films = []
    for number in range(_DRAWN):
        rng = np.random.default_rng(number)
        kind = KINDS[0 if number % _NORMAL_EVERY == 0 else 1]
        pixels = 1e6 * kind.megapixels * math.exp(rng.normal(0, kind.megapixels_spread))
        density = kind.bytes_per_pixel * math.exp(rng.normal(0, kind.bytes_spread))
        film = draw_film(number, pixels, aspect=kind.aspect)
        path = folder / f"film-{number:02d}.jpeg"
        path.write_bytes(encode(film, density, is_rgb=number % _RGB_EVERY == 0))
        films.append(path)
    return films


def draw_film(seed: int, pixels: float, *, aspect: float = 1.3) -> NDArray[np.uint8]:
    """Draw something that compresses as a radiograph does: soft shadows, softer ribs, fine grain.

    Args:
        seed: the same seed draws the same film.
        pixels: about so many; never more.
        aspect: width / height.

    Returns:
        uint8 of shape (height, width).
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


def encode(film: NDArray[np.uint8], bytes_per_pixel: float, *, is_rgb: bool = False) -> bytes:
    """Write a JPEG of the highest quality that stays within `bytes_per_pixel`, or of the lowest there is."""
    picture = np.dstack([film] * 3) if is_rgb else film
    low, high = 1, 100
    best = _encode(picture, low)
    while low < high - 1:
        middle = (low + high) // 2
        data = _encode(picture, middle)
        if len(data) <= bytes_per_pixel * film.size:
            low, best = middle, data
        else:
            high = middle
    return best


def _encode(picture: NDArray[np.uint8], quality: int) -> bytes:
    done, data = cv2.imencode(".jpeg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not done:
        raise ValueError(f"Expected a picture that JPEG can hold. Received one of shape {picture.shape}.")
    return bytes(data)
