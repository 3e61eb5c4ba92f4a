"""Bytes of a DICOM file → the data elements that reading needs, within bounds."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import data_element_generator, read_dataset
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

READ_KEYWORDS = (
    "SOPClassUID", "StudyDate", "Modality", "PresentationIntentType", "PatientBirthDate", "PatientAge",
    "BodyPartExamined", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "ViewPosition", "PatientOrientation",
    "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns",
    "PixelSpacing", "PixelAspectRatio", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope",
    "VOILUTFunction", "ModalityLUTSequence", "VOILUTSequence", "ViewCodeSequence", "AnatomicRegionSequence",
    "PresentationLUTShape",
)  # fmt: skip
"""What the service reads in front of the pixels."""
_PREAMBLE_BYTES = 132
UNDEFINED_LENGTH = 0xFFFFFFFF
"""Of a value that ends with a delimiter, as encapsulated pixels do."""

_BROKEN = "Expected a DICOM file whose elements can be read. Received a broken one."


@dataclass(frozen=True)
class Elements:
    """The data set in front of the pixels, as far as it is needed, and its transfer syntax."""

    dataset: Dataset
    syntax: Syntax
    _file: io.BytesIO
    _inflater: zlib._Decompress | None

    def read_pixels(self, most_bytes: int) -> RawDataElement | DataElement | None:
        """Return the element that follows, once: the pixels; None where none does.

        `most_bytes`: how many pixels of a deflated file are inflated, behind which they are cut.

        Raises:
            UndecodableImage: broken, or over the bounds of this module.
        """
        is_implicit, is_little_endian = self.dataset.original_encoding
        with _one_error():
            if self._inflater is not None:
                start = self._file.tell()
                self._file.seek(0, io.SEEK_END)
                self._file.write(self._inflater.decompress(self._inflater.unconsumed_tail, most_bytes))
                self._file.seek(start)
            return next(data_element_generator(self._file, bool(is_implicit), bool(is_little_endian)), None)


def read_elements(data: bytes, *, keywords: tuple[str, ...] = READ_KEYWORDS) -> Elements:
    """Read what is needed of a data set, up to the pixels.

    Args:
        data: the file, with or without preamble.
        keywords: of the attributes that are needed.

    Raises:
        UnsupportedFormat: another transfer syntax.
        UndecodableImage: broken, or over the bounds of this module.
    """
    tags = _find_tags(keywords)
    file, inflater = _CountedReads(data), None
    start = _PREAMBLE_BYTES if data[128:_PREAMBLE_BYTES] == b"DICM" else 0
    with _one_error():
        file.seek(start)
        meta = read_dataset(file, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
        syntax = find_syntax(text(meta, "TransferSyntaxUID", keeps_case=True))
        if syntax.is_deflated:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            file = _CountedReads(inflater.decompress(data[file.tell() :], MAX_HEADER_BYTES))
        dataset = read_dataset(
            file, syntax.is_implicit, syntax.is_little_endian, stop_when=_guard(frozenset(tags)), specific_tags=tags
        )
    if "SOPClassUID" not in dataset and "MediaStorageSOPClassUID" in meta:
        dataset.SOPClassUID = text(meta, "MediaStorageSOPClassUID", keeps_case=True)
    return Elements(dataset, syntax, file, inflater)


@contextmanager
def _one_error() -> Iterator[None]:
    """Turn what pydicom raises, which is whatever its parts raise, into `UndecodableImage`."""
    try:
        yield
    except ImageError:
        raise
    except RecursionError:
        raise UndecodableImage("Expected elements nested a few levels deep. Received hundreds of levels.") from None
    except Exception as error:
        if isinstance(error.__context__, ImageError):
            raise error.__context__ from None
        raise UndecodableImage(_BROKEN) from error


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


def _guard(wanted: frozenset[BaseTag | int]) -> Callable[[BaseTag, str | None, int], bool]:
    """Return what ends the reading before the pixels, and refuses long values among those that are kept."""

    def ends(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag in wanted and MAX_VALUE_BYTES < length != UNDEFINED_LENGTH:
            raise UndecodableImage(f"Expected values of at most {MAX_VALUE_BYTES} bytes. Received one of {length}.")
        return int(tag) == PIXEL_DATA

    return ends
