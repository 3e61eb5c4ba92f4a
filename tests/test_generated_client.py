"""A typed client, generated from the OpenAPI description as docs/callers.md says."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.callers import programs
from tests.conftest import encode
from tests.drawn import draw_film
from tests.running import Running, running

pytestmark = pytest.mark.long  # the generator takes ten seconds

STORE = Path(__file__).parents[1] / "model_store"
COMMAND, PROGRAM = programs("A generated client")
FILM = encode(draw_film("PNEUMONIA", 1))
# The generator's own file, the same for every description: mypy objects to how it hands on `__exit__`'s arguments.
MYPY = "[mypy]\nstrict = True\n[mypy-pneumoserve_client.client]\nignore_errors = True\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(STORE, model="pneumonet/3", gate="flag") as server:
        yield server


@pytest.fixture(scope="module")
def folder(server: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated client, and the program beside it; a warning of the generator is an error."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "typed.py").write_text(PROGRAM)
    address = f"http://127.0.0.1:{server.port}"
    assert "http://127.0.0.1:8000" in COMMAND
    command = COMMAND.strip().replace("http://127.0.0.1:8000", address) + " --fail-on-warning"
    beside = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=os.environ | beside, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "arning" not in done.stdout + done.stderr
    return folder


EXPLAIN = """
import sys
from io import BytesIO
from pathlib import Path
from pneumoserve_client import Client
from pneumoserve_client.api.films import explain
from pneumoserve_client.types import File

answer = explain.sync(client=Client(sys.argv[2]), body=File(BytesIO(Path(sys.argv[1]).read_bytes())))
assert isinstance(answer, File)
Path("explained.png").write_bytes(answer.payload.read())
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=180)


def test_the_client_compiles_and_its_types_fit(folder: Path) -> None:
    """The program's use of it too, by mypy's strict rules."""
    assert compileall.compile_dir(folder, quiet=1)
    (folder / "mypy.ini").write_text(MYPY)
    checked = run(folder, "-m", "mypy", "pneumoserve_client", "typed.py")
    assert checked.returncode == 0, checked.stdout


def test_the_client_gets_typed_answers(folder: Path, server: Running) -> None:
    """Of health, model and prediction."""
    (folder / "film.jpeg").write_bytes(FILM)
    done = run(folder, "typed.py", "film.jpeg", f"http://127.0.0.1:{server.port}")
    answer = server.client.post("/predict", content=FILM).json()
    points = server.client.get("/model").json()["operating_points"]

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"openvino pneumonet {points}",
        f"{answer['class']} {answer['probability']} {'refer' if answer['refer'] else 'answered'}",
    ]


def test_the_client_gets_the_bytes_of_an_explanation(folder: Path, server: Running) -> None:
    (folder / "film.jpeg").write_bytes(FILM)
    done = run(folder, "-c", EXPLAIN, "film.jpeg", f"http://127.0.0.1:{server.port}")
    assert done.stderr == ""
    assert (folder / "explained.png").read_bytes() == server.client.post("/explain", content=FILM).content


def test_the_client_gets_a_typed_problem(folder: Path, server: Running) -> None:
    (folder / "cut.jpeg").write_bytes(FILM[: len(FILM) // 2])
    done = run(folder, "typed.py", "cut.jpeg", f"http://127.0.0.1:{server.port}")
    assert done.returncode == 1
    assert done.stderr.startswith("422 The image cannot be decoded: Expected")
