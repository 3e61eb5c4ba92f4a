"""Many films, several senders, an archive that stops and a gateway that is killed: every study has its results once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.gateway.dicom_films import ROOT, dicom_film
from tests.gateway.film_service import film_service
from tests.gateway.nodes import Gateway, gateway, need, orthanc, storescu
from tests.running import wait_until

pytestmark = pytest.mark.long
FILMS = 1000
SENDERS = 4
KILLS = 20
LIMIT_SECONDS = 3600


def draw_all(folder: Path) -> list[list[Path]]:
    """Return the films' files, a part for each sender."""
    folder.mkdir()
    paths = [folder / f"{number}.dcm" for number in range(FILMS)]
    for number, path in enumerate(paths):
        path.write_bytes(dicom_film(number))
    return [paths[sender::SENDERS] for sender in range(SENDERS)]


def studies(*modalities: str) -> dict[str, list[str]]:
    return {f"{ROOT}.2.{number}": sorted(modalities) for number in range(FILMS)}


def send_until_taken(port: int, part: Sequence[Path], called: str) -> None:
    """Send as a modality does: what was not acknowledged is sent again."""
    while storescu(port, part, called=called) != 0:
        time.sleep(0.5)


def test_a_thousand_films_of_four_senders_by_way_of_orthanc(tmp_path: Path) -> None:
    """Polled, while Orthanc receives."""
    need("storescu", "Orthanc")
    parts = draw_all(tmp_path / "films")
    with (
        film_service() as service,
        orthanc(tmp_path / "orthanc") as server,
        gateway(tmp_path / "box", service.url, orthanc=server.url) as running,
    ):
        began = time.monotonic()
        senders = [
            threading.Thread(target=send_until_taken, args=(server.dicom_port, part, "ORTHANC")) for part in parts
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        sent = time.monotonic() - began
        wait_until(lambda: running.count("delivered") == FILMS, LIMIT_SECONDS)
        done = time.monotonic() - began
        print(f"{FILMS} films of {SENDERS} senders: sent in {sent:.0f} s, all results after {done:.0f} s")
        assert server.studies() == studies("CR", "OT", "SR")
        assert running.stop() == 0


def test_a_gateway_that_is_killed_twenty_times_and_an_orthanc_that_stops(tmp_path: Path) -> None:
    """By C-STORE both ways, four senders at once."""
    need("storescu", "Orthanc")
    parts = draw_all(tmp_path / "films")
    chance = random.Random(1)  # noqa: S311 - no secret
    with film_service() as service, orthanc(tmp_path / "orthanc") as server:
        address = f"dicom://ORTHANC@127.0.0.1:{server.dicom_port}"
        running = Gateway(tmp_path / "box", service.url, destination=address).start()
        try:
            began = time.monotonic()
            senders = [
                threading.Thread(target=send_until_taken, args=(running.port, part, "PNEUMOSERVE")) for part in parts
            ]
            for sender in senders:
                sender.start()
            for kill in range(KILLS):
                time.sleep(chance.uniform(0.2, 6.0))
                running.kill()
                if kill == KILLS // 2:
                    server.stop()
                running.start()
                if kill == KILLS // 2 + 2:
                    server.start()
            for sender in senders:
                sender.join(LIMIT_SECONDS)
            at_last_kill = running.count("delivered")
            wait_until(lambda: running.count("delivered") == FILMS, LIMIT_SECONDS)
            print(
                f"{FILMS} films, {KILLS} kills, Orthanc stopped once: {time.monotonic() - began:.0f} s; "
                f"{at_last_kill} delivered when the last was sent; the service was asked {service.asked} times"
            )
            assert server.studies() == studies("OT", "SR")
            assert running.call("status").returncode == 0
        finally:
            running.kill()
