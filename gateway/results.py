"""A film and the service's answer → the DICOM objects of its results."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from pydicom.dataset import Dataset

from gateway.assessment import Assessment
from gateway.contour import write_contour
from gateway.dicom_objects import encode
from gateway.film import Film
from gateway.identity import Kind, Moment, name_results
from gateway.secondary_capture import write_secondary_capture
from gateway.structured_report import write_report


@dataclass(frozen=True)
class Result:
    """One object: its kind, its UIDs, and the DICOM file."""

    kind: Kind
    sop_class: str
    uid: str
    data: bytes


def write_results(
    film: Film, assessment: Assessment, png: bytes, moment: Moment, *, contour: bool = False
) -> list[Result]:
    """Return a Secondary Capture, a structured report and, on wish, a contour: equal inputs, equal bytes.

    Raises:
        Failed: `png` is no picture.
    """
    names = name_results(film, assessment)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the libraries' warnings repeat names of patients
        written: dict[Kind, Dataset | None] = {
            "secondary-capture": write_secondary_capture(film, assessment, png, names, moment),
            "report": write_report(film, assessment, names, moment),
            "contour": write_contour(film, assessment, names, moment) if contour else None,
        }
        return [
            Result(kind, str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), encode(dataset))
            for kind, dataset in written.items()
            if dataset is not None
        ]
