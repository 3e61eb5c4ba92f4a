"""The problems of `POST /predict`, and of a model that does not run, as a real service answers them."""

from __future__ import annotations

import json
import struct
import zlib
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from app.keys import make_key, read_keys
from tests.api.test_admission import holding
from tests.conftest import encode, film_pixels
from tests.running import Running, running, wait_until

FILM = encode(film_pixels(1), ".png")
OVERSIZED_HEADER = b"IHDR" + struct.pack(">II", 10_000, 9_000) + FILM[24:29]
OVERSIZED = FILM[:12] + OVERSIZED_HEADER + struct.pack(">I", zlib.crc32(OVERSIZED_HEADER)) + FILM[33:]
BUNDLED = Path(__file__).parents[2] / "model_store"
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def provoke_problems(store: Path) -> list[dict[str, Any]]:
    """Return one problem of each kind, under default settings but for the two time limits."""
    with running(store) as server:
        problems = [
            _post(server, b""),
            _post(server, b"no form at all", headers=FORM),
            _post(server, OVERSIZED),
            _post(server, b"%PDF-1.7"),
            _post(server, FILM[: len(FILM) // 2]),
            _post(server, encode(film_pixels(0, 63, 100), ".png")),
            _post(server, FILM, params={"activation_maps": "heat"}),
            _post_part(server, 70_000_000),
        ]
        predictor = server.service.predictor
        assert predictor is not None
        predictor.engine = None  # type: ignore[assignment]
        problems.append(_post(server, FILM))
        server.service.predictor = None
        problems.append(_post(server, FILM))
    with running(BUNDLED, model="pneumonet/3") as server:
        problems.append(server.client.get("/v2/models/pneumonet/versions/4").json())
    with running(store, api_keys=read_keys(make_key("caller")[1])) as server:
        problems.append(_post(server, FILM))
    with running(store, body_timeout_seconds=0.2) as server:
        problems.append(_post_part(server, 1000))
    with holding(store, deadline_seconds=0.2) as (server, _):
        problems.append(_post(server, FILM))
    with holding(store) as (server, engine), ExitStack() as open_connections:
        most = server.service.settings.max_in_flight
        for _count in range(most):
            connection = open_connections.enter_context(closing(HTTPConnection("127.0.0.1", server.port)))
            connection.request("POST", "/predict", FILM)
        wait_until(lambda: server.service.admission.in_flight == most)
        problems.append(_post(server, FILM))
        engine.go.set()
    return problems


def _post(server: Running, content: bytes, **request: Any) -> dict[str, Any]:
    problem: dict[str, Any] = server.client.post("/predict", content=content, **request).json()
    return problem


def _post_part(server: Running, length: int) -> dict[str, Any]:
    """Declare a length and send ten bytes."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Length", str(length))
        connection.endheaders(FILM[:10])
        problem: dict[str, Any] = json.loads(connection.getresponse().read())
        return problem
