"""Values of data elements, read leniently: a broken one is a missing one.

pydicom converts values by their declared VR and raises on what real files hold: dates that are none, ages without a
unit, numbers with units. Here the bytes are read as the standard defines each attribute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

_MAX_TEXT_BYTES = 1024
_BINARY = {"US": "u2", "SS": "i2", "UL": "u4", "SL": "i4", "FL": "f4", "FD": "f8"}


def texts(dataset: Dataset, keyword: str, *, keeps_case: bool = False) -> list[str]:
    """Return an attribute's values as text without padding, in capitals unless `keeps_case`; [] where it is missing."""
    element = raw_element(dataset, keyword)
    if isinstance(element, RawDataElement):
        value = (element.value or b"")[:_MAX_TEXT_BYTES].decode("latin-1")
    else:
        value = "" if element is None else str(element)
    values = [part.strip(" \0\r\n\t") for part in value.split("\\")]
    if not any(values):
        return []
    return values if keeps_case else [part.upper() for part in values]


def text(dataset: Dataset, keyword: str, *, keeps_case: bool = False) -> str:
    """Return an attribute's first value; see `texts`."""
    return next(iter(texts(dataset, keyword, keeps_case=keeps_case)), "")


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Return an attribute's values as finite numbers; [] where it is missing or one value is none."""
    element = raw_element(dataset, keyword)
    if not isinstance(element, RawDataElement):
        return []
    vr = element.VR or dictionary_VR(element.tag)
    if vr in _BINARY:
        dtype = np.dtype(_BINARY[vr]).newbyteorder("<" if element.is_little_endian else ">")
        value = element.value or b""
        found = np.frombuffer(value[: len(value) // dtype.itemsize * dtype.itemsize], dtype).astype(float).tolist()
    else:
        try:
            found = [float(part) for part in texts(dataset, keyword)]
        except ValueError:
            return []
    return found if all(map(math.isfinite, found)) else []


def integer(dataset: Dataset, keyword: str, missing: int) -> int:
    """Return an attribute's first value as an integer; `missing` where there is none."""
    found = numbers(dataset, keyword)
    return int(found[0]) if found else missing


def words(dataset: Dataset, keyword: str, *, is_signed: bool = False) -> NDArray[np.uint16 | np.int16]:
    """Return the 16-bit words of an attribute whose VR is US, SS or OW by context; files declare the wrong one."""
    element = raw_element(dataset, keyword)
    if not isinstance(element, RawDataElement):
        return np.empty(0, np.uint16)
    value = element.value or b""
    dtype = np.dtype("i2" if is_signed else "u2").newbyteorder("<" if element.is_little_endian else ">")
    found = np.frombuffer(value[: len(value) // 2 * 2], dtype)
    return found.astype(np.int16 if is_signed else np.uint16)


def raw_bytes(dataset: Dataset, keyword: str) -> bytes:
    """Return an attribute's bytes as they are in the file; b"" where it is missing."""
    element = raw_element(dataset, keyword)
    return (element.value or b"") if isinstance(element, RawDataElement) else b""


def items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    """Return the items of a sequence; () where it is missing or broken."""
    try:
        value = dataset.get(keyword)
    except Exception:  # pydicom's parsers raise whatever their parts raise
        return ()
    return [item for item in value if isinstance(item, Dataset)] if isinstance(value, Sequence) else ()


def raw_element(dataset: Dataset, keyword: str) -> object:
    """Return the element as in the file; what this project put there, as its value; None where there is none."""
    # `get_item` converts an empty value, and raises at a VR that it does not know.
    element = dict(dataset.items()).get(Tag(keyword))
    return element if isinstance(element, RawDataElement) else getattr(element, "value", None)
