"""The programs of docs/callers.md, against a real service."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from app.names import LABELS
from tests.api.test_admission import holding
from tests.callers import FILES, is_missing, make_command, programs
from tests.conftest import encode
from tests.drawn import draw_film
from tests.running import Running, running, wait_until

STORE = Path(__file__).parents[1] / "model_store"
FILM = encode(draw_film("PNEUMONIA", 1), ".jpeg")
PLAIN_HTTP = "HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """A service that refers every drawn film, as unlike those of its training."""
    with running(STORE, model="pneumonet/3", gate="flag") as server:
        yield server


# The others take a compiler or a runtime some seconds each time.
SHORT = ("curl", "Python client")


@pytest.fixture(params=[name if name in SHORT else pytest.param(name, marks=pytest.mark.long) for name in FILES])
def language(request: pytest.FixtureRequest) -> str:
    if is_missing(request.param):
        pytest.skip(f"the runtime of {request.param} is not installed: its program is not tried")
    return str(request.param)


def start(language: str, film: bytes, port: int, folder: Path, program: str = "") -> subprocess.Popen[str]:
    """Run a language's program on a film in a folder of its own."""
    command = make_command(language, program or programs(language)[0], folder)
    (folder / "drawn film.jpeg").write_bytes(film)
    arguments = ["drawn film.jpeg", f"http://127.0.0.1:{port}"]
    return subprocess.Popen(
        [*command, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def assert_says(printed: str, server: Running, *, refer: bool) -> None:
    """Compare what a program printed with the service's own answer for the same film."""
    answer = server.client.post("/predict", content=FILM).json()
    words = re.findall(r"[\w.]+", printed)
    assert answer["refer"] is refer
    assert set(words) & set(LABELS) == {answer["class"]}
    assert str(answer["probability"]) in words
    assert words[-1] in (("refer", "true") if refer else ("answered", "false"))


def test_a_program_prints_class_probability_and_refer(language: str, server: Running, tmp_path: Path) -> None:
    """As the service answers them."""
    done = start(language, FILM, server.port, tmp_path)
    printed, complaint = done.communicate(timeout=120)
    assert (done.returncode, complaint) == (0, "")
    assert_says(printed, server, refer=True)


def test_a_program_ends_with_the_problem(language: str, server: Running, tmp_path: Path) -> None:
    """What was expected stands in its complaint, and nothing is printed as an answer."""
    done = start(language, FILM[: len(FILM) // 2], server.port, tmp_path)
    printed, complaint = done.communicate(timeout=120)
    assert done.returncode == 1
    assert printed == ""
    assert "422" in complaint
    assert "Expected" in complaint


def test_a_program_waits_and_sends_again(language: str, tmp_path: Path) -> None:
    """Where the service is overloaded, until it is no longer."""
    with (
        holding(STORE, model="article-cnn/1", max_in_flight=1) as (server, engine),
        closing(HTTPConnection("127.0.0.1", server.port)) as first,
    ):
        first.request("POST", "/predict", FILM)
        wait_until(lambda: server.service.admission.in_flight == 1)
        done = start(language, FILM, server.port, tmp_path)
        wait_until(lambda: 'outcome="overloaded"' in server.client.get("/metrics").text, 60)
        assert done.poll() is None
        engine.go.set()
        printed, _ = done.communicate(timeout=120)
        assert done.returncode == 0
        assert_says(printed, server, refer=False)


@pytest.mark.long
def test_java_may_offer_http_2_or_not(server: Running, tmp_path: Path) -> None:
    """Its client offers `Upgrade: h2c` with every film, unless it is told not to."""
    if is_missing("Java"):
        pytest.skip("Java is not installed: its program is not tried")
    program = programs("Java")[0]
    assert "HttpClient.newHttpClient()" in program
    plain = program.replace("HttpClient.newHttpClient()", PLAIN_HTTP)
    printed, complaint = start("Java", FILM, server.port, tmp_path, plain).communicate(timeout=120)
    assert complaint == ""
    assert_says(printed, server, refer=True)
