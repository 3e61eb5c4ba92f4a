from __future__ import annotations

import base64
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from app.api.schemas import Prediction
from app.inference.artifact import find_entry
from app.inference.predictor import open_predictor
from tests.conftest import encode, film_pixels
from tests.running import Running, running

JPEG = encode(film_pixels(1))
PNG = encode(film_pixels(1), ".png")


def test_a_form_gets_the_whole_answer(client: httpx.Client, tiny_store: Path) -> None:
    """With exactly the keys of the contract."""
    response = client.post("/predict", files={"file": ("film.jpeg", JPEG)})
    answer = response.json()
    manifest = find_entry(tiny_store).manifest

    assert response.status_code == 200
    assert list(answer) == [
        "class", "probability", "operating_point", "refer", "warnings", "filename", "gate", "dicom", "model",
        "activation_maps",
    ]  # fmt: skip
    assert answer["class"] in ("NORMAL", "PNEUMONIA")
    assert answer["refer"] is False
    assert answer["filename"] == "film.jpeg"
    assert answer["operating_point"]["name"] == "balanced"
    assert answer["model"] == {"name": "pooled", "version": "1", "sha256": manifest.sha256.model_keras}
    assert answer["dicom"] is None
    assert answer["activation_maps"] == []
    Prediction.model_validate(answer)


def test_a_raw_body_is_read_whatever_type_it_declares(client: httpx.Client) -> None:
    """A PNG declared as text is a film without a name."""
    plain = client.post("/predict", content=PNG, headers={"Content-Type": "text/plain"}).json()
    form = client.post("/predict", files={"file": ("x.txt", PNG, "text/plain")}).json()

    assert plain["filename"] is None
    assert plain["probability"] == form["probability"]


def test_the_class_follows_the_threshold(client: httpx.Client) -> None:
    """PNEUMONIA exactly where the probability reaches it."""
    classes = set()
    for seed in range(20):
        for point in ("half", "balanced"):
            answer = client.post(f"/predict?operating_point={point}", content=encode(film_pixels(seed))).json()
            expected = "PNEUMONIA" if answer["probability"] >= answer["operating_point"]["threshold"] else "NORMAL"
            assert answer["operating_point"]["name"] == point
            assert answer["class"] == expected
            classes.add(answer["class"])
    assert classes == {"NORMAL", "PNEUMONIA"}


@pytest.mark.parametrize("name", ["C:\\films\\Müller, Anna.png", "/home/x/Müller, Anna.png", "Müller, Anna.png"])
def test_the_file_name_comes_back_without_folders(client: httpx.Client, name: str) -> None:
    """Of either kind of system."""
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"'.encode()
    body = b"--b\r\n" + head + b"\r\n\r\n" + PNG + b"\r\n--b--\r\n"
    answer = client.post("/predict", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}).json()

    assert answer["filename"] == "Müller, Anna.png"


@pytest.mark.parametrize(
    ("kind", "kinds"),
    [
        ("none", []),
        ("cam", ["cam"]),
        ("layers", ["layer", "layer"]),
        ("all", ["cam", "layer", "layer"]),
    ],
)
def test_maps_come_as_asked_and_change_no_probability(client: httpx.Client, kind: str, kinds: list[str]) -> None:
    """As PNG of the size they say."""
    answer = client.post("/predict", params={"activation_maps": kind}, content=JPEG).json()
    plain = client.post("/predict", content=JPEG).json()

    assert [plot["kind"] for plot in answer["activation_maps"]] == kinds
    assert answer["probability"] == pytest.approx(plain["probability"], abs=1e-6)
    for plot in answer["activation_maps"]:
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(plot["png"]), np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (plot["height"], plot["width"], 3)
    Prediction.model_validate(answer)


def test_an_exact_cam_sums_to_the_logit(client: httpx.Client) -> None:
    """With identity calibration, that is the logit of the probability."""
    answer = client.post("/predict?activation_maps=cam", content=JPEG).json()
    cam = answer["activation_maps"][0]
    logit = sum(map(sum, cam["values"])) + cam["bias"]

    assert 1 / (1 + np.exp(-logit)) == pytest.approx(answer["probability"], abs=1e-4)
    assert (cam["width"], cam["height"]) == (150, 150)


