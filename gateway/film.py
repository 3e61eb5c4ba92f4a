"""A DICOM film as the gateway sees it: who it is, and what its results share with it."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from io import BytesIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from gateway.cleaning import clean_date, clean_time, clean_uid, copy_study, read_text
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


@dataclass(frozen=True)
class Film:
    """One film.

    Attributes:
        data: the DICOM file.
        study: patient and study, cleaned; see `copy_study`.
        sop_class: SOP Class UID.
        uid: SOP Instance UID.
        series: Series Instance UID; empty where the film has no valid one.
        rows: of its pixels; 0 where the film has none.
        columns: likewise.
        pixel_sha256: of the pixel data as stored, in hexadecimal.
        date: content, acquisition or study date, YYYYMMDD; 19000101 where none of them is valid.
        time: of that date, HHMMSS.
        is_lossy: whether its pixels were ever compressed with loss, as it says.
        is_result: whether PneumoServe wrote it.
    """

    data: bytes
    study: Dataset
    sop_class: str
    uid: str
    series: str
    rows: int
    columns: int
    pixel_sha256: str
    date: str
    time: str
    is_lossy: bool
    is_result: bool


def read_film(data: bytes) -> Film:
    """Read a DICOM file's identity; its pixels are hashed and not decoded.

    Raises:
        UnusableFilm: not DICOM, without pixels, or without the UIDs that results refer to.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings repeat values
        try:
            dataset = pydicom.dcmread(BytesIO(data), force=data[128:132] != b"DICM")
            pixels = dataset.get_item("PixelData")
            stored = getattr(pixels, "value", None)
        except Exception as error:  # what pydicom raises of broken files is not limited to a kind
            raise UnusableFilm(f"Expected a DICOM file. Received other bytes ({type(error).__name__}).") from None
    study = copy_study(dataset)
    uid, sop_class = clean_uid(read_text(dataset, "SOPInstanceUID")), clean_uid(read_text(dataset, "SOPClassUID"))
    if not (uid and sop_class and study.StudyInstanceUID):
        raise UnusableFilm("Expected a DICOM film with valid UIDs of class, instance and study. Received none.")
    if not isinstance(stored, bytes) or not stored:
        raise UnusableFilm("Expected a DICOM film with pixel data. Received one without.")
    date, time = _read_date(dataset)
    return Film(
        data=data,
        study=study,
        sop_class=sop_class,
        uid=uid,
        series=clean_uid(read_text(dataset, "SeriesInstanceUID")),
        rows=_read_size(dataset, "Rows"),
        columns=_read_size(dataset, "Columns"),
        pixel_sha256=hashlib.sha256(stored).hexdigest(),
        date=date,
        time=time,
        is_lossy=read_text(dataset, "LossyImageCompression").strip() == "01",
        is_result=read_text(dataset, "Manufacturer").strip() == MANUFACTURER,
    )


def _read_date(dataset: Dataset) -> tuple[str, str]:
    for of_date, of_time in _DATES:
        if date := clean_date(read_text(dataset, of_date)):
            time = clean_time(read_text(dataset, of_time)).partition(".")[0]
            return date, time.ljust(6, "0")
    return _NO_DATE, "000000"


def _read_size(dataset: Dataset, keyword: str) -> int:
    text = read_text(dataset, keyword)
    return int(text) if text.isdecimal() else 0
