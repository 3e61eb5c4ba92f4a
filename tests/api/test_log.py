"""One line a request, as JSON or as text."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.api.log import configure_logging
from tests.conftest import encode, film_pixels
from tests.running import running


@pytest.fixture
def _restored_loggers() -> Iterator[None]:
    """Let a test write the log as the service does, and leave everybody else's as it was."""
    loggers = [logging.getLogger(name) for name in ("pneumoserve", None)]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.mark.usefixtures("_restored_loggers")
def test_each_request_is_one_line_with_its_id(tiny_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And every line is written by the time the server has ended."""
    configure_logging("json")
    with running(tiny_store) as server:
        answers = [server.client.post("/predict", content=encode(film_pixels())) for _ in range(3)]
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
