"""Stored values → 8-bit gray, in the order of the standard (DICOM PS3.4, annex N.2).

All steps work on the table of the levels that the stored bits allow, not on pixels: at most 65,536 numbers, exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from app.errors import UndecodableImage
from app.imaging.colour import Gray
from app.imaging.dicom.attributes import numbers, text, words
from app.imaging.dicom.codecs import Values
from app.imaging.dicom.pixel_format import PixelFormat
from app.imaging.dicom.voi import Floats, Voi, choose_voi, read_lut


@dataclass(frozen=True)
class Rendered:
    """Gray pixels, uint8 (rows, columns), 0 black, and how they came about."""

    pixels: Gray
    modality_lut: Literal["none", "rescale", "table"]
    voi: Voi
    inverted: bool


def render_gray(values: Values, form: PixelFormat, dataset: Dataset) -> Rendered:
    """Return a monochrome frame as it is meant for the eye, rounded to 8 bits once.

    Padding is taken out, the modality's table or rescale applied, then the table or window of interest; MONOCHROME1 or
    the presentation shape INVERSE inverts, once. Padding becomes black. `PixelIntensityRelationshipSign` tells of the
    X-rays, not of the display.

    Args:
        values: stored values, (rows, columns).
        form: how they are stored.
        dataset: with the tags of the gray scale.

    Raises:
        UndecodableImage: a value that the stored bits do not hold.
    """
    low, high = form.levels
    levels = np.arange(low, high + 1, dtype=np.float64)
    index = (values.astype(np.int32) - low).astype(np.uint16) if low else values
    occurs = _find_levels(index, len(levels))
    padding = _find_padding(dataset, form, levels)
    if not (occurs & ~padding).any():
        padding[:] = False
    modality, kind = _apply_modality(dataset, levels, form)
    voi = choose_voi(dataset, modality, modality[occurs & ~padding])
    inverted = form.photometric == "MONOCHROME1" or text(dataset, "PresentationLUTShape") == "INVERSE"
    gray = 1 - voi.gray if inverted else voi.gray
    table = np.rint(np.clip(gray, 0, 1) * 255).astype(np.uint8)
    table[padding] = 0
    return Rendered(table.take(index), kind, voi, inverted)


def _find_levels(index: NDArray[np.uint8 | np.uint16 | np.int16], count: int) -> NDArray[np.bool_]:
    """Return which levels occur."""
    if int(index.max()) >= count:
        raise UndecodableImage(f"Expected values of {count} levels. Received larger ones.")
    found = cv2.calcHist([index], [0], None, [count], [0, count])
    occurs: NDArray[np.bool_] = found.ravel() > 0
    return occurs


def _find_padding(dataset: Dataset, form: PixelFormat, levels: Floats) -> NDArray[np.bool_]:
    """Return which levels are padding (PS3.3, section C.7.5.1.1.2)."""
    ends = [words(dataset, "PixelPaddingValue", is_signed=form.is_signed)[:1]]
    ends.append(words(dataset, "PixelPaddingRangeLimit", is_signed=form.is_signed)[:1])
    if not ends[0].size:
        return np.zeros(len(levels), bool)
    low, high = int(ends[0][0]), int((ends[1] if ends[1].size else ends[0])[0])
    return (levels >= min(low, high)) & (levels <= max(low, high))


def _apply_modality(
    dataset: Dataset, levels: Floats, form: PixelFormat
) -> tuple[Floats, Literal["none", "rescale", "table"]]:
    lut = read_lut(dataset, "ModalityLUTSequence", is_signed=form.is_signed)
    if lut is not None:
        return lut.map(levels), "table"
    slope, intercept = (*numbers(dataset, "RescaleSlope"), 1.0)[0], (*numbers(dataset, "RescaleIntercept"), 0.0)[0]
    values = levels * slope + intercept
    # A slope of 0, or one that overflows, leaves no film.
    if (slope, intercept) == (1, 0) or slope == 0 or not np.isfinite(np.ptp(values)) or np.ptp(values) == 0:
        return levels, "none"
    return values, "rescale"
