"""The lines of finished requests: late, but whole, in their order and with their own time."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from app.api.log import RequestLog, configure_logging
from tests.conftest import encode, film_pixels
from tests.running import running, wait_until


@pytest.fixture
def _told() -> Iterator[None]:
    """Let a test write the log as the service does, and leave everybody else's as it was."""
    loggers = [logging.getLogger(name) for name in ("pneumoserve", None)]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def read_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.usefixtures("_told")
def test_lines_are_written_after_a_moment_with_their_own_time(capsys: pytest.CaptureFixture[str]) -> None:
    """One that is alone does not wait for others; it tells when its request ended."""
    configure_logging("json")
    log = RequestLog()

    async def note() -> list[dict[str, object]]:
        log.note({"request_id": "a"})
        await asyncio.sleep(0.05)
        log.note({"request_id": "b"})
        early = read_lines(capsys)
        await asyncio.sleep(0.4)
        return early

    begun = time.time()
    assert asyncio.run(note()) == []
    lines = read_lines(capsys)
    assert [(line["request_id"], line["message"], line["level"]) for line in lines] == [
        ("a", "request", "info"),
        ("b", "request", "info"),
    ]
    first, second = (datetime.fromisoformat(str(line["time"])).timestamp() for line in lines)
    assert abs(first - begun) < 0.04
    assert second - first > 0.04


@pytest.mark.usefixtures("_told")
def test_many_lines_are_written_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """With the 64th; what comes behind waits for its own moment."""
    configure_logging("json")
    log = RequestLog()

    async def note() -> list[dict[str, object]]:
        for number in range(70):
            log.note({"number": number})
        return read_lines(capsys)

    assert [line["number"] for line in asyncio.run(note())] == list(range(64))
    log.write()
    assert [line["number"] for line in read_lines(capsys)] == list(range(64, 70))
    log.write()
    assert read_lines(capsys) == []


@pytest.mark.usefixtures("_told")
def test_a_server_that_ends_leaves_no_line_unwritten(
    tiny_store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that still wait are written when it closes."""
    monkeypatch.setattr("app.api.log._NOTED_SECONDS", 60)
    configure_logging("json")
    with running(tiny_store) as server:
        wait_until(lambda: server.service.reader is not None)
        answers = [server.client.post("/predict", content=encode(film_pixels())) for _ in range(3)]
    told = [line["request_id"] for line in read_lines(capsys) if line.get("path") == "/predict"]
    assert told == [answer.headers["X-Request-ID"] for answer in answers]
