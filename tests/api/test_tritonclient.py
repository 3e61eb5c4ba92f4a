"""NVIDIA's own client of the Open Inference Protocol, `tritonclient[http]`."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import InferenceServerException

from app.keys import make_key, read_keys
from tests.conftest import encode, film_pixels
from tests.drawn import draw_film
from tests.open_inference import STORE, program, said
from tests.running import Running, running

FILMS = [encode(film_pixels(seed)) for seed in range(2)]
OUTPUTS = ["probability", "class", "refer", "logit"]
WAYS: list[dict[str, Any]] = [
    {},
    {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"},
    {"request_compression_algorithm": "deflate", "response_compression_algorithm": "deflate"},
]


@pytest.fixture(scope="module")
def triton(server: Running) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(f"127.0.0.1:{server.port}") as client:
        yield client


@pytest.fixture(scope="module")
def expected(client: httpx.Client) -> list[dict[str, Any]]:
    return [client.post("/predict", content=film).json() for film in FILMS]


def images(films: list[bytes], *, binary: bool = True) -> list[InferInput]:
    tensor = InferInput("image", [len(films)], "BYTES")
    sent = films if binary else [base64.b64encode(film) for film in films]
    tensor.set_data_from_numpy(np.array(sent, object), binary_data=binary)
    return [tensor]


def assert_answers(result: InferResult, expected: list[dict[str, Any]]) -> None:
    assert result.as_numpy("probability").dtype == np.float32
    assert result.as_numpy("probability") == pytest.approx([answer["probability"] for answer in expected], abs=1e-6)
    classes = [each.decode() if isinstance(each, bytes) else each for each in result.as_numpy("class")]
    assert classes == [answer["class"] for answer in expected]
    assert result.as_numpy("refer").tolist() == [answer["refer"] for answer in expected]
    assert result.as_numpy("logit").shape == (len(expected),)


def test_it_finds_server_and_model_ready(triton: InferenceServerClient) -> None:
    """And no other model or version."""
    assert triton.is_server_live()
    assert triton.is_server_ready()
    assert triton.is_model_ready("pooled")
    assert triton.is_model_ready("pooled", "1")
    assert not triton.is_model_ready("pooled", "2")
    assert not triton.is_model_ready("tanh")


def test_it_reads_the_metadata(triton: InferenceServerClient) -> None:
    assert triton.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert triton.get_model_repository_index() == [{"name": "pooled", "version": "1", "state": "READY", "reason": ""}]
    metadata = triton.get_model_metadata("pooled", "1")
    assert [(each["name"], each["datatype"], each["shape"]) for each in metadata["inputs"]] == [
        ("image", "BYTES", [-1])
    ]
    datatypes = {each["name"]: each["datatype"] for each in metadata["outputs"]}
    assert datatypes == {"probability": "FP32", "class": "BYTES", "refer": "BOOL", "logit": "FP32"}


@pytest.mark.parametrize("way", WAYS, ids=["plain", "gzip", "deflate"])
@pytest.mark.parametrize("binary_in", [True, False], ids=["binary in", "JSON in"])
@pytest.mark.parametrize("binary_out", [True, False, None], ids=["binary out", "JSON out", "no outputs named"])
def test_it_gets_each_films_answer(
    way: dict[str, Any],
    binary_in: bool,
    binary_out: bool | None,
    triton: InferenceServerClient,
    expected: list[dict[str, Any]],
) -> None:
    """Whether films and outputs stand in the JSON or behind it, and whether the body is compressed."""
    outputs = [InferRequestedOutput(name, binary_data=bool(binary_out)) for name in OUTPUTS]
    result = triton.infer(
        "pooled",
        images(FILMS, binary=binary_in),
        request_id="7",
        outputs=None if binary_out is None else outputs,
        **way,
    )
    assert_answers(result, expected)
    assert result.get_response()["id"] == "7"


def test_it_infers_asynchronously(triton: InferenceServerClient, expected: list[dict[str, Any]]) -> None:
    pending = [triton.async_infer("pooled", images([film]), model_version="1") for film in FILMS]
    for request, answer in zip(pending, expected, strict=True):
        assert_answers(request.get_result(), [answer])


def test_it_passes_parameters_on(triton: InferenceServerClient) -> None:
    result = triton.infer("pooled", images(FILMS), parameters={"operating_point": "half"})
    assert result.get_response()["parameters"]["operating_point"] == "half"


def test_it_shows_what_was_wrong(triton: InferenceServerClient) -> None:
    """With the status."""
    cases = [
        ("422", r"image\[1\]: Expected", {"inputs": images([FILMS[0], FILMS[1][:900]])}),
        ("404", "Expected the model pooled", {"model_name": "tanh"}),
        ("422", "operating_point, gate", {"priority": 1}),
        ("422", "names of probability, class, refer, logit", {"outputs": [InferRequestedOutput("heatmap")]}),
    ]
    for status, words, changed in cases:
        arguments: dict[str, Any] = {"model_name": "pooled", "inputs": images(FILMS)} | changed
        with pytest.raises(InferenceServerException, match=words) as raised:
            triton.infer(**arguments)
        assert raised.value.status() == status


def test_it_sends_a_key_as_a_header(tiny_store: Path) -> None:
    key, pair = make_key("caller")
    with (
        running(tiny_store, api_keys=read_keys(pair)) as server,
        InferenceServerClient(f"127.0.0.1:{server.port}") as triton,
    ):
        assert triton.is_server_ready()
        with pytest.raises(InferenceServerException, match="X-API-Key"):
            triton.infer("pooled", images(FILMS))
        assert triton.infer("pooled", images(FILMS), headers={"X-API-Key": key}).as_numpy("class").shape == (2,)


def test_the_program_of_the_page_prints_each_film(tmp_path: Path) -> None:
    films = {"a.jpeg": encode(draw_film("PNEUMONIA", 1)), "b.png": encode(draw_film("NORMAL", 2), ".png")}
    for name, film in films.items():
        (tmp_path / name).write_bytes(film)
    with running(STORE, model="pneumonet/3", gate="flag") as server:
        command = [sys.executable, "-c", program("tritonclient"), *films, f"127.0.0.1:{server.port}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
        assert (done.stdout, done.stderr) == (said(server, films), "")
