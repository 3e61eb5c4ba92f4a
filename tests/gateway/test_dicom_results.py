"""The objects that are written for a film."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from gateway.assessment import Assessment
from gateway.contour import trace
from gateway.files import write_files
from gateway.film import read_film
from gateway.identity import Moment
from gateway.panel import MAX_PIXELS, draw_panel
from gateway.results import Result, write_results
from tests.conftest import encode
from tests.gateway.dicom_films import ROOT, dicom_film
from tests.gateway.film_service import PICTURE, film_service
from tests.imaging.dicom.made import lut

REPO = Path(__file__).parents[2]
REAL = Path("/work/shared/data/dicom")
ODD = {
    "PatientID": b"A\\B",
    "PatientBirthDate": b"19701399",
    "PatientSex": b"X",
    "StudyDate": b"2024ABCD",
    "StudyTime": b"256199",
    "AccessionNumber": b"\x01\x02",
    "ReferringPhysicianName": b"a^b^c^d^e^f^g",
}


def assessment(**changes: object) -> Assessment:
    values: dict[str, object] = {
        "label": "PNEUMONIA",
        "probability": 0.973041,
        "point": "balanced",
        "threshold": 0.41,
        "refer": True,
        "warnings": ("children-only", "secondary-capture"),
        "model": "drawn/1",
        "model_sha256": "ab" * 32,
        "prevalence": None,
        "gate": "refuse",
        "cam": np.array([[-0.2, 0.1], [-0.3, 0.9]], np.float32),
        "scale": 0.5,
    }
    return Assessment(**(values | changes))  # type: ignore[arg-type]


def results(film: bytes, date: str = "20240506", **changes: object) -> dict[str, Result]:
    written = write_results(read_film(film), assessment(**changes), PICTURE, Moment(date, "071000"), contour=True)
    return {result.kind: result for result in written}


def opened(result: Result) -> Dataset:
    return pydicom.dcmread(BytesIO(result.data))


def odd_film() -> bytes:
    return dicom_film(**ODD)


def errors_of(result: Result, folder: Path) -> list[str]:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")
    path = folder / f"{result.kind}.dcm"
    path.write_bytes(result.data)
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)  # noqa: S607 - where it is installed
    lines = (done.stdout + done.stderr).decode("latin-1").splitlines()
    assert any(line in {"SCImage", "ComprehensiveSR", "GrayscaleSoftcopyPresentationState"} for line in lines), lines
    return [line for line in lines if line.startswith("Error")]


@pytest.mark.parametrize("kind", ["secondary-capture", "report", "contour"])
@pytest.mark.parametrize(
    "film",
    [dicom_film(), odd_film(), dicom_film(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")],
    ids=["plain", "odd", "utf8"],
)
def test_dciodvfy_finds_no_error(film: bytes, kind: str, tmp_path: Path) -> None:
    """Also of a film whose own attributes are invalid."""
    assert errors_of(results(film)[kind], tmp_path) == []


@pytest.mark.parametrize("path", sorted(REAL.glob("*.dcm")) or [None], ids=lambda path: path.name if path else "none")
def test_dciodvfy_finds_no_error_for_a_real_film(path: Path | None, tmp_path: Path) -> None:
    if path is None:
        pytest.skip("the real DICOM files are not here")
    for result in results(path.read_bytes()).values():
        assert errors_of(result, tmp_path) == []


def test_results_lie_in_the_films_study_and_in_series_of_their_own() -> None:
    written = [opened(result) for result in results(dicom_film()).values()]
    assert {(each.StudyInstanceUID, each.PatientID, each.StudyDate) for each in written} == {
        (f"{ROOT}.2.1", "P1", "20240506")
    }
    assert len({each.SeriesInstanceUID for each in written} | {f"{ROOT}.3.1"}) == 4
    assert [each.Modality for each in written] == ["OT", "SR", "PR"]
    assert all("not for diagnosis" in each.SeriesDescription for each in written)


def test_invalid_attributes_are_left_empty() -> None:
    """Those that are valid stay."""
    study = read_film(odd_film()).study
    assert {keyword: str(study[keyword].value or "") for keyword in ODD} == dict.fromkeys(ODD, "")
    assert str(study.PatientName) == "Drawn^Film"


def test_a_date_as_acr_nema_wrote_it_is_kept() -> None:
    assert read_film(dicom_film(StudyDate=b"2024.05.06")).study.StudyDate == "20240506"


def test_a_date_before_the_year_1000_is_kept() -> None:
    """Such as archives write where none is known."""
    film = dicom_film(PatientBirthDate="00010101", StudyDate="00010101", ContentDate="00010101")
    assert {opened(result).PatientBirthDate for result in results(film).values()} == {"00010101"}
    assert read_film(film).date == "00010101"


@pytest.mark.parametrize(
    ("keyword", "value"), [("PatientName", "Yamada^Tarou=山田\u3000^太郎=やまだ^たろう"), ("PatientID", "MÜ-7")]
)
def test_text_beyond_ascii_is_copied(keyword: str, value: str, tmp_path: Path) -> None:
    """The wide space of Japanese names, too."""
    film = dicom_film(SpecificCharacterSet="ISO_IR 192", **{keyword: value})
    for result in results(film).values():
        assert str(opened(result)[keyword].value) == value
        assert errors_of(result, tmp_path) == []


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_an_invalid_study_uid_is_copied_as_it_is() -> None:
    """Such with zeros in front: another one would be another study."""
    film = dicom_film(StudyInstanceUID="1.2.840.107.1").replace(b"1.2.840.107.1", b"1.2.840.007.1")
    assert {opened(result).StudyInstanceUID for result in results(film).values()} == {"1.2.840.007.1"}


@pytest.mark.long
def test_the_same_film_makes_the_same_bytes() -> None:
    """In another process, too, whose hashes and clock differ."""
    code = """if True:
        import hashlib
        from tests.gateway.test_dicom_results import dicom_film, results
        print([hashlib.sha256(result.data).hexdigest() for result in results(dicom_film()).values()])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=REPO, text=True)
    assert done.stdout.strip() == str(
        [hashlib.sha256(result.data).hexdigest() for result in results(dicom_film()).values()]
    )


