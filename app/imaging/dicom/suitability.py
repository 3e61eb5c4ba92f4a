"""Tags of a DICOM file → whether it can be a frontal chest film, before any pixel.

A tag that lies is caught by the gate. No value of the header is repeated but those that the standard defines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pydicom.dataset import Dataset
from pydicom.uid import UID

from app.errors import UnsuitableImage
from app.imaging.dicom.anatomy import BodyPart, read_body_part
from app.imaging.dicom.attributes import integer, items, text, texts
from app.notice import Notice

Image = Literal["CR", "DX", "SC"]
View = Literal["PA", "AP", "frontal"]

IMAGES: dict[str, Image] = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
}
# Of a radiograph: as the standard defines them, and DR, which devices write. A capture may be of another device.
_RADIOGRAPHS = frozenset({"CR", "DX", "DR", "RG", ""})
_CAPTURES = _RADIOGRAPHS | {"OT", "SC"}
# PS3.3, section C.7.3.1.1.1.
_MODALITIES = _CAPTURES | {
    "AU", "BDUS", "BMD", "CT", "DG", "DOC", "ECG", "EPS", "ES", "FID", "GM", "HD", "IO", "IVOCT", "IVUS", "KO", "LS",
    "MG", "MR", "NM", "OCT", "OP", "OPT", "PR", "PT", "PX", "REG", "RF", "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT",
    "SEG", "SM", "SR", "TG", "US", "XA", "XC",
}  # fmt: skip
# PS3.3, section C.8.1.1.1, and what devices write instead.
_LATERALS = frozenset({"LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT"})
_DECUBITUS = frozenset({"LLD", "RLD", "DECUB", "DECUBITUS"})
_OBLIQUES = frozenset({"RAO", "LAO", "RPO", "LPO", "RLO", "LLO", "OBL", "OBLIQUE"})
# PS3.16, CID 4010, in SNOMED CT and in the SNOMED RT of older files.
_VIEW_CODES = {
    **dict.fromkeys(("272479007", "R-10214", "R-40888"), "PA"),
    **dict.fromkeys(("399348003", "R-10206"), "AP"),
    **dict.fromkeys(("399033003", "R-10202"), "FRONTAL"),
    **dict.fromkeys(("399067008", "399173006", "399198007", "R-102CD", "R-10236", "R-10232"), "LATERAL"),
}
_AGE = re.compile(r"(\d{1,3})([DWMY]?)")
_UNITS_A_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12, "Y": 1, "": 1}


@dataclass(frozen=True)
class Subject:
    """What the tags say of a film that they do not exclude; `age` is in completed years."""

    image: Image
    body_part: BodyPart | None
    view: View | None
    age: int | None
    warnings: tuple[Notice, ...]


def judge(dataset: Dataset) -> Subject:
    """Return what the tags say.

    Raises:
        UnsuitableImage: they exclude a frontal chest film.
    """
    image = _read_image(dataset)
    frames = integer(dataset, "NumberOfFrames", 1)
    if frames > 1:
        raise UnsuitableImage(f"Expected an image of one frame. Received one of {frames}.")
    body_part = read_body_part(dataset)
    view = _read_view(dataset)
    warnings = []
    if image == "SC":
        detail = "The file is a secondary capture, not what the detector wrote: its gray levels may have been changed."
        warnings.append(Notice("secondary-capture", detail))
    if view is None:
        warnings.append(Notice("view-unknown", "The file does not say that its view is frontal, PA or AP."))
    return Subject(image, body_part, view, _read_age(dataset), tuple(warnings))


def _read_image(dataset: Dataset) -> Image:
    uid, modality = text(dataset, "SOPClassUID"), text(dataset, "Modality")
    # Without a class, as in cut-down files, the modality has to tell.
    image = IMAGES.get(uid) if uid else {"CR": "CR", "DX": "DX"}.get(modality)
    is_processing = "PROCESSING" in text(dataset, "PresentationIntentType")
    if image is None or (image == "DX" and is_processing):
        known = UID(uid)
        received = known.name if known.type == "SOP Class" else "another kind"
        if is_processing:
            received = "DX for processing, whose gray levels are not meant for the eye"
        raise UnsuitableImage(
            f"Expected a DICOM image of the kind CR, DX for presentation, or Secondary Capture. Received: {received}."
        )
    if modality not in (_CAPTURES if image == "SC" else _RADIOGRAPHS):
        received = modality if modality in _MODALITIES else "another"
        raise UnsuitableImage(f"Expected a radiograph: modality CR or DX. Received the modality: {received}.")
    return image  # type: ignore[return-value]  # dict.get of literals is a str to mypy


def _read_view(dataset: Dataset) -> View | None:
    words = _split(text(dataset, "ViewPosition"))
    for item in items(dataset, "ViewCodeSequence"):
        words.add(_VIEW_CODES.get(text(item, "CodeValue"), ""))
    rows = next(iter(texts(dataset, "PatientOrientation")), "")
    others = {"a lateral one": _LATERALS, "a decubitus one": _DECUBITUS, "an oblique one": _OBLIQUES}
    for received, names in others.items():
        if words & names:
            raise UnsuitableImage(f"Expected a frontal view, PA or AP. Received {received}.")
    view: View | None = "PA" if "PA" in words else "AP" if "AP" in words else "frontal" if "FRONTAL" in words else None
    # The first letter is where the rows run to: on a frontal film to the patient's left or right.
    if view is None and rows[:1] in ("A", "P"):
        raise UnsuitableImage("Expected a frontal view, PA or AP. Received a lateral one, by its patient orientation.")
    return view


def _split(value: str) -> set[str]:
    return set(re.findall("[A-Z]+", value))


def _read_age(dataset: Dataset) -> int | None:
    """Return completed years by the patient's age, else by the dates of birth and study; None where unknown."""
    if match := _AGE.fullmatch(text(dataset, "PatientAge")):
        return int(int(match[1]) / _UNITS_A_YEAR[match[2]])
    born, studied = _read_date(dataset, "PatientBirthDate"), _read_date(dataset, "StudyDate")
    if born is None or studied is None or studied < born:
        return None
    return studied.year - born.year - ((studied.month, studied.day) < (born.month, born.day))


def _read_date(dataset: Dataset, keyword: str) -> date | None:
    try:
        return datetime.strptime(text(dataset, keyword), "%Y%m%d").date()
    except ValueError:
        return None
