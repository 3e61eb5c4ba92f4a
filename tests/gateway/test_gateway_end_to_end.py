"""The gateway with the real service and a bundled model."""

from __future__ import annotations

from pathlib import Path

import pydicom

from tests.gateway.dicom_films import dicom_film
from tests.gateway.nodes import REPO, gateway, need, storescp, storescu
from tests.running import running as serving
from tests.running import wait_until


def test_a_dicom_film_is_answered_as_dicom(tmp_path: Path) -> None:
    """The drawn film is no chest to the gate, which is off here."""
    need("storescu", "storescp")
    film, archive = tmp_path / "film.dcm", tmp_path / "archive"
    film.write_bytes(dicom_film(SOPInstanceUID="1.2.3.4", PatientAge="005Y"))
    with serving(REPO / "model_store", gate="off") as service, storescp(archive) as port:
        url, address = f"http://127.0.0.1:{service.port}", f"dicom://ARCHIVE@127.0.0.1:{port}"
        expected = service.client.post("/predict", content=film.read_bytes()).json()
        with gateway(tmp_path / "box", url, destination=address, contour="true") as running:
            assert storescu(running.port, [film]) == 0
            wait_until(lambda: running.count("delivered") == 1, 40)
    written = [pydicom.dcmread(path) for path in archive.iterdir()]
    assert sorted(each.Modality for each in written) == ["OT", "PR", "SR"]
    report = next(each for each in written if each.Modality == "SR").to_json()
    assert str(expected["probability"]) in report
    assert expected["model"]["sha256"] in report
