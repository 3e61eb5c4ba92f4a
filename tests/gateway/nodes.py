"""Real programs around a gateway: storescu and storescp of dcmtk, Orthanc, and the gateway's own process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.running import wait_until

REPO = Path(__file__).parents[2]


def need(*programs: str) -> None:
    """Skip where a program is not installed."""
    missing = [program for program in programs if find(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: dcmtk, orthanc, orthanc-dicomweb, dicom3tools)")


def find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    """A gateway's process, started as a user does."""

    def __init__(self, folder: Path, url: str, *, api_key_file: Path | None = None, **settings: object) -> None:
        self.folder = folder
        self.port = free_port()
        self.metrics_port = free_port()
        fixed = {"FOLDER": folder, "URL": url, "PORT": self.port, "METRICS_PORT": self.metrics_port}
        every = {name.upper(): value for name, value in settings.items()}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PNEUMOSERVE_")},
            **{f"PNEUMOSERVE_GATEWAY_{name}": str(value) for name, value in {**fixed, **every}.items()},
        }
        if api_key_file is not None:
            self.environment["PNEUMOSERVE_API_KEY_FILE"] = str(api_key_file)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder.with_name(folder.name + ".log")

    def start(self) -> Gateway:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "pneumoserve.py", "gateway"], cwd=REPO, env=self.environment, stderr=log
            )
        started = self.log.stat().st_size
        wait_until(lambda: self._is_ready(started), 60)
        return self

    def _is_ready(self, started: int) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        return b'"ready"' in self.log.read_bytes()[started:]

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def call(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a subcommand beside it."""
        return subprocess.run(
            [sys.executable, "pneumoserve.py", "gateway", *map(str, arguments)],
            cwd=REPO,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def metric(self, name: str) -> float:
        page = httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics").text
        return next(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))

    def count(self, state: str) -> int:
        return int(self.metric(f'pneumoserve_gateway_films{{state="{state}"}}'))


@contextmanager
def gateway(folder: Path, url: str, *, api_key_file: Path | None = None, **settings: object) -> Iterator[Gateway]:
    running = Gateway(folder, url, api_key_file=api_key_file, **settings).start()
    try:
        yield running
    finally:
        if running.process is not None and running.process.poll() is None:
            running.kill()


def storescu(port: int, files: Sequence[Path], *, calling: str = "STORESCU", called: str = "PNEUMOSERVE") -> int:
    """Send files, in one association; return the exit status."""
    done = subprocess.run(
        [find("storescu") or "", "-aet", calling, "-aec", called, "127.0.0.1", str(port), *map(str, files)],
        capture_output=True,
        check=False,
        timeout=600,
    )
    return done.returncode


@contextmanager
def storescp(folder: Path, port: int | None = None, *options: str) -> Iterator[int]:
    """Run dcmtk's archive; files are named by SOP Instance UID, so that a repeated one replaces its like."""
    port = port or free_port()
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [find("storescp") or "", "--output-directory", str(folder), "--aetitle", "ARCHIVE", *options, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_open(port))
        yield port
    finally:
        process.kill()
        process.wait()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class OrthancServer:
    """An Orthanc in a folder of its own, with its DICOMweb plugin where it is installed."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.http_port, self.dicom_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        plugins = sorted(Path("/usr/lib/orthanc").glob("libOrthancDicomWeb.so*")) + sorted(
            Path("/usr/share/orthanc/plugins").glob("libOrthancDicomWeb.so*")
        )
        configuration = {
            "Name": "test",
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self.http_port,
            "DicomPort": self.dicom_port,
            "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowStore": True,
            "DicomCheckCalledAet": False,
            "Plugins": [str(plugins[0])] if plugins else [],
            "DicomWeb": {"Enable": True},
            **settings,
        }
        self._configuration = folder / "orthanc.json"
        self._configuration.write_text(json.dumps(configuration))
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def start(self) -> None:
        program = find("Orthanc")
        assert program is not None
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([program, str(self._configuration)], stdout=log, stderr=log)
        wait_until(self._answers, 60)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            return self.client.get("/system").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def close(self) -> None:
        self.stop()
        self.client.close()

    def studies(self) -> dict[str, list[str]]:
        """Return the modalities of each study's instances, by Study Instance UID."""
        found: dict[str, list[str]] = {}
        for study in self.client.get("/studies?expand").json():
            series = self.client.get(f"/studies/{study['ID']}/series").json()
            modalities = [each["MainDicomTags"]["Modality"] for each in series for _ in each["Instances"]]
            found[study["MainDicomTags"]["StudyInstanceUID"]] = sorted(modalities)
        return found


@contextmanager
def orthanc(folder: Path, **settings: Any) -> Iterator[OrthancServer]:
    server = OrthancServer(folder, **settings)
    server.start()
    try:
        yield server
    finally:
        server.close()
