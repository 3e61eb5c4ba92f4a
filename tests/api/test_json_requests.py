"""JSON over HTTP: the same answers as for the film's own bytes, the same limits, through a real socket."""

from __future__ import annotations

import base64
import gzip
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.api import upload
from tests.api.test_admission import holding
from tests.api.test_problems import assert_problem
from tests.conftest import encode, film_pixels
from tests.running import Running, film_request, running, wait_until

FILM = encode(film_pixels(5))
JSON_TYPE = "Content-Type: application/json"


def as_json(film: bytes) -> bytes:
    return json.dumps({"image": base64.b64encode(film).decode()}).encode()


def exchange(server: Running, sent: bytes, answers: int = 1) -> list[bytes]:
    """Send bytes as they are and answer as many final answers as are expected."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(sent)
        with connection.makefile("rb") as received:
            return [_answer(received) for _ in range(answers)]


def _answer(received: Any) -> bytes:
    status = received.readline()
    length = 0
    while (line := received.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return bytes(status + received.read(length))


COLOUR = np.dstack([film_pixels(6), film_pixels(7), film_pixels(8)])


@pytest.mark.parametrize("film", [FILM, encode(COLOUR, ".png")], ids=["JPEG", "PNG with a warning"])
@pytest.mark.parametrize("query", ["", "?activation_maps=all&operating_point=half"])
def test_json_is_answered_as_the_bytes_themselves(client: httpx.Client, film: bytes, query: str) -> None:
    """Probability, class, warnings, maps: all but the moment."""
    raw = client.post(f"/predict{query}", content=film)
    answer = client.post(f"/predict{query}", json={"image": base64.b64encode(film).decode()})

    assert (answer.status_code, answer.json()) == (200, raw.json())
    assert answer.json()["filename"] is None


def test_an_image_under_the_type_of_json_is_read_as_an_image(client: httpx.Client) -> None:
    """The bytes decide."""
    response = client.post("/predict", content=FILM, headers={"Content-Type": "application/json"})
    assert response.json() == client.post("/predict", content=FILM).json()


def test_an_image_that_cannot_be_read_is_refused_as_a_raw_one(client: httpx.Client) -> None:
    """With the same words, once the base64 is undone."""
    for film in (b"GIF89a" + bytes(50), FILM[: len(FILM) // 2], encode(film_pixels(0, 63, 100), ".png")):
        raw = client.post("/predict", content=film).json()
        answer = client.post("/predict", json={"image": base64.b64encode(film).decode()}).json()
        assert answer | {"request_id": ""} == raw | {"request_id": ""}


@pytest.mark.parametrize(
    ("sent", "slug"),
    [
        (b"{}", "missing-file"),
        (b"", "missing-file"),
        (b'{"image": ""}', "missing-file"),
        (b'{"image": "x"', "malformed-form"),
        (b'{"image": "x"}', "malformed-form"),
        (b'{"image": ' + b"[" * 100_000, "malformed-form"),
    ],
)
def test_what_is_wrong_with_the_json_is_400(client: httpx.Client, sent: bytes, slug: str) -> None:
    response = client.post("/predict", content=sent, headers={"Content-Type": "application/json"})
    assert_problem(response, slug, 400, "Expected", "Received")


def test_neither_names_nor_values_of_fields_come_back(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """They can name patients."""
    for sent in ({"Mueller": 1}, {"image": "Mueller, Anna"}, {"image": "x", "Mueller": "Mueller"}):
        response = client.post("/predict", json=sent)
        assert response.status_code == 400
        assert "Mueller" not in response.text
    assert "Mueller" not in caplog.text


def test_json_under_another_type_is_415(client: httpx.Client) -> None:
    """It is taken for the film itself, as any other bytes are."""
    response = client.post("/predict", content=as_json(FILM), headers={"Content-Type": "text/json"})
    assert_problem(response, "unsupported-format", 415, "Expected", "Received")


def test_two_on_one_connection_are_answered_in_their_order(server: Running) -> None:
    """Sent at once, a raw film between them, then once more in chunks."""
    sent = as_json(FILM)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (sent[:5], sent[5:3000], sent[3000:], b""))
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\n{JSON_TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    other = encode(film_pixels(9))
    pieces = [film_request(sent, JSON_TYPE), film_request(other), film_request(as_json(other), JSON_TYPE)]
    answers = exchange(server, b"".join([*pieces, head, chunks]), 4)

    found = [re.findall(rb'"probability":([0-9.]+)', answer) for answer in answers]
    assert all(found)
    assert found[0] == found[3]
    assert found[1] == found[2]
    assert found[0] != found[1]


def test_a_client_that_waits_for_leave_to_send_gets_it(server: Running) -> None:
    """As curl does from a megabyte on."""
    whole = film_request(as_json(FILM), JSON_TYPE, "Expect: 100-continue")
    head, _, body = whole.partition(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + b"\r\n\r\n")
        with connection.makefile("rb") as received:
            assert received.readline().startswith(b"HTTP/1.1 100")
            assert received.readline() == b"\r\n"
            connection.sendall(body)
            assert _answer(received).startswith(b"HTTP/1.1 200")


def test_compressed_json_is_refused(client: httpx.Client) -> None:
    """As any compressed body is."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = client.post("/predict", content=gzip.compress(as_json(FILM)), headers=headers)
    assert_problem(response, "unsupported-format", 415, "Content-Encoding")


