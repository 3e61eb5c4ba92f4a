"""Bytes of a film → the pixels that a model reads. Serving, training and scoring all come through here."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from app.imaging.formats import ImageHeader, check_dimensions, read_header
from app.imaging.raster import Gray, ImageWarning, decode

RESIZE_RULE = "squeeze-inter-area"
DEFAULT_MAX_PIXELS = 50_000_000
"""Width × height, in pixels, over which an image is refused before it is decoded."""


@dataclass(frozen=True)
class Film:
    """One film as the model sees it: uint8 `pixels` of shape (height, width), 0 to 255, and what was noticed."""

    pixels: Gray
    warnings: tuple[ImageWarning, ...] = ()


def read_film(data: bytes, *, width: int, height: int, max_pixels: int = DEFAULT_MAX_PIXELS) -> Film:
    """Read an image file into the input of a model.

    Args:
        data: the bytes of a JPEG or PNG.
        width: pixels across, from the model's `input` (`model.json`).
        height: pixels down, likewise.
        max_pixels: refuse larger images before decoding them.

    Raises:
        UnsupportedFormat, TooManyPixels, UnsuitableImage, UndecodableImage: see `formats` and `raster`.
    """
    return load_film(data, inspect_film(data, max_pixels=max_pixels), width=width, height=height)


def inspect_film(data: bytes, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> ImageHeader:
    """Do the first half of `read_film`: tell what the file holds, and refuse what must not be decoded."""
    header = read_header(data)
    check_dimensions(header, max_pixels)
    return header


def load_film(data: bytes, header: ImageHeader, *, width: int, height: int) -> Film:
    """Do the second half of `read_film`: decode and shrink."""
    pixels, warnings = decode(data, header)
    return Film(shrink(pixels, width=width, height=height), warnings)


def shrink(pixels: Gray, *, width: int, height: int) -> Gray:
    """Squeeze gray pixels to the model's size by area averaging, whatever their aspect: the rule `RESIZE_RULE`.

    Args:
        pixels: uint8 of shape (rows, columns), 0 to 255.
        width: pixels across of the result.
        height: pixels down of the result.

    Returns:
        uint8 of shape (height, width).
    """
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA).astype("uint8", copy=False)
