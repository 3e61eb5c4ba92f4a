"""The gate in answers, problems and metrics of `POST /predict`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.conftest import encode, film_pixels
from tests.running import running


@pytest.fixture(scope="module")
def refusing(gated_store: Path) -> Iterator[httpx.Client]:
    """A service with default settings."""
    with running(gated_store) as server:
        yield server.client


USUAL = encode(film_pixels(300))
NOISE = encode(np.random.default_rng(0).integers(0, 256, (300, 300), dtype=np.uint8), ".png")
BLANK = encode(np.full((300, 300), 80, np.uint8), ".png")


def ask(client: httpx.Client, film: bytes, query: str = "") -> httpx.Response:
    return client.post(f"/predict{query}", content=film, headers={"content-type": "image/png"})


def codes(answer: httpx.Response) -> list[str]:
    return [warning["code"] for warning in answer.json()["warnings"]]


def test_a_usual_film_is_answered_without_a_warning(refusing: httpx.Client) -> None:
    answer = ask(refusing, USUAL)
    assert answer.status_code == 200
    assert answer.json()["gate"] == {"mode": "refuse", "verdict": "usual", "reason": None}
    assert codes(answer) == []


@pytest.mark.parametrize(("film", "words"), [(NOISE, "unlike the chest radiographs"), (BLANK, "a blank image")])
@pytest.mark.parametrize("query", ["", "?activation_maps=all"])
def test_an_unsuitable_image_is_a_problem_that_says_why(
    refusing: httpx.Client, film: bytes, words: str, query: str
) -> None:
    answer = ask(refusing, film, query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/unsuitable-image"
    assert words in answer.json()["detail"]


def test_a_request_may_switch_the_gate_off(refusing: httpx.Client) -> None:
    """The answer says so, and the number is that of the network."""
    answer = ask(refusing, NOISE, "?gate=off")
    assert answer.status_code == 200
    assert answer.json()["gate"] == {"mode": "off", "verdict": "unknown", "reason": None}
    assert codes(answer) == ["gate-off"]
    assert ask(refusing, USUAL, "?gate=on").json()["gate"]["verdict"] == "usual"
    assert ask(refusing, USUAL, "?gate=off").json()["probability"] == ask(refusing, USUAL).json()["probability"]


@pytest.mark.parametrize("query", ["?gate=maybe", "?gate=", "?gate=on&gate=off", "?gate=flag"])
def test_another_value_is_a_problem(refusing: httpx.Client, query: str) -> None:
    answer = ask(refusing, USUAL, query)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-parameter")


def test_a_service_may_flag_instead(gated_store: Path) -> None:
    """Everything is answered; an unsuitable image is referred, with its reason."""
    with running(gated_store, gate="flag") as server:
        answer = ask(server.client, BLANK)
        assert answer.status_code == 200
        assert answer.json()["gate"] == {"mode": "flag", "verdict": "unusual", "reason": "blank"}
        assert answer.json()["refer"] is True
        assert codes(answer) == ["unusual-film"]
        assert ask(server.client, USUAL).json()["refer"] is False


def test_a_service_may_switch_the_gate_off(gated_store: Path) -> None:
    """`gate=on` does not bring it back: the operator has the last word."""
    with running(gated_store, gate="off") as server:
        for query in ("", "?gate=on"):
            answer = ask(server.client, NOISE, query)
            assert (answer.status_code, answer.json()["gate"]["mode"]) == (200, "off")


def test_metrics_count_verdicts_by_reason(gated_store: Path) -> None:
    with running(gated_store) as server:
        for film in (USUAL, BLANK, BLANK, NOISE):
            ask(server.client, film)
        text = server.client.get("/metrics").text
    assert 'pneumoserve_gate_total{reason="",verdict="usual"} 1.0' in text
    assert 'pneumoserve_gate_total{reason="blank",verdict="refused"} 2.0' in text
    assert 'pneumoserve_gate_total{reason="not a chest radiograph",verdict="refused"} 1.0' in text


def test_a_model_without_a_gate_warns(client: httpx.Client) -> None:
    answer = ask(client, USUAL)
    assert codes(answer) == ["no-gate"]
    assert answer.json()["gate"] == {"mode": "refuse", "verdict": "unknown", "reason": None}
