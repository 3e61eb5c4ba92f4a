"""Transfer syntaxes that are read (DICOM PS3.5, section 10 and annex A)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydicom.uid import UID

from app.errors import UnsupportedFormat


@dataclass(frozen=True)
class Syntax:
    """How a file is written.

    `frames`: the SOF markers that its JPEG may have; `is_lossless`: no value can be beyond the stored bits.
    """

    name: str
    codec: Literal["native", "rle", "jpeg", "jpeg-ls", "jpeg-2000"]
    is_lossless: bool = True
    is_implicit: bool = False
    is_little_endian: bool = True
    is_deflated: bool = False
    frames: frozenset[int] = frozenset()


_BASELINE, _EXTENDED, _LOSSLESS, _JPEG_LS = 0xC0, 0xC1, 0xC3, 0xF7

SYNTAXES = {
    "1.2.840.10008.1.2": Syntax("Implicit VR Little Endian", "native", is_implicit=True),
    "1.2.840.10008.1.2.1": Syntax("Explicit VR Little Endian", "native"),
    "1.2.840.10008.1.2.1.99": Syntax("Deflated Explicit VR Little Endian", "native", is_deflated=True),
    "1.2.840.10008.1.2.2": Syntax("Explicit VR Big Endian", "native", is_little_endian=False),
    "1.2.840.10008.1.2.5": Syntax("RLE Lossless", "rle"),
    "1.2.840.10008.1.2.4.50": Syntax("JPEG Baseline", "jpeg", is_lossless=False, frames=frozenset({_BASELINE})),
    "1.2.840.10008.1.2.4.51": Syntax(
        "JPEG Extended", "jpeg", is_lossless=False, frames=frozenset({_BASELINE, _EXTENDED})
    ),
    "1.2.840.10008.1.2.4.57": Syntax("JPEG Lossless", "jpeg", frames=frozenset({_LOSSLESS})),
    "1.2.840.10008.1.2.4.70": Syntax("JPEG Lossless SV1", "jpeg", frames=frozenset({_LOSSLESS})),
    "1.2.840.10008.1.2.4.80": Syntax("JPEG-LS Lossless", "jpeg-ls", frames=frozenset({_JPEG_LS})),
    "1.2.840.10008.1.2.4.81": Syntax("JPEG-LS Near-Lossless", "jpeg-ls", False, frames=frozenset({_JPEG_LS})),
    "1.2.840.10008.1.2.4.90": Syntax("JPEG 2000 Lossless", "jpeg-2000"),
    "1.2.840.10008.1.2.4.91": Syntax("JPEG 2000", "jpeg-2000", is_lossless=False),
    "1.2.840.10008.1.2.4.201": Syntax("HTJ2K Lossless", "jpeg-2000"),
    "1.2.840.10008.1.2.4.202": Syntax("HTJ2K Lossless RPCL", "jpeg-2000"),
    "1.2.840.10008.1.2.4.203": Syntax("HTJ2K", "jpeg-2000", is_lossless=False),
}
UNNAMED = Syntax("Implicit VR Little Endian", "native", is_implicit=True)
"""What a file without group 2 is taken for; pydicom looks whether it is explicit after all."""


def find_syntax(uid: str) -> Syntax:
    """Return the transfer syntax of a UID; of none, `UNNAMED`.

    Raises:
        UnsupportedFormat: another; the message names it where the standard does.
    """
    if not uid:
        return UNNAMED
    if uid in SYNTAXES:
        return SYNTAXES[uid]
    known = UID(uid)
    received = known.name if known.type == "Transfer Syntax" else "another"
    raise UnsupportedFormat(
        "Expected a DICOM file that is uncompressed, deflated, or compressed as RLE, JPEG (baseline, extended, "
        f"lossless), JPEG-LS, JPEG 2000 or HTJ2K. Received the transfer syntax: {received}."
    )
