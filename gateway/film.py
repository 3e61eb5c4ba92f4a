"""A DICOM film as the gateway sees it: who it is, and what its results share with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from app.errors import ImageError
from app.imaging.dicom.attributes import items, raw_bytes
from app.imaging.dicom.elements import READ_KEYWORDS, read_elements
from gateway.cleaning import COPIED, clean_date, clean_time, clean_uid, copy_study, read_text
from gateway.errors import UnusableFilm

FILM_CLASSES = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)
"""Storage classes of films; radiographs that were digitised or converted are Secondary Capture."""

MANUFACTURER = "PneumoServe"
"""The manufacturer of all results, by which they are known."""

_DATES = (("ContentDate", "ContentTime"), ("AcquisitionDate", "AcquisitionTime"), ("StudyDate", "StudyTime"))
_NO_DATE = "19000101"
MOST_INFLATED_BYTES = 64 * 2**20
"""Of the pixels of a deflated film."""
_KEYWORDS = (
    "SpecificCharacterSet",
    *COPIED,
    *(keyword for pair in _DATES for keyword in pair),
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "Manufacturer",
    "LossyImageCompression",
    *READ_KEYWORDS,
)
_ITEM_KEYWORDS = ("LUTDescriptor", "LUTData", "CodeValue", "CodingSchemeDesignator")


@dataclass(frozen=True)
class Film:
    """One film.

    Attributes:
        data: the DICOM file.
        header: what was read of it, without the pixels.
        study: patient and study, cleaned; see `copy_study`.
        sop_class: SOP Class UID.
        uid: SOP Instance UID.
        series: Series Instance UID; empty where the film has no valid one.
        rows: of its pixels; 0 where the film has none.
        columns: likewise.
        pixel_sha256: of the pixel data as stored, in hexadecimal.
        header_sha256: of what results copy of the header, and of what the service reads there, in hexadecimal.
        date: content, acquisition or study date, YYYYMMDD; 19000101 where none of them is valid.
        time: of that date, HHMMSS.
        is_lossy: whether its pixels were ever compressed with loss, as it says.
        is_result: whether PneumoServe wrote it.
    """

    data: bytes
    header: Dataset
    study: Dataset
    sop_class: str
    uid: str
    series: str
    rows: int
    columns: int
    pixel_sha256: str
    header_sha256: str
    date: str
    time: str
    is_lossy: bool
    is_result: bool


def read_film(data: bytes) -> Film:
    """Read a DICOM file's identity within the bounds of `read_elements`; its pixels are hashed and not decoded.

    Raises:
        UnusableFilm: not DICOM, over the bounds, without pixels, or without the UIDs that results refer to.
    """
    try:
        elements = read_elements(data, keywords=_KEYWORDS)
        pixels = elements.read_pixels(MOST_INFLATED_BYTES)
    except ImageError as error:
        raise UnusableFilm(str(error)) from None
    dataset = elements.dataset
    read = hashlib.sha256()
    for value in _walk(dataset, READ_KEYWORDS):
        read.update(b"%d:%b" % (len(value), value))
    study = copy_study(dataset)
    uid, sop_class = clean_uid(read_text(dataset, "SOPInstanceUID")), clean_uid(read_text(dataset, "SOPClassUID"))
    if not (uid and sop_class and study.StudyInstanceUID):
        raise UnusableFilm("Expected a DICOM film with valid UIDs of class, instance and study. Received none.")
    if not isinstance(pixels, RawDataElement) or not pixels.value:
        raise UnusableFilm("Expected a DICOM film with pixel data. Received one without.")
    if elements.syntax.is_deflated and len(pixels.value) < pixels.length:
        raise UnusableFilm(f"Expected pixels that inflate to at most {MOST_INFLATED_BYTES} bytes. Received others.")
    date, time = _read_date(dataset)
    series = clean_uid(read_text(dataset, "SeriesInstanceUID"))
    is_lossy = read_text(dataset, "LossyImageCompression").strip() == "01"
    copied = [*(str(element.value) for element in study), sop_class, series, date, time, is_lossy, read.hexdigest()]
    return Film(
        data=data,
        header=dataset,
        study=study,
        sop_class=sop_class,
        uid=uid,
        series=series,
        rows=_read_size(dataset, "Rows"),
        columns=_read_size(dataset, "Columns"),
        pixel_sha256=hashlib.sha256(pixels.value).hexdigest(),
        header_sha256=hashlib.sha256(json.dumps(copied).encode()).hexdigest(),
        date=date,
        time=time,
        is_lossy=is_lossy,
        is_result=read_text(dataset, "Manufacturer").strip() == MANUFACTURER,
    )


def _walk(dataset: Dataset, keywords: tuple[str, ...]) -> Iterator[bytes]:
    """Return the values of attributes as in the file; of sequences, those of their items that the service reads."""
    for keyword in keywords:
        if keyword.endswith("Sequence"):
            found = items(dataset, keyword)
            yield b"%d" % len(found)
            for item in found:
                yield from _walk(item, _ITEM_KEYWORDS)
        else:
            yield raw_bytes(dataset, keyword)


def _read_date(dataset: Dataset) -> tuple[str, str]:
    for of_date, of_time in _DATES:
        if date := clean_date(read_text(dataset, of_date)):
            time = clean_time(read_text(dataset, of_time)).partition(".")[0]
            return date, time.ljust(6, "0")
    return _NO_DATE, "000000"


def _read_size(dataset: Dataset, keyword: str) -> int:
    text = read_text(dataset, keyword)
    return int(text) if text.isdecimal() else 0
