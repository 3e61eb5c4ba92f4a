from __future__ import annotations

import gzip
import json
import socket
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.api.problems import PROBLEMS
from tests.conftest import encode, film_pixels
from tests.running import Running, running, wait_until

JPEG = encode(film_pixels(2))
PNG = encode(film_pixels(2), ".png")
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}


def part(name: str, data: bytes, extra: str = "") -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n{extra}\r\n'.encode() + data + b"\r\n"


def assert_problem(response: httpx.Response, slug: str, status: int, *words: str) -> None:
    problem = response.json()
    assert (problem["type"], response.status_code) == (f"/problems/{slug}", status)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert list(problem) == ["type", "title", "status", "detail", "request_id"]
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["X-Request-ID"]
    for word in words:
        assert word in problem["detail"]


@pytest.mark.parametrize(
    ("body", "headers", "slug"),
    [
        (b"", {}, "missing-file"),
        (b"--b--\r\n", BOUNDARY, "missing-file"),
        (part("image", JPEG) + b"--b--\r\n", BOUNDARY, "missing-file"),
        (part("file", b"") + b"--b--\r\n", BOUNDARY, "missing-file"),
        (part("file", JPEG) + part("file", JPEG) + b"--b--\r\n", BOUNDARY, "missing-file"),
        (part("file", JPEG) + part("note", b"x") + b"--b--\r\n", BOUNDARY, "malformed-form"),
        (part("file", JPEG), BOUNDARY, "malformed-form"),
        (part("file", JPEG) + b"--b--\r\n", {"Content-Type": "multipart/form-data"}, "malformed-form"),
        (b"no form at all", BOUNDARY, "malformed-form"),
        (b"", BOUNDARY, "malformed-form"),
        (part("file", JPEG), {"Content-Type": f"multipart/form-data; boundary={'b' * 300}"}, "malformed-form"),
        (part("file", JPEG, f"X-Long: {'x' * 17_000}\r\n") + b"--b--\r\n", BOUNDARY, "malformed-form"),
    ],
)
def test_a_request_without_one_film_is_400(
    client: httpx.Client, body: bytes, headers: dict[str, str], slug: str
) -> None:
    assert_problem(client.post("/predict", content=body, headers=headers), slug, 400, "Expected", "Received")


def test_a_small_part_header_is_no_problem(client: httpx.Client) -> None:
    """The limit is 16 KiB."""
    body = part("file", JPEG, f"X-Long: {'x' * 15_000}\r\n") + b"--b--\r\n"
    assert client.post("/predict", content=body, headers=BOUNDARY).status_code == 200


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?map=cam", ["activation_maps", "operating_point"]),
        ("?activation_maps=heat", ["none", "cam", "layers", "all"]),
        ("?activation_maps=", ["none", "cam", "layers", "all"]),
        ("?operating_point=best", ["half", "balanced"]),
        ("?activation_maps=cam&activation_maps=cam", ["twice"]),
    ],
)
def test_an_unknown_parameter_is_422_and_lists_the_known(client: httpx.Client, query: str, words: list[str]) -> None:
    """A caller would rely on an ignored one in vain."""
    assert_problem(client.post(f"/predict{query}", content=JPEG), "invalid-parameter", 422, *words)


