"""Bytes of a film → the pixels that a model reads, for serving, training and scoring alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.formats import DEFAULT_MAX_PIXELS, ImageHeader, check_dimensions, read_header
from app.imaging.raster import Gray, decode
from app.notice import Notice

RESIZE_RULE = "squeeze-inter-area"

_BAND_PIXELS = 1 << 20


@dataclass(frozen=True)
class Film:
    """A model's input: uint8 `pixels` (height, width), 0 to 255, and the notices."""

    pixels: Gray
    warnings: tuple[Notice, ...] = ()


def read_film(data: bytes, *, width: int, height: int, max_pixels: int = DEFAULT_MAX_PIXELS) -> Film:
    """Read an image file into the input of a model.

    Args:
        data: the bytes of a JPEG or PNG.
        width: pixels across, from the model's `input` (`model.json`).
        height: pixels down.
        max_pixels: larger images are refused before they are decoded.

    Raises:
        UnsupportedFormat, TooManyPixels, UnsuitableImage, UndecodableImage: see `formats` and `raster`.
    """
    return load_film(data, inspect_film(data, max_pixels=max_pixels), width=width, height=height)


def inspect_film(data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> ImageHeader:
    """Read the header of a film, and refuse what must not be decoded: the first half of `read_film`."""
    header = read_header(data)
    check_dimensions(header, max_pixels)
    return header


def load_film(data: bytes, header: ImageHeader, *, width: int, height: int) -> Film:
    """Decode and shrink: the second half of `read_film`."""
    pixels, warnings = decode(data, header)
    return Film(shrink(pixels, width=width, height=height), warnings)


def shrink(pixels: Gray, *, width: int, height: int) -> Gray:
    """Squeeze gray pixels to the model's size by area averaging, whatever their aspect: `RESIZE_RULE`.

    The averages are those of OpenCV's INTER_AREA, within a rounding of one gray level, at a fifth of its cost: four
    entries of a table of sums give the sum over any rectangle (Crow 1984, "Summed-area tables for texture mapping").
    Between entries the sum is bilinear, so that pixels on an edge count in proportion.

    Args:
        pixels: uint8 (rows, columns), 0 to 255.
        width: pixels across of the result.
        height: pixels down.

    Returns:
        uint8 of shape (height, width).
    """
    rows, columns = pixels.shape
    if rows < height or columns < width:
        # It is enlarged along an axis, where INTER_AREA interpolates.
        return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype("uint8", copy=False)
    (top, below), (left, beyond) = _cut(rows, height), _cut(columns, width)
    across = np.concatenate([left, left + 1])
    shrunk = np.empty((height, width), np.uint8)
    # In bands: 32-bit sums of a large film would overflow, and small tables stay in the cache.
    step = max(1, _BAND_PIXELS * height // (rows * columns))
    for first in range(0, height, step):
        last = min(height, first + step)
        cuts = top[first : last + 1] - top[first]
        table = cv2.integral(pixels[top[first] : top[last] + 1])
        # `take` releases the interpreter's lock, which indexing does not.
        corners = table.take(np.concatenate([cuts, cuts + 1]), axis=0).take(across, axis=1)
        sums = _between(corners, below[first : last + 1, np.newaxis])
        sums = np.diff(_between(sums.T, beyond[:, np.newaxis]).T, axis=0)
        shrunk[first:last] = np.rint(np.diff(sums) * (height * width / (rows * columns)))
    return shrunk


@lru_cache
def _cut(size: int, parts: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return, of the `parts + 1` cuts of `size` pixels into equal parts, the pixel of each and how far in it."""
    cuts = np.arange(parts + 1, dtype=np.float64) * (size / parts)
    pixel = np.minimum(cuts.astype(np.intp), size - 1)
    return pixel, cuts - pixel


def _between(sums: NDArray[np.integer | np.floating], proportion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the interpolation between the first half of the rows and the second."""
    half = len(sums) // 2
    between: NDArray[np.float64] = (sums[half:] - sums[:half]) * proportion
    between += sums[:half]
    return between