@pytest.mark.parametrize(
    "changes", [{"model_sha256": "cd" * 32}, {"point": "half"}, {"prevalence": 0.1}, {"gate": "flag"}], ids=str
)
def test_another_setting_has_other_uids(changes: dict[str, object]) -> None:
    """Instances and series."""
    one, other = results(dicom_film()), results(dicom_film(), **changes)
    assert all(one[kind].uid != other[kind].uid for kind in one)
    assert opened(one["report"]).SeriesInstanceUID != opened(other["report"]).SeriesInstanceUID


@pytest.mark.parametrize(
    "header",
    [
        {"PatientID": "P2"},
        {"PatientBirthDate": "19800102"},
        {"study": 2},
        {"SeriesInstanceUID": f"{ROOT}.3.9"},
        {"WindowCenter": 1000, "WindowWidth": 500},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PatientAge": "005Y"},
    ],
    ids=str,
)
def test_another_header_under_the_same_uid_has_other_uids(header: dict[str, object]) -> None:
    """Instances and series; for the objects are others."""
    one, other = results(dicom_film()), results(dicom_film(**header))  # type: ignore[arg-type]
    assert all(one[kind].uid != other[kind].uid for kind in one)
    assert opened(one["report"]).SeriesInstanceUID != opened(other["report"]).SeriesInstanceUID


