"""Bytes of a DICOM file → the data elements that reading needs, within bounds."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from functools import cache

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from app.errors import ImageError, UndecodableImage
from app.imaging.dicom.attributes import text
from app.imaging.dicom.syntaxes import Syntax, find_syntax

MAX_READS = 50_000
"""Reads of the parser: two or three an element, nested ones included."""
MAX_VALUE_BYTES = 1 << 20
"""Of a value that is needed, other than the pixels: four of the largest lookup tables."""
MAX_HEADER_BYTES = 4 << 20
"""Of a deflated file: what is inflated in front of the pixels."""
PIXEL_DATA = 0x7FE00010

_KEYWORDS = (
    "SOPClassUID", "StudyDate", "Modality", "PresentationIntentType", "PatientBirthDate", "PatientAge",
    "BodyPartExamined", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "ViewPosition", "PatientOrientation",
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "PixelSpacing", "PixelAspectRatio", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope",
    "VOILUTFunction", "ModalityLUTSequence", "VOILUTSequence", "ViewCodeSequence", "PresentationLUTShape", "PixelData",
)  # fmt: skip
_PREAMBLE_BYTES = 132
UNDEFINED_LENGTH = 0xFFFFFFFF
"""Of a value that ends with a delimiter, as encapsulated pixels do."""

_BROKEN = "Expected a DICOM file whose elements can be read. Received a broken one."


@dataclass(frozen=True)
class Elements:
    """The data set, as far as it is needed, and its transfer syntax."""

    dataset: Dataset
    syntax: Syntax


def read_elements(data: bytes, *, pixel_bytes: int | None = None, keywords: tuple[str, ...] = _KEYWORDS) -> Elements:
    """Read what is needed of a data set; without `pixel_bytes`, up to the pixels.

    Args:
        data: the file, with or without preamble.
        pixel_bytes: how many the pixels may have once inflated, behind which they are cut; None: they are left out.
        keywords: of the attributes that are needed.

    Raises:
        UnsupportedFormat: another transfer syntax.
        UndecodableImage: broken, or over the bounds of this module.
    """
    tags = _find_tags(keywords)
    file = _CountedReads(data)
    start = _PREAMBLE_BYTES if data[128:_PREAMBLE_BYTES] == b"DICM" else 0
    try:
        file.seek(start)
        meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
        syntax = find_syntax(text(meta, "TransferSyntaxUID", keeps_case=True))
        if syntax.is_deflated:
            limit = MAX_HEADER_BYTES + (pixel_bytes or 0)
            file = _CountedReads(zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[file.tell() :], limit))
        dataset = read_dataset(
            file,
            syntax.is_implicit,
            syntax.is_little_endian,
            stop_when=_Guard(frozenset(tags), stops_before_pixels=pixel_bytes is None),
            specific_tags=tags,
        )
    except ImageError:
        raise
    except RecursionError:
        raise UndecodableImage("Expected elements nested a few levels deep. Received hundreds of levels.") from None
    except Exception as error:
        # pydicom raises whatever its parts raise: OSError, struct.error, KeyError ...
        if isinstance(error.__context__, ImageError):
            raise error.__context__ from None
        raise UndecodableImage(_BROKEN) from error
    if "SOPClassUID" not in dataset and "MediaStorageSOPClassUID" in meta:
        dataset.SOPClassUID = text(meta, "MediaStorageSOPClassUID", keeps_case=True)
    return Elements(dataset, syntax)


@cache
def _find_tags(keywords: tuple[str, ...]) -> list[BaseTag | int]:
    return [tag for keyword in keywords if (tag := tag_for_keyword(keyword)) is not None]


class _CountedReads(io.BytesIO):
    """A file that ends a parser which reads too often."""

    _reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > MAX_READS:
            raise UndecodableImage(f"Expected elements that take at most {MAX_READS} reads. Received more.")
        return super().read(size)


class _Guard:
    """Ends the reading of a data set before or behind its pixels, and refuses long values among those that are kept."""

    def __init__(self, wanted: frozenset[BaseTag | int], *, stops_before_pixels: bool) -> None:
        self._wanted = wanted
        self._stops_before_pixels = stops_before_pixels
        self._is_done = False

    def __call__(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        if self._is_done:
            return True
        if tag == PIXEL_DATA:
            self._is_done = True
            return self._stops_before_pixels
        if tag in self._wanted and MAX_VALUE_BYTES < length != UNDEFINED_LENGTH:
            raise UndecodableImage(f"Expected values of at most {MAX_VALUE_BYTES} bytes. Received one of {length}.")
        return False
