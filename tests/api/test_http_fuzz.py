"""Any bytes through a socket leave the service answering, with nothing held and no failure of ours."""

from __future__ import annotations

import logging
import re
import socket
from contextlib import suppress
from random import Random

import pytest

from tests.api.test_request_fuzz import BODIES, HTTP_PIECES, PIECES, REQUESTS, TYPES, shown
from tests.conftest import encode, film_pixels
from tests.fuzzing import TIMES, Tally, seeded
from tests.mutation import mutate
from tests.running import Running, film_request, wait_until

FILM = encode(film_pixels(1, 64, 80))
SEEDS = [
    *REQUESTS,
    film_request(FILM),
    film_request(FILM, target="/explain?style=film") + film_request(FILM),
    *(film_request(body, f"Content-Type: {TYPES[n].decode()}") for n, body in enumerate((BODIES[0], BODIES[3]), 2)),
    b"GET /docs/assets/swagger-ui.css HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9,20-\r\nIf-None-Match: *\r\n\r\n",
    b"HEAD /web/main.js HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\n\r\nGET /%2e%2e/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
]


def test_no_bytes_make_it_fail(server: Running, tally: Tally, caplog: pytest.LogCaptureFixture) -> None:
    """Each on a connection of its own, in one piece or two, most of them hung up on at once."""
    rng, failures = seeded(), failures_of(server)
    with caplog.at_level(logging.ERROR):
        for number in range(250 * TIMES):
            sent = mutate(rng, SEEDS, [*HTTP_PIECES, *PIECES], 150)
            with shown(sent), tally.one():
                answers = exchange(server, sent, rng)
                assert [status for status in re.findall(rb"HTTP/1.1 (\d+)", answers) if status >= b"500"] == []
                assert [(record.name, record.getMessage()) for record in caplog.records] == []
            if number % 125 == 0:
                assert server.client.post("/predict", content=FILM).status_code == 200
    admission = server.service.admission
    wait_until(lambda: (admission.reading, admission.bytes_held, admission.in_flight) == (0, 0, 0))
    assert failures_of(server) == failures


def failures_of(server: Running) -> list[bytes]:
    return [line for line in server.service.metrics.expose().splitlines() if b"internal-error" in line]


def exchange(server: Running, sent: bytes, rng: Random) -> bytes:
    """Send; every twentieth waits for an answer."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port)) as connection, suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        cut = rng.choice([0, rng.randint(0, len(sent))])
        connection.sendall(sent[:cut])
        connection.sendall(sent[cut:])
        connection.settimeout(0.03 if rng.random() < 0.05 else 5)
        if connection.gettimeout() == 5:
            connection.shutdown(socket.SHUT_WR)
        while piece := connection.recv(65536):
            received += piece
    return received
