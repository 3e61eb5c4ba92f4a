"""What all results have in common: equipment, series and dates; and how they become bytes."""

from __future__ import annotations

from copy import deepcopy
from io import BytesIO

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from gateway.film import MANUFACTURER, Film
from gateway.identity import Moment, derive_uid

MODEL_NAME = "PneumoServe gateway"
IMPLEMENTATION = UID(derive_uid(MODEL_NAME))


def stamp(dataset: Dataset, moment: Moment, description: str, model: str) -> None:
    """Write equipment, series description and all dates, in the place of those that a library wrote."""
    dataset.Manufacturer = MANUFACTURER
    dataset.ManufacturerModelName = MODEL_NAME
    dataset.SoftwareVersions = model
    dataset.SeriesDescription = description
    for name in ("InstanceCreation", "Series", *(["Content"] if "ContentDate" in dataset else [])):
        setattr(dataset, f"{name}Date", moment.date)
        setattr(dataset, f"{name}Time", moment.time)
    # Would name the version of the library that wrote the object.
    dataset.pop("ContributingEquipmentSequence", None)


def encode(dataset: Dataset) -> bytes:
    """Return an object as a DICOM file, Explicit VR Little Endian: the same object, the same bytes."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION
    meta.ImplementationVersionName = "PNEUMOSERVE"
    dataset.file_meta = meta
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def refer_to(sop_class: str, uid: str) -> Dataset:
    """Return a reference to an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = uid
    return item


def describe_source(film: Film) -> Dataset:
    """Return a film's patient, study, series and instance: what results refer to as their evidence."""
    source = deepcopy(film.study)
    source.SOPClassUID, source.SOPInstanceUID = film.sop_class, film.uid
    # A film without a valid series is still evidence, which must name one.
    source.SeriesInstanceUID = film.series or derive_uid("no series", film.uid)
    return source
