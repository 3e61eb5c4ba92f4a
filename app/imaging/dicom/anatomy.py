"""The body part that a file names: in words (PS3.16, annex L), else by the code of its anatomic region (CID 4031)."""

from __future__ import annotations

import re
from typing import Literal

from pydicom.dataset import Dataset

from app.errors import UnsuitableImage
from app.imaging.dicom.attributes import items, text

BodyPart = Literal["CHEST", "THORAX"]

_CHEST: tuple[BodyPart, ...] = ("CHEST", "THORAX")
_SNOMED = {"SCT", "SRT", "SNM3", "99SDM"}
REGION_CODES = {
    "CHEST": ("816094009", "51185008", "T-D3000"),
    "ABDOMEN": ("818981001", "113345001", "T-D4000"),
    "ABDOMENPELVIS": ("818982008", "416949008", "R-FAB57"),
    "ANKLE": ("70258002", "T-15750"),
    "ARM": ("53120007", "T-D8000", "40983000", "T-D8200"),
    "BREAST": ("76752008", "T-04000"),
    "CALCANEUS": ("80144004", "T-12770"),
    "CHESTABDOMEN": ("416550000", "R-FAB55"),
    "CLAVICLE": ("51299004", "T-12310"),
    "COCCYX": ("64688005", "T-11BF0"),
    "CSPINE": ("122494005", "T-11501"),
    "ELBOW": ("16953009", "T-15430"),
    "EXTREMITY": ("66019005", "T-D0300"),
    "FEMUR": ("71341001", "T-12710"),
    "FINGER": ("7569003", "T-D8800"),
    "FOOT": ("56459004", "T-D9700"),
    "FOREARM": ("14975008", "T-D8500"),
    "HAND": ("85562004", "T-D8700"),
    "HEAD": ("69536005", "T-D1100"),
    "HEADNECK": ("774007", "T-D1000"),
    "HIP": ("29836001", "T-D2500", "24136001", "T-15710"),
    "HUMERUS": ("85050009", "T-12410"),
    "JAW": ("661005", "T-D1213"),
    "KNEE": ("72696002", "T-D9200"),
    "LEG": ("30021000", "T-D9400", "61685007", "T-D9000"),
    "LSPINE": ("122496007", "T-11503"),
    "MANDIBLE": ("91609006", "T-11180"),
    "NECK": ("45048000", "T-D1600"),
    "NECKCHEST": ("417437006", "R-FAB52"),
    "PATELLA": ("64234005", "T-12730"),
    "PELVIS": ("816092008", "12921003", "T-D6000"),
    "RIB": ("113197003", "T-11300"),
    "SACRUM": ("54735007", "T-11AD0"),
    "SCAPULA": ("79601000", "T-12280"),
    "SHOULDER": ("16982005", "T-D2220"),
    "SKULL": ("89546000", "T-11100"),
    "SPINE": ("421060004", "T-D04FF"),
    "STERNUM": ("56873002", "T-11210"),
    "THIGH": ("68367000", "T-D9100"),
    "THUMB": ("76505004", "T-D8810"),
    "TOE": ("29707007", "T-D9800"),
    "TSPINE": ("122495006", "T-11502"),
    "WHOLEBODY": ("38266002", "T-D0010"),
    "WRIST": ("74670003", "T-15460"),
    "ZYGOMA": ("13881006", "T-11166"),
}
"""Parts that are radiographed, by their names of annex L: SNOMED CT, also as it was, and SNOMED RT of older files."""

_PARTS = {code: part for part, codes in REGION_CODES.items() for code in codes}


def read_body_part(dataset: Dataset) -> BodyPart | None:
    """Return the part of the chest that a file names; None where it names none that is known.

    Raises:
        UnsuitableImage: it names another.
    """
    received = text(dataset, "BodyPartExamined")
    words = set(re.findall("[A-Z]+", received))
    if not words:
        return _read_region(dataset)
    found = next((part for part in _CHEST if part in words), None)
    if found is None or words - {*_CHEST, "PA", "AP"}:
        raise _refusal(received if received in REGION_CODES or received == "SSPINE" else "another")
    return found


def _read_region(dataset: Dataset) -> BodyPart | None:
    """Return CHEST where the file's codes say so; a code that is not in the table says nothing."""
    parts = [
        _PARTS.get(text(item, "CodeValue"))
        for item in items(dataset, "AnatomicRegionSequence")
        if text(item, "CodingSchemeDesignator") in _SNOMED
    ]
    for part in parts:
        if part not in (None, "CHEST"):
            raise _refusal(part)
    return "CHEST" if "CHEST" in parts else None


def _refusal(received: str) -> UnsuitableImage:
    return UnsuitableImage(f"Expected a film of the chest: body part CHEST or THORAX. Received the part: {received}.")