def test_headers_tell_id_timings_and_that_nothing_is_to_be_stored(client: httpx.Client) -> None:
    """A caller's well-formed id comes back, else one of ours."""
    mine = client.post("/predict", content=JPEG, headers={"X-Request-ID": "study-1.2_3"})
    other = client.post("/predict", content=JPEG, headers={"X-Request-ID": "not an id!"})

    assert mine.headers["X-Request-ID"] == "study-1.2_3"
    assert re.fullmatch(r"[0-9a-f]{32}", other.headers["X-Request-ID"])
    assert mine.headers["Cache-Control"] == "no-store"
    phases = [part.partition(";")[0] for part in mine.headers["Server-Timing"].split(", ")]
    assert phases == ["read", "wait", "decode", "infer"]


def test_films_sent_at_once_get_their_own_answers(client: httpx.Client) -> None:
    """Forty films through eight connections."""
    films = [encode(film_pixels(seed, 120, 160), ".png") for seed in range(40)]
    alone = [client.post("/predict", content=film).json()["probability"] for film in films]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda film: client.post("/predict", content=film).json()["probability"], films))

    assert together == alone
    assert len(set(alone)) > 35


def test_the_command_line_answers_what_the_server_answers(client: httpx.Client, tiny_store: Path) -> None:
    prediction = open_predictor(tiny_store, None).predict(JPEG, operating_point="half")
    answer = client.post("/predict?operating_point=half", content=JPEG).json()

    assert answer["probability"] == round(prediction.decision.probability, 6)


def test_a_colour_picture_is_read_with_a_warning(client: httpx.Client) -> None:
    """It has a code and a sentence."""
    colour = np.zeros((100, 100, 3), np.uint8)
    colour[..., 2] = 200
    warnings = client.post("/predict", content=encode(colour, ".png")).json()["warnings"]

    assert [warning["code"] for warning in warnings] == ["colour-image", "no-gate"]
    assert warnings[0]["detail"].endswith(".")


def test_another_prevalence_moves_the_probability_and_not_the_class(tiny_store: Path, server: Running) -> None:
    """The answer names it; odds move by the ratio of the priors' odds."""
    with running(tiny_store, prevalence=0.1) as rare:
        here = rare.client.post("/predict", content=JPEG).json()
    there = server.client.post("/predict", content=JPEG).json()

    def odds(share: float) -> float:
        return share / (1 - share)

    ratio = odds(here["probability"]) / odds(there["probability"])
    assert here["prevalence"] == 0.1
    assert here["class"] == there["class"]
    assert ratio == pytest.approx(odds(0.1) / odds(0.7), rel=1e-3)


@pytest.mark.parametrize("model", ["dense", "tanh/1"])
def test_every_network_of_a_store_draws_its_maps(tiny_store: Path, model: str) -> None:
    """Where the logit cannot be attributed, the cam comes by occlusion, says so, and claims no bias."""
    with running(tiny_store, model=model) as server:
        maps = server.client.post("/predict?activation_maps=cam", content=JPEG).json()["activation_maps"]

    assert (maps[0]["method"].split()[0], maps[0]["bias"] is None) == {
        "dense": ("gradient", False),
        "tanh/1": ("occlusion", True),
    }[model]


def test_the_tensorflow_engine_answers_the_same(tiny_store: Path, client: httpx.Client) -> None:
    """Within 1e-3 in probability."""
    with running(tiny_store, engine="tensorflow") as reference:
        expected = reference.client.post("/predict", content=JPEG).json()
        health = reference.client.get("/health").json()

    assert health["engine"] == "tensorflow"
    assert client.post("/predict", content=JPEG).json()["probability"] == pytest.approx(
        expected["probability"], abs=1e-3
    )


def test_the_answer_is_plain_json(client: httpx.Client) -> None:
    """No NaN, no Infinity."""
    text = client.post("/predict?activation_maps=all", content=encode(np.zeros((80, 80), np.uint8), ".png")).text

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(text, parse_constant=refuse)["activation_maps"]


def test_an_offer_of_another_protocol_is_declined(server: Running) -> None:
    """Java's own client offers HTTP/2; this film and the next are read."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
    request = b"POST /predict HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n" % (offer, len(JPEG))
    with socket.create_connection(("127.0.0.1", server.port)) as java, java.makefile("rb") as answers:
        for _ in range(2):
            java.sendall(request)
            java.sendall(JPEG)
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = dict(line.split(b": ", 1) for line in iter(answers.readline, b"\r\n"))
            length = next(int(value) for name, value in headers.items() if name.lower() == b"content-length")
            assert json.loads(answers.read(length))["class"] in ("NORMAL", "PNEUMONIA")


def test_endless_headers_are_refused(server: Running) -> None:
    """Else one client could fill the memory."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 200_000)
        assert client.recv(12) == b"HTTP/1.1 400"
