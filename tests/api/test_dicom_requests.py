"""DICOM files over HTTP."""

from __future__ import annotations

from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from pydicom import uid

from app.api.schemas import Prediction
from app.inference.artifact import find_entry
from tests.api.test_log import _restored_loggers  # noqa: F401 - a fixture
from tests.conftest import encode, film_pixels
from tests.imaging.dicom.made import NAME, PATIENT, PLACE, SC, compressed, film_12_bit, make_film
from tests.running import running

FILM = film_12_bit()
FULL = {"WindowCenter": "2048", "WindowWidth": "4096"}


def test_the_answer_says_what_was_done_to_the_pixels(client: httpx.Client) -> None:
    """And has the probability of the PNG of the same gray levels."""
    data = make_film(FILM, 12, PhotometricInterpretation="MONOCHROME1", **FULL)
    png = encode(np.rint((4095 - FILM) * (255 / 4095)).astype(np.uint8), ".png")
    answer = client.post("/predict", files={"file": ("film.dcm", data)}).json()

    assert answer["dicom"] == {
        "image": "CR",
        "transfer_syntax": "Explicit VR Little Endian",
        "photometric_interpretation": "MONOCHROME1",
        "body_part": "CHEST",
        "view": "PA",
        "modality_lut": "none",
        "voi": "linear",
        "window": [2048.0, 4096.0],
        "inverted": True,
        "pixel_aspect": 1.0,
    }
    assert answer["probability"] == client.post("/predict", content=png).json()["probability"]
    Prediction.model_validate(answer)


def test_the_films_warnings_stand_before_the_models(client: httpx.Client) -> None:
    """Each is one of the contract's."""
    data = make_film(
        FILM, 12, SOPClassUID=SC, ViewPosition="", WindowCenter="1", WindowWidth="0", PixelSpacing=["2", "1"],
        PatientAge="010Y",
    )  # fmt: skip
    warnings = client.post("/predict", content=data).json()["warnings"]
    assert [warning["code"] for warning in warnings] == [
        "secondary-capture", "view-unknown", "window-ignored", "non-square-pixels", "age-outside", "no-gate",
    ]  # fmt: skip


@pytest.mark.parametrize(("age", "is_outside"), [("000Y", True), ("005Y", False), ("010Y", True), ("080Y", False)])
def test_an_age_of_no_patient_of_the_training_is_told(tiny_store: Path, age: str, is_outside: bool) -> None:
    """The entry knows them; without an age, or without such an entry, nothing is said."""
    manifest = find_entry(tiny_store).manifest
    years = int(age[:3])
    assert [notice.code for notice in manifest.judge_age(years)] == (["age-outside"] if is_outside else [])
    assert manifest.judge_age(None) == ()
    assert manifest.model_copy(update={"ages": None}).judge_age(years) == ()


@pytest.mark.parametrize(
    ("data", "slug", "status", "said"),
    [
        (make_film(BodyPartExamined="HIP"), "unsuitable-image", 422, "the part: HIP"),
        (make_film(FILM, 12)[:-2000], "undecodable-image", 422, "bytes of pixels"),
        (make_film(Rows=60000, Columns=60000), "too-many-pixels", 413, "60000 × 60000"),
        (compressed(b"\0\0", FILM, 12, uid.MPEG2MPML), "unsupported-format", 415, "MPEG2"),
        (make_film(film_pixels(0, 40, 60)), "unsuitable-image", 422, "60 × 40"),
        (bytes(128) + b"DICM" + bytes(200), "unsuitable-image", 422, "kind CR"),
    ],
)
def test_what_is_not_read_has_its_problem(client: httpx.Client, data: bytes, slug: str, status: int, said: str) -> None:
    """And says why."""
    answer = client.post("/predict", content=data)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
    assert said in answer.json()["detail"]


def test_a_film_is_shown_as_it_was_read(client: httpx.Client) -> None:
    """In square pixels, inverted once, for whoever cannot decode it."""
    data = make_film(FILM, 12, PhotometricInterpretation="MONOCHROME1", PixelSpacing=["0.2", "0.1"], **FULL)
    answer = client.post("/explain?style=film", content=data)
    picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)

    assert picture.shape == (240, 160)
    np.testing.assert_array_equal(
        picture, cv2.resize(np.rint((4095 - FILM) * (255 / 4095)).astype(np.uint8), (160, 240))
    )
    assert client.post("/explain", content=data).status_code == 200


@pytest.mark.usefixtures("_restored_loggers")
def test_nothing_of_the_header_leaves_the_service(tiny_store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither in answers, problems and metrics nor in its log, whatever becomes of the film."""
    from app.api.log import configure_logging

    tags = {"PatientBirthDate": "19991231", "StudyDate": "20240101", "AccessionNumber": "ACC-0815"}
    films = [
        make_film(**tags),
        make_film(BodyPartExamined=NAME, **tags),
        make_film(Modality="SECRET", **tags),
        make_film(FILM, 12, **tags)[:-500],
        make_film(ViewPosition=PATIENT, **tags),
        make_film(PhotometricInterpretation="SECRET", **tags),
        make_film(StudyDescription=PLACE, WindowCenter="1", WindowWidth="0", **tags),
    ]
    capfd.readouterr()  # pydicom quotes wrong values as it writes them
    configure_logging("json")
    with running(tiny_store) as server:
        said = "".join(server.client.post("/predict", content=film).text for film in films)
        said += server.client.get("/metrics").text
    out, err = capfd.readouterr()
    assert '"path": "/predict"' in err or '"path":"/predict"' in err
    secrets = ("Doe", NAME, PATIENT, PLACE, "19991231", "20240101", "ACC-0815", "SECRET")
    assert [secret for secret in secrets if secret in said + out + err] == []
