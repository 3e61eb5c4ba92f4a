"""The load generator wrk, in its own process; and one request a film, to check answers."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpx

from benchmarks.processes import bound_to_us

Form = Literal["raw", "multipart"]
TOLERANCE = 1e-3
"""Largest accepted difference in probability between a server's answer and the bare loop's."""

_SCRIPT = Path(__file__).with_name("films.lua")
_TIMEOUT_SECONDS = 60
_ENDLESS_SECONDS = 3600
_CHECKED_AT_ONCE = 8
# wrk copies each request. glibc would map every copy anew: 50 page faults and 0.2 CPU ms.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**30)}


class LoadFailed(Exception):
    """A wrong answer, or a failed load generator."""


class Load(NamedTuple):
    """How films are sent: the form, clients at once, and activation maps."""

    form: Form = "raw"
    clients: int = 32
    maps: str = "none"

    def command(self, port: int, listing: Path, seconds: float, answers: Path | None = None) -> dict[str, Any]:
        """Return what starts wrk, for `subprocess`; `answers` gets one byte an answer."""
        route = "/predict" if self.maps == "none" else f"/predict?activation_maps={self.maps}"
        command = ["wrk", "-t1", f"-c{self.clients}", f"-d{max(1, seconds):.0f}s", f"--timeout={_TIMEOUT_SECONDS}s"]
        command += ["-s", str(_SCRIPT), f"http://127.0.0.1:{port}{route}", "--", str(listing), self.form]
        named = {"WRK_CLIENTS": str(self.clients)} | ({"WRK_ANSWERS": str(answers)} if answers else {})
        return {"args": bound_to_us(command), "env": {**os.environ, **_KEEP_MEMORY, **named}}


class Latencies(NamedTuple):
    """Of one load, without wrk's own correction (see `films.lua`)."""

    requests: int
    median_ms: float
    p99_ms: float


class Stream(NamedTuple):
    """A load without an end."""

    process: subprocess.Popen[bytes]
    answers: Path

    def answered(self) -> int:
        """Return how many films were answered; LoadFailed where one was not 200, or wrk has ended."""
        answers = self.answers.read_bytes()
        wrong = answers.count(b"x")
        if wrong or self.process.poll() is not None:
            raise LoadFailed(f"Expected a load of answers with status 200. Received {wrong} others of {len(answers)}.")
        return len(answers)

    def wait(self, answers: int, seconds: float = _TIMEOUT_SECONDS) -> None:
        """Wait for so many answers in all; LoadFailed after `seconds`, or where one was not 200."""
        end = time.monotonic() + seconds
        while (count := self.answered()) < answers:
            if time.monotonic() > end:
                raise LoadFailed(f"Expected {answers} answers within {seconds:g} s. Received {count}.")
            time.sleep(0.05)


def run_wrk(port: int, listing: Path, load: Load, seconds: float) -> Latencies:
    """Send the films for whole `seconds`, at least 1; return the latencies."""
    command = load.command(port, listing, seconds)
    return parse_wrk(subprocess.run(**command, capture_output=True, text=True, check=False).stdout)


@contextmanager
def streaming(port: int, listing: Path, load: Load, answers: Path) -> Iterator[Stream]:
    """Send the films endlessly; `answers` gets one byte an answer.

    wrk is killed at the end: after stops, its correction takes minutes.
    """
    answers.write_bytes(b"")
    command = load.command(port, listing, _ENDLESS_SECONDS, answers)
    process = subprocess.Popen(**command, stdout=subprocess.DEVNULL)
    try:
        yield Stream(process, answers)
    finally:
        process.kill()
        process.wait()


def parse_wrk(output: str) -> Latencies:
    """Return what `films.lua` printed last; LoadFailed where an answer is not 200, or a latency is missing."""
    try:
        printed = json.loads(output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise LoadFailed(f"Expected a line of JSON from wrk. Received: {output[-500:]!r}") from None
    if printed["wrong"] or not printed["requests"] or printed["counted"] != printed["requests"]:
        raise LoadFailed(f"Expected status 200 and a latency of each request. Received: {output[-500:]}")
    return Latencies(printed["requests"], printed["median"] / 1e3, printed["p99"] / 1e3)


def predict_all(port: int, films: Sequence[Path], form: Form) -> list[dict[str, Any]]:
    """Send every film once, several at a time to find mixed-up answers; LoadFailed where one is no prediction."""
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=_TIMEOUT_SECONDS, trust_env=False)

    def predict(film: Path) -> dict[str, Any]:
        body: dict[str, Any] = {"content": film.read_bytes(), "headers": {"Content-Type": "image/jpeg"}}
        if form == "multipart":
            body = {"files": {"file": ("film.jpeg", film.read_bytes(), "image/jpeg")}}
        try:
            answer = client.post("/predict", **body).json()
            return {name: answer[name] for name in ("class", "probability")}
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise LoadFailed(f"Expected a prediction for {film.name}. Received {error!r}.") from None

    with client, ThreadPoolExecutor(_CHECKED_AT_ONCE) as pool:
        return list(pool.map(predict, films))


def compare(expected: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]]) -> float:
    """Return the largest difference in probability; LoadFailed over `TOLERANCE` or for another class."""
    pairs = list(zip(expected, answers, strict=True))
    differences = [abs(one["probability"] - other["probability"]) for one, other in pairs]
    classes = sum(one["class"] != other["class"] for one, other in pairs)
    # Not >: comparisons with NaN are false.
    off = sum(not difference <= TOLERANCE for difference in differences)
    if off or classes:
        raise LoadFailed(f"Expected the bare loop's answers. {off} probabilities and {classes} classes differ.")
    return float(max(differences))
