"""DICOM files of drawn films, written by pydicom."""

from __future__ import annotations

import io
import warnings
from typing import Any

import cv2
import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

from tests.conftest import film_pixels

CR, DX, SC = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.SecondaryCaptureImageStorage,
)
NATIVE = uid.ExplicitVRLittleEndian
# What no answer may hold.
NAME, PATIENT, PLACE = "Doe^Jane", "PAT-4711", "St. Elsewhere"


def film_12_bit(height: int = 120, width: int = 160) -> np.ndarray:
    """Draw a smooth film that uses every one of 12 bits' ends, uint16."""
    noise = np.random.default_rng(7).random((12, 16))
    smooth = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    smooth = np.clip((smooth - smooth.min()) / np.ptp(smooth), 0, 1)
    return np.rint(smooth * 4095).astype(np.uint16)


def make_dataset(pixels: np.ndarray, bits: int | None = None, **tags: Any) -> FileDataset:
    """Return a CR of a chest; `tags` replace or, where None, remove attributes."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = tags.pop("syntax", NATIVE)
    meta.MediaStorageSOPClassUID = tags.get("SOPClassUID", CR)
    meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    allocated = pixels.dtype.itemsize * 8
    bits = bits or allocated
    dataset.SOPClassUID, dataset.SOPInstanceUID = CR, "1.2.3.4"
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "CR", "CHEST", "PA"
    dataset.PatientName, dataset.PatientID, dataset.InstitutionName = NAME, PATIENT, PLACE
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, bits, bits - 1
    dataset.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    dataset.PixelData = pixels.tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some values are meant to be wrong
        for name, value in tags.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)
    return dataset


def write(dataset: Dataset) -> bytes:
    """Return a file's bytes; DICOM wants an even length of pixels.

    The dataset's pixels are in little-endian order: pydicom swaps no bytes of words, which here are those of OW.
    """
    if len(dataset.PixelData) % 2:
        dataset.PixelData += b"\0"
    file = io.BytesIO()
    if dataset.file_meta.TransferSyntaxUID == uid.ExplicitVRBigEndian:
        dataset.set_original_encoding(is_implicit_vr=False, is_little_endian=False)
        if dataset.BitsAllocated == 16 or dataset["PixelData"].VR == "OW":
            dataset.PixelData = np.frombuffer(dataset.PixelData, np.uint16).byteswap().tobytes()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def make_film(pixels: np.ndarray | None = None, bits: int | None = None, **tags: Any) -> bytes:
    """Return the bytes of `make_dataset`; of a drawn film without pixels."""
    return write(make_dataset(film_pixels() if pixels is None else pixels, bits, **tags))


def compressed(codestream: bytes, pixels: np.ndarray, bits: int, syntax: str, **tags: Any) -> bytes:
    """Return a file whose frame is a codestream, in one fragment."""
    dataset = make_dataset(pixels, bits, syntax=uid.UID(syntax), **tags)
    dataset.PixelData = encapsulate([codestream])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    return write(dataset)


def lut(entries: np.ndarray, bits: int, first: int = 0) -> Sequence:
    """Return a sequence of one lookup table."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(entries) % (1 << 16), first, bits])
    item.add_new("LUTData", "US", entries.tolist())
    return Sequence([item])


def code(value: str, scheme: str = "SCT") -> Sequence:
    """Return a sequence of one code."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "whatever"
    return Sequence([item])
