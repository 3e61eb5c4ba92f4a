"""How the service showed a film, as a presentation state says it (PS3.3 sections C.11.1, C.11.2 and C.11.6).

The service's reading is in `app/imaging/dicom/grayscale.py`; what a presentation state of ours would say otherwise is
not said at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from highdicom import ModalityLUTTransformation, VOILUTFunctionValues
from highdicom.pr import SoftcopyVOILUTTransformation
from pydicom.dataset import Dataset

from app.imaging.dicom.attributes import items, numbers, text

_TABLES = ("ModalityLUTSequence", "VOILUTSequence")
_GRAY = {"MONOCHROME1", "MONOCHROME2"}


@dataclass(frozen=True)
class Display:
    """The film's gray scale: `window` is None where the whole range was shown."""

    modality: ModalityLUTTransformation | None
    window: SoftcopyVOILUTTransformation | None
    shape: Literal["IDENTITY", "INVERSE"]


def read_display(film: Dataset, *, ignores_window: bool) -> Display | None:
    """Return a film's gray scale as the service read it.

    `ignores_window`: whether the service said that it did.

    Returns:
        None where the film is not gray, has a lookup table, or a rescale that leaves nothing to be seen.
    """
    photometric = text(film, "PhotometricInterpretation")
    if photometric not in _GRAY or any(items(film, keyword) for keyword in _TABLES):
        return None
    slope, intercept = (*numbers(film, "RescaleSlope"), 1.0)[0], (*numbers(film, "RescaleIntercept"), 0.0)[0]
    if not math.isfinite(abs(slope) * 2**16 + abs(intercept)) or intercept + slope == intercept:
        return None
    modality = None
    if (slope, intercept) != (1, 0):
        modality = ModalityLUTTransformation(rescale_intercept=intercept, rescale_slope=slope, rescale_type="US")
    # The service inverts for either reason, once.
    is_inverted = photometric == "MONOCHROME1" or text(film, "PresentationLUTShape") == "INVERSE"
    return Display(modality, None if ignores_window else _read_window(film), "INVERSE" if is_inverted else "IDENTITY")


def _read_window(film: Dataset) -> SoftcopyVOILUTTransformation | None:
    centers, widths = numbers(film, "WindowCenter"), numbers(film, "WindowWidth")
    name = text(film, "VOILUTFunction")
    function = VOILUTFunctionValues(name) if name in {"SIGMOID", "LINEAR_EXACT"} else VOILUTFunctionValues.LINEAR
    narrowest = 1.0 if function is VOILUTFunctionValues.LINEAR else 0.0
    if not centers or not widths or widths[0] < narrowest or widths[0] == 0:
        return None
    return SoftcopyVOILUTTransformation(window_center=centers[0], window_width=widths[0], voi_lut_function=function)
