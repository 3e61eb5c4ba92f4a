"""One line a request, as JSON or as text, with sizes and phases, and nothing of the answer."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.log import configure_logging
from app.json_lines import JsonLines
from app.keys import make_key, read_keys
from tests.conftest import encode, film_pixels
from tests.running import Running, running, wait_until

FILM = encode(film_pixels())
# Of a film's request; a body that was not read has fewer phases.
ALWAYS = {
    *("time", "level", "message", "method", "path", "status", "outcome", "request_id"),
    *("bytes_received", "bytes_sent", "milliseconds"),
}
PHASES = {"read_milliseconds", "wait_milliseconds", "decode_milliseconds", "infer_milliseconds"}


@pytest.fixture
def _restored_loggers() -> Iterator[None]:
    """Let a test write the log as the service does, and leave everybody else's as it was."""
    loggers = [logging.getLogger(name) for name in ("pneumoserve", None)]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@dataclass(frozen=True)
class Logging:
    """A server that asks for a key, the header with the right one, and its log."""

    server: Running
    key: dict[str, str]
    written: io.StringIO

    def lines_of(self, *requests: httpx.Request) -> tuple[list[httpx.Response], list[dict[str, Any]]]:
        """Send requests, and return their answers and lines."""
        start = self.written.tell()
        answers = [self.server.client.send(request) for request in requests]

        def lines() -> list[dict[str, Any]]:
            return [json.loads(line) for line in self.written.getvalue()[start:].splitlines()]

        # A line is written behind the answer.
        wait_until(lambda: len(lines()) == len(requests))
        return answers, lines()

    def film(self, film: bytes = FILM, **parts: Any) -> httpx.Request:
        return self.server.client.build_request(
            "POST", "/predict?gate=off", **({"content": film, "headers": self.key} | parts)
        )


@pytest.fixture(scope="module")
def logging_server(tiny_store: Path) -> Iterator[Logging]:
    key, pair = make_key("ward-3")
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("pneumoserve")
    before = logger.level
    logger.setLevel(logging.INFO)
    with running(tiny_store, api_keys=read_keys(pair)) as server:
        logger.addHandler(handler)
        server.client.get("/livez")  # behind the lines of the start
        wait_until(lambda: "/livez" in written.getvalue())
        yield Logging(server, {"X-API-Key": key}, written)
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.mark.usefixtures("_restored_loggers")
def test_each_request_is_one_line_with_its_id(tiny_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And every line is written by the time the server has ended."""
    configure_logging("json")
    with running(tiny_store) as server:
        answers = [server.client.post("/predict", content=FILM) for _ in range(3)]
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    predicted = [line for line in lines if line.get("path") == "/predict"]
    assert [line["request_id"] for line in predicted] == [answer.headers["X-Request-ID"] for answer in answers]
    assert [(line["level"], line["message"], line["status"], line["outcome"]) for line in predicted] == [
        ("info", "request", 200, "ok")
    ] * 3


@pytest.mark.usefixtures("_restored_loggers")
def test_text_lines_hold_the_same_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("text")
    logging.getLogger("pneumoserve").info("request", extra={"fields": {"status": 200, "outcome": "ok"}})
    assert capsys.readouterr().err.endswith("info    request status=200 outcome=ok\n")


def test_a_film_s_line_has_sizes_phases_model_and_key(logging_server: Logging) -> None:
    """Exactly these: neither class nor probability nor file name."""
    form = {"file": ("MEIER_HANS.jpeg", FILM)}
    request = logging_server.film(content=None, files=form)
    (answer,), (line,) = logging_server.lines_of(request)
    assert line.keys() == ALWAYS | PHASES | {"model_sha256", "key"}
    assert line["bytes_received"] == len(request.read()) > len(FILM)
    assert line["key"] == "ward-3"
    assert line["model_sha256"] == answer.json()["model"]["sha256"][:12]
    assert all(line[phase] >= 0 for phase in PHASES)
    assert sum(line[phase] for phase in PHASES) <= line["milliseconds"] + 0.05
    told = ["MEIER", answer.json()["class"], str(answer.json()["probability"])]
    assert [part for part in told if part in json.dumps(line)] == []


def test_every_field_is_documented(logging_server: Logging) -> None:
    explained = logging_server.film()
    explained.url = explained.url.copy_with(path="/explain")
    _, lines = logging_server.lines_of(explained)
    page = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text()
    cells = re.findall(r"^\| (`.+?) \|", page.partition("## The log")[2].partition("\n## ")[0], re.MULTILINE)
    assert lines[0].keys() == ALWAYS | PHASES | {"explain_milliseconds", "model_sha256", "key"}
    assert lines[0].keys() == {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_size_of_an_answer_does_not_tell_its_class(logging_server: Logging) -> None:
    """The names of the classes differ in length, and both occur."""
    films = [logging_server.film(encode(film_pixels(seed))) for seed in range(6)]
    answers, lines = logging_server.lines_of(*films)
    assert {answer.json()["class"] for answer in answers} == {"NORMAL", "PNEUMONIA"}
    assert len({len(answer.content) for answer in answers}) > 1
    assert {line["bytes_sent"] for line in lines} == {4096}


def test_a_refused_film_s_line_has_what_was_measured(logging_server: Logging) -> None:
    """A body without a key is thrown away: its bytes are counted, and no model is named."""
    _, (broken, keyless) = logging_server.lines_of(
        logging_server.film(b"no film"), logging_server.film(b"no key", headers={})
    )
    assert broken.keys() == ALWAYS | {"read_milliseconds", "model_sha256", "key"}
    assert (broken["outcome"], broken["bytes_received"]) == ("unsupported-format", 7)
    assert keyless.keys() == ALWAYS
    assert (keyless["outcome"], keyless["bytes_received"]) == ("unauthorized", 6)


def test_other_requests_have_exact_sizes(logging_server: Logging) -> None:
    """Of a HEAD request no body is answered; a method or an address that nobody knows is not shown."""
    build = logging_server.server.client.build_request
    answers, lines = logging_server.lines_of(
        build("GET", "/model"), build("HEAD", "/readyz"), build("MEIER", "/MEIER_HANS")
    )
    assert [(line["method"], line["path"]) for line in lines] == [
        ("GET", "/model"),
        ("HEAD", "/readyz"),
        ("other", "other"),
    ]
    assert [line["bytes_sent"] for line in lines] == [len(answer.content) for answer in answers]
    assert all(line.keys() == ALWAYS for line in lines)
