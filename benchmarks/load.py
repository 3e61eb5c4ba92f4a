"""The load: wrk in a process of its own for the figures, and every film asked once for the answers."""

from __future__ import annotations

import http.client
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.processes import die_with_us

Form = Literal["raw", "multipart"]
TOLERANCE = 1e-3
"""Largest difference in probability between a server's answer and the bare loop's."""

_BOUNDARY = "a-boundary-that-no-film-holds"
_SCRIPT = Path(__file__).with_name("films.lua")
_TIMEOUT_SECONDS = 60
_FOR_EVER_SECONDS = 3600
_ASKED_AT_ONCE = 8
# wrk copies each request into a block of its own, and glibc would map every one anew: 50 page faults a request, 0.2 of
# its 0.5 CPU ms, on the cores of the server that is measured.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**30)}


class LoadFailed(Exception):
    """The figures would be worthless: a wrong answer, or a load generator that could not do its work."""


@dataclass(frozen=True)
class Load:
    """What wrk saw, its percentiles without its own correction: see `films.lua`."""

    requests: int
    seconds: float
    median_ms: float
    p99_ms: float
    client_cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Answer how many films were answered a second."""
        return self.requests / self.seconds


@dataclass(frozen=True)
class Answer:
    """What is said of one film: P(PNEUMONIA), calibrated, and the class."""

    probability: float
    label: str


def find_wrk() -> None:
    """Do nothing, or end with status 2 where there is no wrk.

    Raises:
        SystemExit: it says how to install it.
    """
    if shutil.which("wrk") is None:
        print("wrk, the load generator, is not installed. Debian and Ubuntu: sudo apt-get install wrk")
        raise SystemExit(2)


def run_wrk(port: int, listing: Path, form: Form, clients: int, seconds: float, path: str = "/predict") -> Load:
    """Let `clients` connections send the listed films for `seconds`.

    Raises:
        LoadFailed: an answer was not 200, or wrk itself took more than 0.8 of a core.
    """
    command, environment = _start(port, listing, form, clients, seconds, path)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if ended.returncode:
        raise LoadFailed(f"wrk failed: {ended.stdout[-500:]}{ended.stderr[-500:]}")
    load = parse_wrk(ended.stdout, cpu)
    # Reading the films before the first is sent is in its CPU time too.
    if cpu > 0.8 * load.seconds + 1:
        raise LoadFailed(f"wrk was the bottleneck: {cpu:.1f} s of CPU in {load.seconds:.1f} s.")
    return load


@contextmanager
def loading(
    port: int, listing: Path, form: Form, clients: int, path: str = "/predict"
) -> Iterator[subprocess.Popen[bytes]]:
    """Let `clients` connections send the listed films again and again.

    It is killed in the end and tells nothing: after long stops wrk's own corrections of latencies take minutes.

    Raises:
        LoadFailed: at the end: it had ended before.
    """
    command, environment = _start(port, listing, form, clients, _FOR_EVER_SECONDS, path)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    try:
        yield process
        if process.poll() is not None:
            raise LoadFailed("wrk ended before the load did.")
    finally:
        process.kill()
        process.wait()


def _start(
    port: int, listing: Path, form: Form, clients: int, seconds: float, path: str
) -> tuple[list[str], dict[str, str]]:
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:.0f}s", f"--timeout={_TIMEOUT_SECONDS}s"]
    command += ["-s", str(_SCRIPT), f"http://127.0.0.1:{port}{path}", "--", str(listing), form]
    return die_with_us(command), {**os.environ, **_KEEP_MEMORY, "WRK_CLIENTS": str(clients)}


def parse_wrk(told: str, client_cpu_seconds: float) -> Load:
    """Read what `films.lua` printed.

    Raises:
        LoadFailed: nothing was answered, or not all of it with 200.
    """
    try:
        figures = json.loads(told.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise LoadFailed(f"Expected a line of JSON from wrk. Received: {told[-500:]!r}") from None
    if figures["wrong"] or not figures["requests"]:
        raise LoadFailed(f"Expected only answers of status 200. Received {figures['wrong']} others: {told[-500:]}")
    if figures["counted"] != figures["requests"]:
        raise LoadFailed(f"Expected a latency for each request. Received: {told[-500:]}")
    return Load(
        figures["requests"],
        figures["microseconds"] / 1e6,
        figures["median"] / 1e3,
        figures["p99"] / 1e3,
        client_cpu_seconds,
    )


def ask_all(port: int, films: Sequence[Path], form: Form) -> list[Answer]:
    """Send every film once, `_ASKED_AT_ONCE` at a time, so that answers could be mixed up; in the films' order.

    Raises:
        LoadFailed: an answer is not what a prediction looks like.
    """
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        return list(pool.map(lambda film: _ask(port, film, form), films))


def _ask(port: int, film: Path, form: Form) -> Answer:
    body, kind = film.read_bytes(), "image/jpeg"
    if form == "multipart":
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="film.jpeg"\r\n'
        body = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + body + f"\r\n--{_BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("POST", "/predict", body, {"Content-Type": kind})
        reply = connection.getresponse()
        told: dict[str, Any] = json.loads(reply.read())
        return Answer(told["probability"], told["class"])
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        raise LoadFailed(f"Expected a prediction for {film.name}. Received {type(error).__name__}: {error}.") from None
    finally:
        connection.close()


def compare(expected: Sequence[Answer], answers: Sequence[Answer]) -> float:
    """Answer the largest difference in probability.

    Raises:
        LoadFailed: one is over `TOLERANCE`, or a class differs.
    """
    differences = [abs(one.probability - other.probability) for one, other in zip(expected, answers, strict=True)]
    others = sum(one.label != other.label for one, other in zip(expected, answers, strict=True))
    # Not >: every comparison with NaN is false.
    off = sum(not difference <= TOLERANCE for difference in differences)
    if off or others:
        raise LoadFailed(f"Expected the bare loop's answers. {off} probabilities and {others} classes differ.")
    return max(differences)
