"""Drawn films as DICOM files."""

from __future__ import annotations

from io import BytesIO

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from tests.drawn import draw_film

ROOT = "1.2.826.0.1.3680043.10.999"


def dicom_film(number: int = 1, *, study: int | None = None, label: str = "PNEUMONIA", **attributes: object) -> bytes:
    """Return a CR film of 16 bits in a study of its own, or in study number `study`; attributes replace its own.

    Of an attribute given as bytes these are stored, however invalid.
    """
    pixels = draw_film(label, number)
    film = Dataset()
    film.SOPClassUID = ComputedRadiographyImageStorage
    film.SOPInstanceUID = f"{ROOT}.1.{number}"
    film.StudyInstanceUID = f"{ROOT}.2.{number if study is None else study}"
    film.SeriesInstanceUID = f"{ROOT}.3.{number}"
    film.PatientName, film.PatientID = "Drawn^Film", f"P{number}"
    film.PatientBirthDate, film.PatientSex = "19700102", "F"
    film.StudyDate, film.StudyTime = "20240506", "070809"
    film.ContentDate, film.ContentTime = "20240506", "071000.123"
    film.StudyID, film.AccessionNumber, film.ReferringPhysicianName = "S1", "A1", "Doc^Tor"
    film.Manufacturer, film.Modality = "Drawn", "CR"
    film.BodyPartExamined, film.ViewPosition = "CHEST", "PA"
    film.SeriesNumber, film.InstanceNumber = 1, 1
    film.Rows, film.Columns = pixels.shape
    film.SamplesPerPixel, film.PhotometricInterpretation = 1, "MONOCHROME2"
    film.BitsAllocated, film.BitsStored, film.HighBit, film.PixelRepresentation = 16, 12, 11, 0
    film.PixelData = (pixels.astype("<u2") * 16).tobytes()
    for keyword, value in attributes.items():
        if isinstance(value, bytes) and keyword != "PixelData":
            element = film[keyword]
            film[element.tag] = RawDataElement(element.tag, element.VR, len(value), value, 0, False, True)
        else:
            setattr(film, keyword, value)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta = meta
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, film, enforce_file_format=True)
    return buffer.getvalue()