def test_the_limit_of_a_body_is_of_the_json_as_sent(tiny_store: Path) -> None:
    """Not of the film in it."""
    sent, headers = as_json(FILM), {"Content-Type": "application/json"}
    with running(tiny_store, max_upload_bytes=len(sent)) as server:
        assert server.client.post("/predict", content=sent, headers=headers).status_code == 200
        assert_problem(server.client.post("/predict", content=sent + b" ", headers=headers), "too-many-bytes", 413)


def test_text_and_image_are_both_counted_while_the_film_is_in_work(tiny_store: Path) -> None:
    """And neither once it is answered; a raw film counts once."""
    sent = as_json(FILM)
    with holding(tiny_store) as (server, engine), ThreadPoolExecutor(1) as pool:
        for content, headers in ((FILM, {}), (sent, {"Content-Type": "application/json"})):
            answer = pool.submit(server.client.post, "/predict", content=content, headers=headers)
            wait_until(lambda: server.service.admission.in_flight == 1)
            held = server.service.admission.bytes_held
            engine.go.set()
            assert answer.result().status_code == 200
            assert held == (len(FILM) if content is FILM else len(sent) + len(sent) * 3 // 4)
            wait_until(lambda: server.service.admission.bytes_held == 0)
            engine.go.clear()


def test_json_whose_image_would_take_too_much_memory_is_429(tiny_store: Path) -> None:
    """Though its text alone would not."""
    sent, headers = as_json(FILM), {"Content-Type": "application/json"}
    with running(tiny_store, max_bytes_held=len(sent) * 3 // 2) as server:
        assert_problem(server.client.post("/predict", content=sent, headers=headers), "overloaded", 429, "memory")
        assert server.service.admission.bytes_held == 0
        assert server.service.admission.in_flight == 0
        assert server.client.post("/predict", content=FILM).status_code == 200


def test_json_is_read_by_a_worker(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the event loop it would keep every other request waiting."""
    threads = []
    read = upload.read_encoded

    def watch(body: bytes) -> str:
        threads.append(threading.current_thread().name)
        return read(body)

    monkeypatch.setattr(upload, "read_encoded", watch)
    assert server.client.post("/predict", json={"image": base64.b64encode(FILM).decode()}).status_code == 200
    assert [name.rpartition("_")[0] for name in threads] == ["film"]


def test_the_example_of_the_documentation_is_answered(client: httpx.Client) -> None:
    """Whoever tries it out in /docs sees an answer."""
    documented = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    response = client.post("/predict", json=documented["application/json"]["example"])
    assert response.status_code == 200, response.text
