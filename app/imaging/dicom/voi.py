"""Values of the modality → gray from 0 to 1, by what the file says is of interest (DICOM PS3.3, section C.11.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from app.imaging.dicom.attributes import items, numbers, raw_bytes, text, words
from app.notice import Notice

Floats = NDArray[np.float64]
Function = Literal["linear", "linear-exact", "sigmoid"]
_FUNCTIONS: dict[str, Function] = {"LINEAR": "linear", "LINEAR_EXACT": "linear-exact", "SIGMOID": "sigmoid"}


@dataclass(frozen=True)
class Voi:
    """Gray levels, 0 to 1, of the values that came in, and what chose them."""

    gray: Floats
    kind: Literal["table", "linear", "linear-exact", "sigmoid", "range"]
    window: tuple[float, float] | None
    warnings: tuple[Notice, ...]


@dataclass(frozen=True)
class Lut:
    """A lookup table: its entries, the first value that is mapped, and the largest entry that its bits allow."""

    entries: Floats
    first: int
    top: float

    def map(self, values: Floats) -> Floats:
        """Return the entries of values; those beyond the ends have the end's."""
        index = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1)
        mapped: Floats = self.entries[index.astype(np.intp)]
        return mapped

    def count_inside(self, values: Floats) -> int:
        """Return how many values have an entry of their own."""
        return int(np.count_nonzero((values >= self.first) & (values < self.first + len(self.entries))))


def read_lut(dataset: Dataset, keyword: str, *, is_signed: bool) -> Lut | None:
    """Return the first lookup table of a sequence; None where there is none, or it is empty or blank.

    Descriptors lie: the number of entries is what is there, and a table that does not use the bits that it declares, or
    uses more, is scaled by its own maximum.
    """
    item = next(iter(items(dataset, keyword)), None)
    if item is None:
        return None
    descriptor = words(item, "LUTDescriptor", is_signed=is_signed).tolist()
    data = raw_bytes(item, "LUTData")
    if len(descriptor) < 3 or not data:
        return None
    count, first, bits = descriptor[0] % (1 << 16) or 1 << 16, descriptor[1], descriptor[2]
    entries = np.frombuffer(data, np.uint8) if bits <= 8 and len(data) <= count + 1 else words(item, "LUTData")
    entries = entries[:count]
    most = int(entries.max(initial=0))
    if most == 0 or most == entries.min():
        return None
    top = (1 << bits) - 1 if most.bit_length() == bits else most
    return Lut(entries.astype(np.float64), first, top)


def choose_voi(dataset: Dataset, values: Floats, used: Floats) -> Voi:
    """Return gray levels: by the file's first table, else its first window, else the range of the pixels.

    Args:
        dataset: the file's.
        values: to be mapped.
        used: those that occur in the film, without padding.
    """
    lut = _choose_table(dataset, used)
    if lut is not None:
        return Voi(lut.map(values) / lut.top, "table", None, ())
    warnings: tuple[Notice, ...] = ()
    centers, widths = numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth")
    if centers or widths:
        kind = _FUNCTIONS.get(text(dataset, "VOILUTFunction"), "linear")
        center, width = (*centers, math.nan)[0], (*widths, math.nan)[0]
        if _is_possible(kind, center, width, used):
            return Voi(_apply(kind, center, width, values), kind, (center, width), ())
        detail = "The file's window leaves nothing to be seen: it was ignored, and the range of the pixels taken."
        warnings = (Notice("window-ignored", detail),)
    low, high = float(used.min()), float(used.max())
    return Voi(np.clip((values - low) / ((high - low) or 1), 0, 1), "range", None, warnings)


def _choose_table(dataset: Dataset, used: Floats) -> Lut | None:
    """Return the file's first table; its first value has a sign where more of the film's values then lie in it."""
    is_signed = bool(used.min() < 0)
    found = [read_lut(dataset, "VOILUTSequence", is_signed=sign) for sign in (is_signed, not is_signed)]
    return max((lut for lut in found if lut is not None), key=lambda lut: lut.count_inside(used), default=None)


def _is_possible(kind: Function, center: float, width: float, used: Floats) -> bool:
    """Return whether a window has a width that its function allows, and leaves the film more than one gray level."""
    if not (math.isfinite(center) and width >= (1 if kind == "linear" else 0) and width > 0):
        return False
    ends = _apply(kind, center, width, np.array([used.min(), used.max()]))
    return bool(np.rint(ends[0] * 255) != np.rint(ends[1] * 255)) or used.min() == used.max()


def _apply(kind: Function, center: float, width: float, values: Floats) -> Floats:
    """Compute a window (PS3.3, section C.11.2.1.2 and C.11.2.1.3)."""
    if kind == "sigmoid":
        return 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    if kind == "linear-exact":
        return np.clip((values - center) / width + 0.5, 0, 1)
    if width == 1:
        return (values > center - 0.5).astype(np.float64)
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
