"""Whether bytes are a DICOM file, and whether what reads one is installed."""

from __future__ import annotations

import re
from importlib.util import find_spec

NEEDED = ("pydicom", "imagecodecs", "openjpeg", "rle")
"""Packages of the extra `dicom`, as they are imported."""

_PREFIX = slice(128, 132)
# Without preamble: an element of group 2 or 8, as tag and VR, or tag and length (DICOM PS3.5, section 7.1).
_BARE = re.compile(
    rb"[\x02\x08]\0.\0(?:AE|CS|DA|DT|LO|OB|PN|SH|SQ|TM|UI|UL)|\x08\0[\0\x01\x05\x08\x10\x12\x16\x18]\0.\0\0\0",
    re.DOTALL,
)


def is_dicom(data: bytes) -> bool:
    """Return whether bytes that are no JPEG and no PNG begin as a DICOM file, with or without preamble."""
    return data[_PREFIX] == b"DICM" or _BARE.match(data) is not None


def is_installed() -> bool:
    """Return whether DICOM can be read here; imports nothing."""
    return all(find_spec(name) is not None for name in NEEDED)
