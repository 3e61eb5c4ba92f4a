"""Which DICOM files are read, by their tags."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from pydicom import uid
from pydicom.sequence import Sequence
from pydicom.sr.coding import Code

from app.errors import UnsuitableImage, UnsupportedFormat
from app.imaging.dicom.anatomy import REGION_CODES
from app.imaging.formats import read_header
from app.imaging.preprocess import Film, inspect_film, read_film
from tests.conftest import encode, film_pixels
from tests.imaging.dicom.made import DX, NAME, PATIENT, PLACE, SC, code, make_dataset, make_film, write


def read(data: bytes) -> Film:
    return read_film(data, width=150, height=150)


def codes(film: Film) -> list[str]:
    return [warning.code for warning in film.warnings]


@pytest.mark.parametrize(
    ("tags", "image", "warnings"),
    [
        ({}, "CR", []),
        ({"SOPClassUID": DX, "Modality": "DX", "PresentationIntentType": "FOR PRESENTATION"}, "DX", []),
        ({"SOPClassUID": SC}, "SC", ["secondary-capture"]),
        ({"SOPClassUID": SC, "Modality": "OT"}, "SC", ["secondary-capture"]),
        ({"Modality": "DR"}, "CR", []),
        ({"BodyPartExamined": "THORAX"}, "CR", []),
        ({"BodyPartExamined": "Chest PA"}, "CR", []),
        ({"BodyPartExamined": None}, "CR", []),
        ({"BodyPartExamined": ""}, "CR", []),
        ({"ViewPosition": "AP SUPINE"}, "CR", []),
        ({"ViewPosition": None}, "CR", ["view-unknown"]),
        ({"ViewPosition": "XY"}, "CR", ["view-unknown"]),
        ({"ViewPosition": "", "ViewCodeSequence": code("399348003")}, "CR", []),
        ({"NumberOfFrames": 1}, "CR", []),
    ],
)
def test_a_chest_film_is_read_with_its_warnings(tags: dict[str, Any], image: str, warnings: list[str]) -> None:
    """CR, DX for presentation, and a capture."""
    film = read(make_film(**tags))

    assert film.dicom is not None
    assert film.dicom.image == image
    assert codes(film) == warnings


@pytest.mark.parametrize(
    ("tags", "came"),
    [
        ({"SOPClassUID": uid.DigitalXRayImageStorageForProcessing, "Modality": "DX"}, "kind CR.*For Processing"),
        ({"SOPClassUID": DX, "Modality": "DX", "PresentationIntentType": "FOR PROCESSING"}, "kind CR.*for processing"),
        ({"SOPClassUID": uid.CTImageStorage, "Modality": "CT"}, "kind CR.*Received: CT Image Storage"),
        ({"SOPClassUID": "1.2.3"}, "kind CR.*Received: another kind"),
        ({"SOPClassUID": SC, "Modality": "CT"}, "modality CR or DX. Received the modality: CT"),
        ({"Modality": "MG"}, "modality: MG"),
        ({"Modality": "WRONG"}, "modality: another"),
        ({"BodyPartExamined": "HIP"}, "CHEST or THORAX. Received the part: HIP"),
        ({"BodyPartExamined": "DOE JANE"}, "the part: another"),
        ({"BodyPartExamined": "CHEST ABDOMEN"}, "the part: another"),
        ({"BodyPartExamined": "", "AnatomicRegionSequence": code("29836001")}, "the part: HIP"),
        ({"BodyPartExamined": None, "AnatomicRegionSequence": code("R-FAB55", "SNM3")}, "the part: CHESTABDOMEN"),
        ({"BodyPartExamined": "HIP", "AnatomicRegionSequence": code("51185008")}, "the part: HIP"),
        ({"ViewPosition": "LL"}, "frontal view, PA or AP. Received a lateral one"),
        ({"ViewPosition": "LATERAL"}, "a lateral one"),
        ({"ViewPosition": "LLD"}, "a decubitus one"),
        ({"ViewPosition": "RAO"}, "an oblique one"),
        ({"ViewPosition": None, "ViewCodeSequence": code("399173006")}, "a lateral one"),
        ({"ViewPosition": "", "PatientOrientation": ["P", "F"]}, "by its patient orientation"),
        ({"NumberOfFrames": 100_000}, "one frame. Received one of 100000"),
    ],
)
def test_what_is_no_frontal_chest_film_is_refused(tags: dict[str, Any], came: str) -> None:
    """The message says what was expected and what came, of the standard's own terms."""
    with pytest.raises(UnsuitableImage, match=came):
        read(make_film(**tags))


