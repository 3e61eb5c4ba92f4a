"""How the pixels of a data set are stored, checked before anything is allocated (DICOM PS3.3, section C.7.6.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydicom.dataset import Dataset

from app.errors import UndecodableImage
from app.imaging.dicom.attributes import integer, numbers, text

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
SQUARE_TOLERANCE = 0.01
"""Ratio of a pixel's sides, less 1, up to which it counts as square: on 3,000 rows, 30."""

# Each as (vertical, horizontal).
_ASPECTS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")


@dataclass(frozen=True)
class PixelFormat:
    """One frame's pixels; `aspect` is how many times one is as high as wide."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    is_planar: bool
    photometric: str
    aspect: float

    @property
    def native_bytes(self) -> int:
        """Bytes of the frame uncompressed."""
        # YBR_FULL_422 stores two samples a pixel, and is decoded to three.
        return self.rows * self.columns * self.samples * self.bits_allocated // 8

    @property
    def levels(self) -> tuple[int, int]:
        """The lowest and the highest value that the stored bits hold."""
        if self.is_signed:
            return -(1 << (self.bits_stored - 1)), (1 << (self.bits_stored - 1)) - 1
        return 0, (1 << self.bits_stored) - 1


def read_pixel_format(dataset: Dataset) -> PixelFormat:
    """Return how the pixels are stored.

    Raises:
        UndecodableImage: the tags contradict each other, or name a format that no radiograph has.
    """
    allocated = integer(dataset, "BitsAllocated", 0)
    stored = integer(dataset, "BitsStored", allocated)
    photometric = text(dataset, "PhotometricInterpretation")
    found = PixelFormat(
        rows=integer(dataset, "Rows", 0),
        columns=integer(dataset, "Columns", 0),
        samples=integer(dataset, "SamplesPerPixel", 1),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=integer(dataset, "HighBit", stored - 1),
        is_signed=integer(dataset, "PixelRepresentation", 0) == 1,
        is_planar=integer(dataset, "PlanarConfiguration", 0) == 1,
        photometric=photometric,
        aspect=_read_aspect(dataset),
    )
    if not (0 < found.rows < 1 << 16 and 0 < found.columns < 1 << 16):
        raise UndecodableImage(f"Expected rows and columns. Received {found.rows} and {found.columns}.")
    if photometric not in MONOCHROME + COLOUR:
        received = "PALETTE COLOR" if photometric == "PALETTE COLOR" else "another"
        raise UndecodableImage(
            f"Expected the photometric interpretation {', '.join(MONOCHROME)}, RGB or YBR. Received {received}."
        )
    if found.samples != (1 if photometric in MONOCHROME else 3):
        raise UndecodableImage(f"Expected one sample a pixel, or three of a colour picture. Received {found.samples}.")
    if allocated not in (8, 16):
        raise UndecodableImage(f"Expected 8 or 16 bits allocated. Received {allocated}.")
    if not (1 <= stored <= allocated and stored - 1 <= found.high_bit < allocated):
        raise UndecodableImage(
            f"Expected stored bits within the {allocated} allocated. Received {stored}, up to bit {found.high_bit}."
        )
    if found.samples == 3 and found.is_signed:
        raise UndecodableImage("Expected unsigned colours. Received signed ones.")
    return found


def _read_aspect(dataset: Dataset) -> float:
    for keyword in _ASPECTS:
        sides = numbers(dataset, keyword)
        if len(sides) >= 2 and min(sides[:2]) > 0 and math.isfinite(ratio := sides[0] / sides[1]) and ratio > 0:
            return ratio if abs(ratio - 1) > SQUARE_TOLERANCE else 1.0
    return 1.0
