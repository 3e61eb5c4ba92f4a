"""The gateway among real peers: dcmtk's programs and Orthanc."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.gateway.dicom_films import ROOT, dicom_film
from tests.gateway.film_service import FilmService, film_service
from tests.gateway.nodes import (
    Gateway,
    OrthancServer,
    find,
    free_port,
    gateway,
    need,
    orthanc,
    storescp,
    storescu,
)
from tests.running import wait_until

WITHIN_SECONDS = 10
ANSWERED = ["CR", "OT", "SR"]


@pytest.fixture
def service() -> Iterator[FilmService]:
    with film_service() as running:
        yield running


def film_files(folder: Path, numbers: Sequence[int]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{number}.dcm" for number in numbers]
    for number, path in zip(numbers, paths, strict=True):
        path.write_bytes(dicom_film(number))
    return paths


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.long
def test_a_film_by_storescu_has_its_results_at_storescp(tmp_path: Path, service: FilmService) -> None:
    """And the same ones when it is sent again; dciodvfy finds no error in what arrived. The API key is a file's."""
    need("storescu", "storescp", "dciodvfy")
    films = film_files(tmp_path / "films", [1])
    archive, key = tmp_path / "archive", tmp_path / "key.txt"
    key.write_text("k3y\n")
    with storescp(archive) as port:
        address = f"dicom://ARCHIVE@127.0.0.1:{port}"
        with gateway(tmp_path / "box", service.url, api_key_file=key, destination=address, contour="true") as running:
            assert storescu(running.port, films) == 0
            wait_until(lambda: running.count("delivered") == 1, 30)
            assert {headers.get("X-API-Key") for headers in service.headers} == {"k3y"}
            first = hashes(archive)
            assert storescu(running.port, films) == 0
            wait_until(lambda: running.metric("pneumoserve_gateway_delivered_total") == 6, 30)
            assert hashes(archive) == first
            assert len(first) == 3
            known = running.call("status", "--uid", f"{ROOT}.1.1")
            assert json.loads(known.stdout)["state"] == "delivered"
            assert running.stop() == 0
    for path in archive.iterdir():
        done = subprocess.run([find("dciodvfy") or "", str(path)], capture_output=True, check=False)
        assert b"Error" not in done.stdout + done.stderr, path.name


def test_a_film_sent_to_orthanc_has_its_results_in_the_same_study(tmp_path: Path, service: FilmService) -> None:
    """Within 10 seconds, by polling; results make no further results."""
    need("storescu", "Orthanc")
    films = film_files(tmp_path / "films", [1, 2])
    with (
        orthanc(tmp_path / "orthanc") as server,
        gateway(tmp_path / "box", service.url, orthanc=server.url, poll_seconds=0.5) as running,
    ):
        began = time.monotonic()
        assert storescu(server.dicom_port, films, called="ORTHANC") == 0
        expected = {f"{ROOT}.2.{number}": ANSWERED for number in (1, 2)}
        wait_until(lambda: server.studies() == expected, 60)
        seconds = time.monotonic() - began
        wait_until(lambda: running.metric("pneumoserve_gateway_ignored_total") == 2, 20)  # the two captures
        asked = service.asked
        time.sleep(1.5)
        assert service.asked == asked == 4
        assert server.studies() == expected
    assert seconds < WITHIN_SECONDS


def test_a_film_that_orthanc_forwards_has_its_results_by_stow_rs(tmp_path: Path, service: FilmService) -> None:
    """Received by C-STORE; and what Orthanc forwards of the results is ignored."""
    need("storescu", "Orthanc")
    port = free_port()
    with orthanc(tmp_path / "orthanc", DicomModalities={"ai": ["PNEUMOSERVE", "127.0.0.1", port]}) as server:
        if server.client.get("/plugins/dicom-web").status_code != 200:
            pytest.skip("orthanc-dicomweb is not installed")
        with gateway(tmp_path / "box", service.url, destination=f"{server.url}/dicom-web", port=port) as running:
            assert storescu(server.dicom_port, film_files(tmp_path / "films", [1]), called="ORTHANC") == 0
            wait_until(lambda: len(server.client.get("/instances").json()) == 1)
            forward(server)
            wait_until(lambda: server.studies() == {f"{ROOT}.2.1": ANSWERED}, 30)
            capture = next(each for each in server.client.get("/series?expand").json() if is_capture(each))
            assert server.client.post("/modalities/ai/store", content=capture["ID"]).status_code == 200
            assert running.metric("pneumoserve_gateway_ignored_total") == 1
            assert service.asked == 2


