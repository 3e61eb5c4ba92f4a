"""Binary tensors of the Open Inference Protocol, and compressed bodies."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.test_v2 import FILMS, INFER, as_request, assert_failure, outputs
from tests.running import Running, running, wait_until

LENGTH = "Inference-Header-Content-Length"
PACKED = {"gzip": gzip.compress, "deflate": zlib.compress}


def elements(*films: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(film)) + film for film in films)


def as_binary(*films: bytes, size: int | None = None, **fields: Any) -> tuple[bytes, dict[str, str]]:
    """Return a body whose films stand behind its JSON, and the header that tells where."""
    tensor = elements(*films)
    parameters = {"binary_data_size": len(tensor) if size is None else size}
    image = {"name": "image", "shape": [len(films)], "datatype": "BYTES", "parameters": parameters}
    text = json.dumps({"inputs": [image], **fields}).encode()
    return text + tensor, {LENGTH: str(len(text))}


def test_films_behind_the_json_are_read_as_those_in_it(client: httpx.Client) -> None:
    """Whether a Content-Type is declared or not."""
    body, length = as_binary(*FILMS)
    expected = outputs(client.post(INFER, json=as_request(*FILMS)))
    for declared in ({}, {"Content-Type": "application/octet-stream"}, {"Content-Type": "application/json"}):
        assert outputs(client.post(INFER, content=body, headers=length | declared)) == expected
    text = json.dumps(as_request(*FILMS)).encode()
    assert outputs(client.post(INFER, content=text, headers={"Content-Type": "application/octet-stream"})) == expected


def test_every_output_may_stand_behind_the_json(client: httpx.Client) -> None:
    """In the order of the outputs; `binary_data_output` is for those that do not say otherwise."""
    expected = outputs(client.post(INFER, json=as_request(*FILMS[:2])))
    body, length = as_binary(*FILMS[:2], parameters={"binary_data_output": True})
    response = client.post(INFER, content=body, headers=length)
    size = int(response.headers[LENGTH])
    described = json.loads(response.content[:size])["outputs"]
    first, second = expected["class"]
    tensors = [
        struct.pack("<2f", *expected["probability"]),
        elements(first.encode(), second.encode()),
        struct.pack("<2?", *expected["refer"]),
        struct.pack("<2f", *expected["logit"]),
    ]
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.content[size:] == b"".join(tensors)
    assert [output["parameters"]["binary_data_size"] for output in described] == [len(tensor) for tensor in tensors]
    assert [output for output in described if "data" in output] == []

    wanted = [{"name": "refer"}, {"name": "logit", "parameters": {"binary_data": False}}]
    body, length = as_binary(FILMS[0], outputs=wanted, parameters={"binary_data_output": True})
    response = client.post(INFER, content=body, headers=length)
    size = int(response.headers[LENGTH])
    assert "data" in json.loads(response.content[:size])["outputs"][1]
    assert len(response.content) == size + 1


@pytest.mark.parametrize("encoding", PACKED)
def test_the_whole_body_may_be_compressed(encoding: str, client: httpx.Client) -> None:
    """The length in the header is that of the JSON before; the answer is never compressed."""
    expected = outputs(client.post(INFER, json=as_request(*FILMS)))
    body, length = as_binary(*FILMS)
    both = {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    response = client.post(INFER, content=PACKED[encoding](body), headers=length | both)
    assert outputs(response) == expected
    assert "Content-Encoding" not in response.headers
    text = json.dumps(as_request(*FILMS)).encode()
    assert outputs(client.post(INFER, content=PACKED[encoding](text), headers=both)) == expected


def test_an_inflated_body_has_the_limits_of_one_that_is_not(tiny_store: Path) -> None:
    """Neither may it be larger, nor hold more memory: a small one of many bytes is refused before it is inflated."""
    expected = {250_000: ("too-many-bytes", 413), 130_000: ("overloaded", 429), 100_000: ("unsupported-format", 415)}
    with running(tiny_store, max_upload_bytes=200_000, max_bytes_held=300_000) as server:
        server.service.admission.bytes_held = others = 50_000
        for size, (slug, status) in expected.items():
            body, length = as_binary(bytes(size))
            for encoding, pack in PACKED.items():
                packed = pack(body)
                assert len(packed) < 1000
                headers = length | {"Content-Encoding": encoding}
                assert_failure(server.client.post(INFER, content=packed, headers=headers), slug, status)
                wait_until(lambda: server.service.admission.bytes_held == others)


def test_what_could_never_be_held_is_no_overload(tiny_store: Path) -> None:
    """A body counts twice, for the films in it; one that fits only without others is worth sending again."""
    with running(tiny_store, max_upload_bytes=200_000, max_bytes_held=300_000) as server:
        admission = server.service.admission
        for size, others, slug, status in [
            (180_000, 0, "too-many-bytes", 413),
            (140_000, 100_000, "overloaded", 429),
            (140_000, 0, "unsupported-format", 415),
        ]:
            admission.bytes_held = others
            body, length = as_binary(bytes(size))
            assert_failure(server.client.post(INFER, content=body, headers=length), slug, status)
            packed, coded = gzip.compress(body), length | {"Content-Encoding": "gzip"}
            assert_failure(server.client.post(INFER, content=packed, headers=coded), slug, status)
            wait_until(lambda others=others: (admission.in_flight, admission.bytes_held) == (0, others))


def broken() -> dict[str, tuple[bytes, dict[str, str], str, int]]:
    """Return bodies by what is wrong with them, with headers, slug and status."""
    whole, length = as_binary(FILMS[0])
    text, tensor = whole[: int(length[LENGTH])], whole[int(length[LENGTH]) :]
    packed, gzipped = gzip.compress(whole), {**length, "Content-Encoding": "gzip"}
    form = ("malformed-form", 400)
    both = json.dumps(as_request(FILMS[0])).replace('"datatype"', '"parameters": {"binary_data_size": 0}, "datatype"')
    return {
        "no length": (whole, {}, *form),
        "a length that is no number": (whole, {LENGTH: "-1"}, *form),
        "a length over the body": (whole, {LENGTH: str(len(whole) + 1)}, *form),
        "bytes behind the tensor": (whole + b"x", length, *form),
        "a tensor that ends early": (whole[:-1], length, *form),
        "an element that ends early": (*as_binary(FILMS[0], size=2), *form),
        "an element over the tensor": (text + b"\xff\xff\xff\xff" + tensor[4:], length, *form),
        "fewer elements than the shape says": (text.replace(b"[1]", b"[2]") + tensor, length, *form),
        "too many elements": (*as_binary(*[b""] * 17), *form),
        "an empty element": (*as_binary(b""), "missing-file", 400),
        "data and a tensor": (both.encode(), {}, *form),
        "two dimensions": (json.dumps(as_request(FILMS[0])).replace("[1]", "[1, 1]").encode(), {}, *form),
        "a field twice": (b'{"inputs": [], "inputs": []}', {}, *form),
        "no number of JSON": (b'{"inputs": [], "id": NaN}', {}, *form),
        "a long number": (b'{"inputs": [], "id": ' + b"1" * 5000 + b"}", {}, *form),
        "many values": (b"[" * 501, {}, *form),
        "no ASCII": ('{"inputs": [], "id": "é"}'.encode(), {}, *form),
        "no object": (b"[]", {}, *form),
        "an unknown parameter": (*as_binary(FILMS[0], parameters={"shared_memory": 1}), "invalid-parameter", 422),
        "another encoding": (whole, {**length, "Content-Encoding": "br"}, "unsupported-format", 415),
        "no gzip": (whole, gzipped, *form),
        "gzip that ends early": (packed[:-9], gzipped, *form),
        "bytes behind the gzip": (packed + b"x", gzipped, *form),
        "much behind the gzip": (packed + bytes(200_000), gzipped, *form),
        "gzip of nothing": (b"", gzipped, *form),
    }


@pytest.mark.parametrize("what", broken())
def test_a_broken_body_is_a_problem(what: str, client: httpx.Client, server: Running) -> None:
    """And nothing of it stays counted."""
    body, headers, slug, status = broken()[what]
    assert_failure(client.post(INFER, content=body, headers=headers), slug, status)
    wait_until(lambda: (server.service.admission.in_flight, server.service.admission.bytes_held) == (0, 0))