@pytest.mark.parametrize(
    ("data", "slug", "status"),
    [
        (b"GIF89a" + bytes(100), "unsupported-format", 415),
        (b"%PDF-1.7", "unsupported-format", 415),
        (JPEG[: len(JPEG) // 2], "undecodable-image", 422),
        (JPEG[: len(JPEG) // 2] + b"\xff\xd9", "undecodable-image", 422),
        (PNG[: len(PNG) // 2], "undecodable-image", 422),
        (encode(film_pixels(0, 63, 100), ".png"), "unsuitable-image", 422),
        (encode(film_pixels(0, 100, 401), ".png"), "unsuitable-image", 422),
    ],
)
def test_an_image_that_cannot_be_read_is_refused(client: httpx.Client, data: bytes, slug: str, status: int) -> None:
    """Formats, damage and shapes each have their own problem."""
    assert_problem(client.post("/predict", content=data), slug, status, "Expected")


def test_the_accepted_formats_are_listed(client: httpx.Client) -> None:
    """For a GIF."""
    assert_problem(client.post("/predict", content=b"GIF89a"), "unsupported-format", 415, "JPEG", "PNG")


def test_a_compressed_body_is_refused(client: httpx.Client) -> None:
    """A small one could unfold to any size."""
    response = client.post("/predict", content=gzip.compress(JPEG), headers={"Content-Encoding": "gzip"})
    assert_problem(response, "unsupported-format", 415)


def test_pixels_are_limited_before_decoding(tiny_store: Path) -> None:
    """A film of exactly the limit is read."""
    film = encode(film_pixels(0, 100, 100), ".png")
    with running(tiny_store, max_pixels=10_000) as server:
        assert server.client.post("/predict", content=film).status_code == 200
        larger = encode(film_pixels(0, 100, 101), ".png")
        assert_problem(server.client.post("/predict", content=larger), "too-many-pixels", 413, "10000", "10100")


def test_bytes_are_limited_declared_or_counted(tiny_store: Path) -> None:
    """With Content-Length or in chunks."""
    with running(tiny_store, max_upload_bytes=len(PNG)) as server:
        assert server.client.post("/predict", content=PNG).status_code == 200
        assert_problem(server.client.post("/predict", content=PNG + b"x"), "too-many-bytes", 413)
        chunked = server.client.post("/predict", content=iter([PNG, b"x"]))
        assert_problem(chunked, "too-many-bytes", 413)
        assert server.service.admission.bytes_held == 0


@pytest.mark.parametrize(
    ("line", "status", "slug"),
    [
        (b"POST /predict", b"413", "too-many-bytes"),
        (b"POST /predict?map=cam", b"422", "invalid-parameter"),
        (b"POST /predicts", b"404", "not-found"),
        (b"PUT /predict", b"405", "method-not-allowed"),
    ],
)
def test_a_refused_client_that_still_sends_sees_the_answer(
    tiny_store: Path, line: bytes, status: bytes, slug: str
) -> None:
    """Not a broken connection."""
    with (
        running(tiny_store, max_upload_bytes=1000) as server,
        socket.create_connection(("127.0.0.1", server.port)) as plain,
    ):
        size = 6 * 2**20
        plain.sendall(line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
        plain.sendall(bytes(size))
        answer = b""
        while chunk := plain.recv(65536):
            answer += chunk

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert json.loads(body)["type"] == f"/problems/{slug}"


@pytest.mark.parametrize(("method", "path"), [("GET", "/nope"), ("POST", "/predict/"), ("GET", "/docs/assets/nope.js")])
def test_an_unknown_address_is_404(client: httpx.Client, method: str, path: str) -> None:
    """A slash too many is no redirect."""
    assert_problem(client.request(method, path), "not-found", 404)


@pytest.mark.parametrize(("method", "path"), [("GET", "/predict"), ("HEAD", "/predict"), ("POST", "/health")])
def test_another_method_is_405_and_names_the_right_ones(client: httpx.Client, method: str, path: str) -> None:
    """In the header Allow."""
    response = client.request(method, path)

    assert response.status_code == 405
    assert response.headers["Allow"]
    assert response.headers["Content-Type"] == "application/problem+json"


def test_our_own_failure_is_500_without_its_words(tiny_store: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Also in the log; the next request is served."""
    with running(tiny_store) as server:
        predictor = server.service.predictor
        assert predictor is not None
        working = predictor.engine

        class Broken:
            name = "openvino"

            def logits(self, films: np.ndarray) -> np.ndarray:
                raise RuntimeError("/data/Mueller_Anna.jpeg is broken")

        predictor.engine = Broken()  # type: ignore[assignment]
        with caplog.at_level("INFO", "pneumoserve"):
            response = server.client.post("/predict", files={"file": ("Mueller_Anna.jpeg", JPEG)})
            wait_until(lambda: any(record.getMessage() == "request" for record in caplog.records))
        assert_problem(response, "internal-error", 500)
        predictor.engine = working
        assert server.client.post("/predict", content=JPEG).status_code == 200
        assert server.service.admission.in_flight == 0

    failures = [record for record in caplog.records if record.getMessage() == "internal-error"]
    assert [record.fields["error"] for record in failures] == ["RuntimeError"]  # type: ignore[attr-defined]
    assert failures[0].fields["request_id"] == response.headers["X-Request-ID"]  # type: ignore[attr-defined]
    for record in caplog.records:
        assert "Mueller" not in str(record.__dict__)
    assert "Mueller" not in response.text


def test_the_first_row_that_fits_wins(tiny_store: Path) -> None:
    """Parameters come before the body, the body before the form, the form before the format."""
    with running(tiny_store, max_upload_bytes=1000) as server:
        both = server.client.post("/predict?nope=1", content=bytes(2000))
        form = server.client.post("/predict", content=b"x" * 2000, headers=BOUNDARY)
        format_ = server.client.post("/predict", content=part("file", b"GIF89a"), headers=BOUNDARY)

    assert_problem(both, "invalid-parameter", 422)
    assert_problem(form, "too-many-bytes", 413)
    assert_problem(format_, "malformed-form", 400)


def test_every_problem_is_documented(server: Running) -> None:
    """In the OpenAPI description of /predict, under its status."""
    responses = server.client.get("/openapi.json").json()["paths"]["/predict"]["post"]["responses"]
    for problem in PROBLEMS.values():
        assert f"`{problem.slug}`" in responses[str(problem.status)]["description"]
        assert "application/problem+json" in responses[str(problem.status)]["content"]
