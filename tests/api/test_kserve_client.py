"""KServe's own client, in the environment that `make .venv/.kserve` makes: its requirements contradict ours."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import encode
from tests.drawn import draw_film
from tests.open_inference import STORE, program, said
from tests.running import Running, running

pytestmark = pytest.mark.long
PYTHON = Path(os.environ.get("KSERVE_PYTHON") or Path(__file__).parents[2] / ".venv" / "kserve" / "bin" / "python")
FILMS = [encode(draw_film("PNEUMONIA", 1)), encode(draw_film("NORMAL", 2), ".png")]
# Each line: what was asked, and what the client returned or raised.
CALLS = """
import asyncio, base64, json, sys
from pathlib import Path
import numpy as np
from httpx import HTTPStatusError
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

address, *paths = sys.argv[1:]
films = [Path(path).read_bytes() for path in paths]

def images(films, binary):
    tensor = InferInput("image", [len(films)], "BYTES")
    sent = films if binary else [base64.b64encode(film) for film in films]
    tensor.set_data_from_numpy(np.array(sent, object), binary_data=binary)
    return tensor

async def main():
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        say = lambda name, value: print(json.dumps([name, value]))
        say("live", await client.is_server_live(address))
        say("ready", await client.is_server_ready(address))
        say("model", await client.is_model_ready(address, "pneumonet"))
        say("other", await client.is_model_ready(address, "another"))
        for binary in (True, False):
            for outputs in (None, [RequestedOutput(n, {"binary_data": b}) for n, b in
                                   (("probability", True), ("class", True), ("refer", True), ("logit", False))]):
                request = InferRequest("pneumonet", [images(films, binary)], request_id="7", request_outputs=outputs,
                                       parameters={"gate": "off"})
                answer = await client.infer(address, request, model_name="pneumonet")
                say(answer.id, {o.name: o.as_numpy().tolist() for o in answer.outputs})
        try:
            cut = InferRequest("pneumonet", [images([films[0][:900]], True)])
            await client.infer(address, cut, model_name="pneumonet")
        except HTTPStatusError as error:
            say(str(error).partition(" for url")[0], error.response.json()["error"])

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} is missing: `make .venv/.kserve` installs KServe's client")
    with running(STORE, model="pneumonet/3", gate="flag") as server:
        yield server


def run(folder: Path, code: str, *arguments: str) -> str:
    """Run code beside two films; what the client warns of is not ours."""
    for name, film in zip(("a.jpeg", "b.png"), FILMS, strict=True):
        (folder / name).write_bytes(film)
    command = [str(PYTHON), "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kserve_reads_every_answer(server: Running, tmp_path: Path) -> None:
    """Ready, live, films and outputs in the JSON or behind it; of a problem it shows the status."""
    printed = run(tmp_path, CALLS, f"http://127.0.0.1:{server.port}", "a.jpeg", "b.png")
    said: list[list[Any]] = [json.loads(line) for line in printed.splitlines()]
    answers = [server.client.post("/predict?gate=off", content=film).json() for film in FILMS]

    assert said[:4] == [["live", True], ["ready", True], ["model", True], ["other", False]]
    for request_id, outputs in said[4:8]:
        assert request_id == "7"
        assert outputs["probability"] == pytest.approx([answer["probability"] for answer in answers], abs=1e-6)
        assert outputs["class"] == [answer["class"] for answer in answers]
        assert outputs["refer"] == [answer["refer"] for answer in answers]
        assert len(outputs["logit"]) == 2
    assert said[8][0].strip(", '") == "422 Unprocessable Entity"
    assert said[8][1].startswith("image[0]: Expected")


def test_the_program_of_the_page_prints_each_film(server: Running, tmp_path: Path) -> None:
    printed = run(tmp_path, program("kserve"), "a.jpeg", "b.png", f"http://127.0.0.1:{server.port}")
    assert printed == said(server, {"a.jpeg": FILMS[0], "b.png": FILMS[1]})
