"""A grayscale softcopy presentation state (PS3.3 section A.33.1): lines over the film where the evidence is strong."""

from __future__ import annotations

import cv2
import numpy as np
from highdicom import PresentationLUTTransformation
from highdicom.color import CIELabColor
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from gateway.assessment import NOT_FOR_DIAGNOSIS, Assessment
from gateway.dicom_objects import MODEL_NAME, describe_source, stamp
from gateway.display import read_display
from gateway.film import MANUFACTURER, Film
from gateway.identity import Moment, ResultNames

SERIES_NUMBER = 9003
_TRACED_SIDE = 512  # pixels of the longer side in which outlines are traced
_ORANGE = CIELabColor(67.0, 43.0, 74.0)
_SHARE_OF_SCALE = 0.5  # as /explain draws contours


def write_contour(film: Film, assessment: Assessment, names: ResultNames, moment: Moment) -> Dataset | None:
    """Return a presentation state with the outline of strong evidence towards PNEUMONIA.

    Returns:
        None where the answer has no map, or the film is shown in a way that `read_display` does not write.
    """
    if assessment.cam is None or not (film.rows and film.columns):
        return None
    display = read_display(film.header, ignores_window="window-ignored" in assessment.warnings)
    if display is None:
        return None
    layer = GraphicLayer("PNEUMOSERVE", order=1, description="Evidence towards pneumonia", display_color=_ORANGE)
    lines = [GraphicObject("POLYLINE", points, units="PIXEL") for points in trace(assessment, film.rows, film.columns)]
    note = TextObject(
        f"{assessment.label} {assessment.probability:.3f}. {NOT_FOR_DIAGNOSIS}",
        units="DISPLAY",
        bounding_box=(0.02, 0.02, 0.98, 0.08),
    )
    reference = _reference(film)
    result = GrayscaleSoftcopyPresentationState(
        referenced_images=[reference],
        series_instance_uid=names.series("contour"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=names.instance("contour"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL_NAME,
        software_versions=assessment.model,
        device_serial_number=assessment.model_sha256,
        content_label="PNEUMOSERVE",
        content_description="Evidence towards pneumonia, not for diagnosis",
        graphic_annotations=[GraphicAnnotation([reference], layer, graphic_objects=lines, text_objects=[note])],
        graphic_layers=[layer],
        modality_lut_transformation=display.modality,
        voi_lut_transformations=[display.window] if display.window else None,
        presentation_lut_transformation=PresentationLUTTransformation(presentation_lut_shape=display.shape),
    )
    stamp(result, moment, "PneumoServe: contour, not for diagnosis", assessment.model)
    result.BodyPartExamined = "CHEST"
    result.PresentationCreationDate, result.PresentationCreationTime = moment.date, moment.time
    return result


def trace(assessment: Assessment, rows: int, columns: int) -> list[NDArray[np.float64]]:
    """Return closed outlines of the evidence of at least half of the map's scale.

    Returns:
        float64 (points, 2) each: column and row in pixels of the film, of `rows` × `columns`.
    """
    if assessment.cam is None or assessment.scale <= 0:
        return []
    shrink = min(1.0, _TRACED_SIDE / max(rows, columns))
    size = max(1, round(columns * shrink)), max(1, round(rows * shrink))
    evidence = cv2.resize(assessment.cam, size, interpolation=cv2.INTER_CUBIC)
    strong = (evidence >= _SHARE_OF_SCALE * assessment.scale).astype(np.uint8)
    outlines, _ = cv2.findContours(strong, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    factor = np.array([columns / size[0], rows / size[1]])
    closed = [np.vstack([outline[:, 0], outline[:1, 0]]) for outline in outlines if len(outline) > 2]
    return [np.asarray((points + 0.5) * factor, np.float64) for points in closed]


def _reference(film: Film) -> Dataset:
    reference = describe_source(film)
    reference.Rows, reference.Columns, reference.SamplesPerPixel = film.rows, film.columns, 1
    return reference
