"""A Secondary Capture (PS3.3 section A.8.1): the film, the map, and the answer in words."""

from __future__ import annotations

from copy import deepcopy

from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import SecondaryCaptureImageStorage

from gateway.assessment import Assessment
from gateway.dicom_objects import refer_to, stamp
from gateway.film import Film
from gateway.identity import Moment, ResultNames
from gateway.panel import draw_panel

SERIES_NUMBER = 9001


def write_secondary_capture(
    film: Film, assessment: Assessment, png: bytes, names: ResultNames, moment: Moment
) -> Dataset:
    """Return the object, RGB of 8 bits, uncompressed, which every archive takes.

    `png`: the picture of `POST /explain`.

    Raises:
        Failed: `png` is none.
    """
    picture = draw_panel(png, assessment)
    result = deepcopy(film.study)
    result.SOPClassUID = SecondaryCaptureImageStorage
    result.SOPInstanceUID = names.instance("secondary-capture")
    result.SeriesInstanceUID = names.series("secondary-capture")
    result.SeriesNumber, result.InstanceNumber = SERIES_NUMBER, 1
    result.Modality = "OT"
    result.ContentDate, result.ContentTime = moment.date, moment.time
    stamp(result, moment, "PneumoServe: pneumonia, not for diagnosis", assessment.model)
    result.ConversionType = "WSD"
    result.DateOfSecondaryCapture, result.TimeOfSecondaryCapture = moment.date, moment.time
    result.ImageType = ["DERIVED", "SECONDARY"]
    result.DerivationDescription = "Film reduced, with a class activation map and the model's answer"
    result.BodyPartExamined, result.PatientOrientation = "CHEST", ""
    result.BurnedInAnnotation = "NO"
    result.ImageComments = "\n".join(assessment.words())
    source = refer_to(film.sop_class, film.uid)
    source.PurposeOfReferenceCodeSequence = [CodedConcept.from_code(codes.DCM.SourceImageForImageProcessingOperation)]
    result.SourceImageSequence = [source]
    if film.is_lossy:
        result.LossyImageCompression = "01"
    result.SamplesPerPixel, result.PhotometricInterpretation, result.PlanarConfiguration = 3, "RGB", 0
    result.Rows, result.Columns = picture.shape[:2]
    result.BitsAllocated, result.BitsStored, result.HighBit, result.PixelRepresentation = 8, 8, 7, 0
    pixels = picture.tobytes()
    result.PixelData = pixels + b"\0" * (len(pixels) % 2)
    return result
