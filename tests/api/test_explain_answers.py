"""`POST /explain`: the film with the evidence over it, as PNG."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from tests.conftest import encode, film_pixels
from tests.running import running

PIXELS = film_pixels(1, 300, 400)
PNG = encode(PIXELS, ".png")


def picture(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "no-store"
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("query", ["", "?style=heat", "?style=contour", "?style=heat&level=0.001&operating_point=half"])
def test_the_overlay_has_the_films_own_size(client: httpx.Client, query: str) -> None:
    """A form, a raw body and JSON alike; with the film in gray below the colours."""
    answer = client.post(f"/explain{query}", files={"file": ("film.png", PNG)})
    over = picture(answer)
    assert over.shape == (300, 400, 3)
    assert (over != PIXELS[..., np.newaxis]).any()
    assert client.post(f"/explain{query}", content=PNG).content == answer.content
    assert "infer" in answer.headers["server-timing"]


def test_the_film_alone_is_what_the_service_read(client: httpx.Client) -> None:
    """Gray, pixel by pixel; of 16-bit files the 8 bits that the model gets."""
    assert np.array_equal(picture(client.post("/explain?style=film", content=PNG)), PIXELS)
    deep = encode(PIXELS.astype(np.uint16) * 257, ".png")
    assert np.array_equal(picture(client.post("/explain?style=film", content=deep)), PIXELS)


@pytest.mark.parametrize(("size", "expected"), [((2100, 1000), (2048, 975)), ((2048, 700), (2048, 700))])
def test_a_side_is_2048_pixels_at_most(client: httpx.Client, size: tuple[int, int], expected: tuple[int, int]) -> None:
    """The aspect ratio stays."""
    film = encode(film_pixels(2, *size))
    assert picture(client.post("/explain", content=film)).shape[:2] == expected


def test_a_level_that_nothing_reaches_leaves_the_film(client: httpx.Client) -> None:
    over = picture(client.post("/explain?level=1000", content=PNG))
    assert np.array_equal(over[:200], np.repeat(PIXELS[:200, :, np.newaxis], 3, axis=2))


def test_the_legend_tells_the_class_at_the_operating_point_and_what_is_hidden(client: httpx.Client) -> None:
    """Another threshold or level is another text; the film above it stays."""
    queries = ("operating_point=half", "operating_point=balanced", "operating_point=half&level=0.0001")
    pictures = [picture(client.post(f"/explain?{query}", content=PNG)) for query in queries]
    for one, other in ((0, 1), (0, 2)):
        assert (pictures[one][200:] != pictures[other][200:]).any()
    assert np.array_equal(pictures[0][:150], pictures[1][:150])


@pytest.mark.parametrize("name", ["dense", "tanh"])
def test_every_kind_of_head_is_explained(tiny_store: Path, name: str) -> None:
    """By occlusion where its evidence has no exact map."""
    with running(tiny_store, model=name) as server:
        assert picture(server.client.post("/explain", content=PNG)).shape == (300, 400, 3)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("style=pretty", "one of heat, contour, film"),
        ("level=much", "number of logits"),
        ("level=-1", "number of logits"),
        ("level=nan", "number of logits"),
        ("level=inf", "number of logits"),
        ("level=1e39", "0 to 1000"),
        ("level=1_0", "number of logits"),
        ("level=%D9%A1", "number of logits"),
        ("activation_maps=cam", "style, level, operating_point, gate"),
        ("gate=maybe", "one of on, off"),
        ("style=heat&style=film", "once at most"),
        ("operating_point=none", "half, balanced"),
    ],
)
def test_a_wrong_parameter_is_refused_with_the_accepted_ones(client: httpx.Client, query: str, words: str) -> None:
    answer = client.post(f"/explain?{query}", content=PNG)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-parameter")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b"", 400, "missing-file"),
        (b"GIF89a", 415, "unsupported-format"),
        (PNG[:-200], 422, "undecodable-image"),
        (encode(film_pixels(0, 40, 40), ".png"), 422, "unsuitable-image"),
    ],
)
def test_a_bad_film_is_the_same_problem_as_of_predict(
    client: httpx.Client, body: bytes, status: int, slug: str
) -> None:
    answers = [client.post(path, content=body) for path in ("/explain", "/predict")]
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")
    assert answers[0].json()["detail"] == answers[1].json()["detail"]


@pytest.fixture(scope="module")
def gated(gated_store: Path) -> Iterator[httpx.Client]:
    with running(gated_store) as server:
        yield server.client


def test_the_gate_refuses_and_may_be_switched_off(gated: httpx.Client) -> None:
    noise = encode(np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8), ".png")
    refused = gated.post("/explain", content=noise)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/unsuitable-image")
    assert 'verdict="refused"} 1.0' in gated.get("/metrics").text
    assert picture(gated.post("/explain?gate=off", content=noise)).shape == (300, 300, 3)


def test_explanations_are_counted_and_no_prediction_twice(tiny_store: Path) -> None:
    with running(tiny_store) as server:
        server.client.post("/explain", content=PNG)
        text = server.client.get("/metrics").text
    assert 'pneumoserve_requests_total{outcome="ok"} 1.0' in text
    assert "pneumoserve_probability_count 0.0" in text