def test_another_lookup_table_under_the_same_uid_has_other_uids() -> None:
    """As all that the service reads: another picture was judged."""
    one, other = (results(dicom_film(VOILUTSequence=lut(np.arange(4096) // factor, 12))) for factor in (1, 2))
    assert all(one[kind].uid != other[kind].uid for kind in one)


def test_an_attribute_that_results_do_not_depend_on_changes_nothing() -> None:
    one, other = results(dicom_film()), results(dicom_film(InstitutionName="Elsewhere"))
    assert one == other


def test_other_pixels_under_the_same_uid_have_other_uids() -> None:
    pixels = pydicom.dcmread(BytesIO(dicom_film(2))).PixelData
    assert results(dicom_film(1, PixelData=pixels))["report"].uid != results(dicom_film(1))["report"].uid


def test_the_secondary_capture_is_below_2_megabytes_and_names_nobody_in_its_pixels() -> None:
    """Whatever the picture's size and shape."""
    for shape in ((2048, 2048), (2048, 400), (400, 2048), (64, 64)):
        panel = draw_panel(encode(np.zeros((*shape, 3), np.uint8), ".png"), assessment(warnings=("a-long-code",) * 40))
        assert panel.shape[0] * panel.shape[1] <= MAX_PIXELS, shape
    capture = results(dicom_film())["secondary-capture"]
    assert len(capture.data) <= 2_000_000
    dataset = opened(capture)
    assert dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == f"{ROOT}.1.1"
    assert "0.973" in dataset.ImageComments
    assert "Not for diagnosis" in dataset.ImageComments


def test_the_report_holds_class_probability_threshold_model_and_evidence() -> None:
    report = opened(results(dicom_film())["report"])
    text = report.to_json()
    for expected in ("233604007", "0.973041", "0.41", "drawn", "ab" * 32, "children-only", f"{ROOT}.1.1"):
        assert expected in text, expected
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0]
    assert evidence.StudyInstanceUID == f"{ROOT}.2.1"
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"


def test_a_normal_answer_is_not_coded_as_pneumonia() -> None:
    text = opened(results(dicom_film(), label="NORMAL")["report"]).to_json()
    assert "99PNEUMO" in text
    assert "233604007" not in text


def test_the_contour_lies_where_the_evidence_is_strong() -> None:
    """In the film's own pixels: here the lower right quarter."""
    outlines = trace(assessment(), rows=1000, columns=800)
    assert len(outlines) == 1
    assert outlines[0][:, 0].min() > 250
    assert outlines[0][:, 0].max() > 790
    assert outlines[0][:, 1].max() > 990
    assert trace(assessment(scale=5.0), 1000, 800) == []


def test_a_result_is_known_as_one() -> None:
    """By whatever film's gateway."""
    assert read_film(results(dicom_film())["secondary-capture"].data).is_result
    assert not read_film(dicom_film()).is_result


def run_dicom(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "pneumoserve.py", "dicom", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPO,
        timeout=60,
    )


def test_the_command_writes_the_results_of_each_film_and_says_which_failed(tmp_path: Path) -> None:
    """Twice the same files. The API key may be a file's."""
    film, other, key = tmp_path / "film.dcm", tmp_path / "other.dcm", tmp_path / "key.txt"
    film.write_bytes(dicom_film())
    key.write_text("k3y\n")
    other.write_bytes(b"no DICOM")
    with film_service() as service:
        done = run_dicom(film, other, "--out", tmp_path / "out", "--url", service.url, "--contour")
        first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        assert all("X-API-Key" not in headers for headers in service.headers)
        again = run_dicom(film, "--out", tmp_path / "again", "--url", service.url, "--contour", "--api-key-file", key)
        assert service.headers[-1]["X-API-Key"] == "k3y"
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1, done.stderr
    assert sorted(lines[0]["results"].values()) == sorted(first)
    assert len(first) == 3
    assert "Expected a DICOM f" in lines[1]["error"]
    assert again.returncode == 0, again.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == first


class BrokenAt:
    """Answers about films, and has an unexpected error at one."""

    def __init__(self, film: bytes) -> None:
        self._film = film

    def ask(self, film: bytes) -> tuple[Assessment, bytes]:
        if film == self._film:
            raise LookupError("Drawn^Film")
        return assessment(), PICTURE


def test_an_unexpected_error_of_one_film_names_nobody_and_the_others_go_on(tmp_path: Path) -> None:
    paths = [tmp_path / "1.dcm", tmp_path / "2.dcm"]
    for number, path in enumerate(paths):
        path.write_bytes(dicom_film(number))
    said: list[str] = []
    asker = BrokenAt(paths[0].read_bytes())
    failed = write_files(paths, asker, tmp_path / "out", contour=False, output=said.append)  # type: ignore[arg-type]
    assert failed == 1
    assert json.loads(said[0])["error"] == "Unexpected LookupError."
    assert len(json.loads(said[1])["results"]) == 2


def test_a_film_that_the_service_refuses_has_no_results(tmp_path: Path) -> None:
    (tmp_path / "film.dcm").write_bytes(dicom_film())
    with film_service() as service:
        service.problem = 422, "unsuitable-image"
        done = run_dicom(tmp_path / "film.dcm", "--out", tmp_path / "out", "--url", service.url)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"].startswith("unsuitable-image")
    assert list((tmp_path / "out").iterdir()) == []