def forward(server: OrthancServer) -> None:
    instances = server.client.get("/instances").json()
    assert server.client.post("/modalities/ai/store", content=instances[0]).status_code == 200


def is_capture(series: dict[str, dict[str, str]]) -> bool:
    return series["MainDicomTags"]["Modality"] == "OT"


@pytest.mark.long
def test_results_wait_for_an_orthanc_that_is_stopped(tmp_path: Path, service: FilmService) -> None:
    """And what they wait for is listed."""
    need("storescu", "Orthanc")
    films = film_files(tmp_path / "films", [1, 2, 3])
    with orthanc(tmp_path / "orthanc") as server:
        address = f"dicom://ORTHANC@127.0.0.1:{server.dicom_port}"
        with gateway(tmp_path / "box", service.url, destination=address) as running:
            server.stop()
            assert storescu(running.port, films) == 0
            wait_until(lambda: running.count("written") == 3, 30)
            server.start()
            wait_until(lambda: running.count("delivered") == 3, 40)
            expected = {f"{ROOT}.2.{number}": ["OT", "SR"] for number in (1, 2, 3)}
            assert server.studies() == expected


@pytest.mark.parametrize("pause", [0.0, pytest.param(0.3, marks=pytest.mark.long)])
def test_a_gateway_that_is_killed_goes_on_where_it_was(tmp_path: Path, service: FilmService, pause: float) -> None:
    """While it receives or delivers; every result arrives, and repeated ones are the same."""
    need("storescu", "storescp")
    films = film_files(tmp_path / "films", range(1, 6))
    archive = tmp_path / "archive"
    with storescp(archive) as port:
        running = Gateway(tmp_path / "box", service.url, destination=f"dicom://ARCHIVE@127.0.0.1:{port}").start()
        try:
            assert storescu(running.port, films) == 0
            time.sleep(pause)
            running.kill()
            running.start()
            wait_until(lambda: running.count("delivered") == 5, 40)
        finally:
            running.kill()
    assert len(hashes(archive)) == 10


@pytest.mark.long
def test_a_failed_film_is_listed_and_tried_again(tmp_path: Path, service: FilmService) -> None:
    """By the commands beside the running gateway."""
    need("storescu", "storescp")
    service.problem = 500, "internal-error"
    with storescp(tmp_path / "archive") as port:
        settings = {"destination": f"dicom://ARCHIVE@127.0.0.1:{port}", "max_errors": 1}
        with gateway(tmp_path / "box", service.url, **settings) as running:
            assert storescu(running.port, film_files(tmp_path / "films", [1])) == 0
            wait_until(lambda: running.count("failed") == 1, 30)
            listed = running.call("status")
            counts, failed = (json.loads(line) for line in listed.stdout.splitlines())
            assert listed.returncode == 1
            assert counts["failed"] == 1
            assert "internal-error" in failed["reason"]
            service.problem = None
            assert "1 films" in running.call("retry").stdout
            wait_until(lambda: running.count("delivered") == 1, 30)
            assert running.call("status").returncode == 0
            log = running.log.read_text()
    assert ROOT not in log
    assert "Drawn" not in log


def test_two_gateways_do_not_share_a_folder(tmp_path: Path, service: FilmService) -> None:
    with gateway(tmp_path / "box", service.url, destination="dicom://A@127.0.0.1:1") as running:
        other = running.call()
    assert other.returncode == 2
    assert "another gateway" in other.stderr