@pytest.mark.parametrize(
    ("part", "region", "expected"),
    [
        ("", code("816094009"), "CHEST"),
        (None, code("51185008"), "CHEST"),
        (None, code("T-D3000", "SRT"), "CHEST"),
        (None, code("86598002"), None),
        (None, code("29836001", "99OWN"), None),
        (None, code("DOE JANE"), None),
        ("THORAX", code("29836001"), "THORAX"),
    ],
)
def test_the_code_of_the_region_tells_the_part_where_no_word_does(
    part: str | None, region: Sequence, expected: str | None
) -> None:
    """A code that is not known, as that of the lung's apex or of another scheme, says nothing."""
    film = read(make_film(BodyPartExamined=part, AnatomicRegionSequence=region))

    assert film.dicom is not None
    assert film.dicom.body_part == expected


@pytest.mark.parametrize("part", REGION_CODES)
def test_codes_of_a_region_mean_the_same(part: str) -> None:
    """Those of SNOMED RT, as pydicom translates them, and none stands for two parts."""
    found = {value: Code(value, "SRT" if "-" in value else "SCT", "") for value in REGION_CODES[part]}
    current = [each for value, each in found.items() if "-" not in value]
    assert all(each in current for value, each in found.items() if "-" in value)
    others = [value for other, values in REGION_CODES.items() if other != part for value in values]
    assert not set(found) & set(others)


@pytest.mark.parametrize(
    ("tags", "age"),
    [
        ({"PatientAge": "005Y"}, 5),
        ({"PatientAge": "018M"}, 1),
        ({"PatientAge": "010D"}, 0),
        ({"PatientAge": "62"}, 62),
        ({"PatientBirthDate": "20200630", "StudyDate": "20240629"}, 3),
        ({"PatientBirthDate": "20200630", "StudyDate": "20240630"}, 4),
        ({"PatientBirthDate": "20200630"}, None),
        ({}, None),
    ],
)
def test_the_age_is_read_in_completed_years(tags: dict[str, Any], age: int | None) -> None:
    """Also without a unit, and from two dates."""
    assert read(make_film(**tags)).age == age


def test_the_report_holds_nothing_of_the_patient() -> None:
    """What was done to the pixels, and terms of the standard."""
    film = read(make_film(PatientBirthDate="20200630", StudyDate="20240630"))
    said = repr(film.dicom) + repr(film.warnings)

    assert not any(secret in said for secret in (NAME, PATIENT, PLACE, "2020", "2024"))


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.ExplicitVRLittleEndian])
def test_a_file_without_preamble_is_read(syntax: str) -> None:
    """With group 2, and without it."""
    dataset = make_dataset(film_pixels(), syntax=syntax)
    whole = write(dataset)
    expected = read(whole)
    start = whole.index(b"\x08\0", 132 + 12 + int.from_bytes(whole[140:144], "little"))

    np.testing.assert_array_equal(read(whole[132:]).pixels, expected.pixels)
    np.testing.assert_array_equal(read(whole[start:]).pixels, expected.pixels)


def test_a_jpeg_stays_one_whatever_its_bytes_hold_further_on() -> None:
    """The mark of DICOM at byte 128 is a comment's."""
    data = encode(film_pixels())
    comment = bytes(122) + b"DICM" + bytes(10)
    marked = data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]

    assert marked[128:132] == b"DICM"
    assert read_header(marked).format == "JPEG"


def test_without_its_packages_dicom_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an installation of the base alone."""
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UnsupportedFormat, match=r"JPEG or PNG image. .* a DICOM file: install .*pneumoserve\[dicom\]"):
        inspect_film(make_film())


def test_the_header_tells_the_pixels() -> None:
    header = read_header(make_film(film_pixels(height=70, width=90)))

    assert (header.format, header.width, header.height, header.channels) == ("DICOM", 90, 70, 1)
