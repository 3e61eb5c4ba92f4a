"""DICOM over TLS, with dcmtk's programs at the other end."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from gateway.destinations import open_destination
from gateway.errors import Unavailable, WrongSettings
from gateway.settings import GatewaySettings, read_settings
from tests.gateway.dicom_films import dicom_film
from tests.gateway.nodes import find, need, storescp
from tests.gateway.test_dicom_results import results
from tests.gateway.test_gateway_receiver import receiving


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of an authority, of a certificate that it signed for this machine, and of a stranger's."""
    need("openssl", "storescu", "storescp")
    folder = tmp_path_factory.mktemp("pem")
    common = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
    for name in ("ca", "stranger"):
        openssl(
            "req",
            "-x509",
            *common,
            "-subj",
            f"/CN={name}",
            "-keyout",
            folder / f"{name}.key",
            "-out",
            folder / f"{name}.pem",
        )
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(
        "req",
        "-new",
        *common[:3],
        "-subj",
        "/CN=localhost",
        "-keyout",
        folder / "node.key",
        "-out",
        folder / "node.csr",
    )
    signed = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-extfile", folder / "names"]
    openssl("x509", "-req", "-in", folder / "node.csr", *signed, "-days", "2", "-out", folder / "node.pem")
    return folder


def openssl(*arguments: object) -> None:
    subprocess.run([find("openssl") or "", *map(str, arguments)], check=True, capture_output=True)


def files(pem: Path, name: str = "node") -> dict[str, Path]:
    return {"tls_certificate": pem / f"{name}.pem", "tls_key": pem / f"{name}.key", "tls_authority": pem / "ca.pem"}


def options(pem: Path, name: str = "node") -> list[str]:
    """Return the options of dcmtk: our certificate, and whom to trust."""
    return ["+tls", str(pem / f"{name}.key"), str(pem / f"{name}.pem"), "+cf", str(pem / "ca.pem")]


def send(port: int, film: Path, *tls: str) -> int:
    command = [find("storescu") or "", *tls, "-to", "10", "-ta", "10", "-aec", "PNEUMOSERVE", "127.0.0.1", str(port)]
    return subprocess.run([*command, str(film)], capture_output=True, check=False, timeout=60).returncode


def test_a_film_comes_by_tls_from_who_has_a_certificate_of_the_authority(tmp_path: Path, pem: Path) -> None:
    """Neither from a stranger nor in the clear; and nobody waits for one who says nothing."""
    film = tmp_path / "film.dcm"
    film.write_bytes(dicom_film())
    with receiving(tmp_path / "box", **files(pem)) as (receiver, outbox):
        with socket.create_connection(("127.0.0.1", receiver.port)):
            assert send(receiver.port, film, *options(pem, "stranger")) != 0
            assert send(receiver.port, film) != 0
            assert sum(outbox.counts().values()) == 0
            assert send(receiver.port, film, *options(pem)) == 0
        assert outbox.counts()["received"] == 1


def test_results_go_by_tls_to_a_destination_that_the_authority_knows(tmp_path: Path, pem: Path) -> None:
    """And to no stranger, whatever it answers."""
    result = results(dicom_film())["report"]
    for name in ("node", "stranger"):
        with storescp(tmp_path / name, None, *options(pem, name)) as port:
            address = f"dicom-tls://ARCHIVE@127.0.0.1:{port}"
            destination = open_destination(GatewaySettings(destination=address, **files(pem)))
            if name == "stranger":
                with pytest.raises(Unavailable):
                    destination.send(result)
            else:
                destination.send(result)
            destination.close()
    assert len(list((tmp_path / "node").iterdir())) == 1
    assert list((tmp_path / "stranger").iterdir()) == []


def test_files_that_are_no_certificate_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("secret")
    settings = GatewaySettings(destination="dicom-tls://A@h:1", tls_certificate=tmp_path / "no.pem")
    with pytest.raises(WrongSettings, match=r"GATEWAY_TLS_.*PEM") as caught:
        open_destination(settings)
    assert "secret" not in str(caught.value)
    with pytest.raises(WrongSettings, match="TLS_CERTIFICATE"):
        read_settings({"destination": "dicom://A@h:1", "tls_key": tmp_path / "no.pem"})
