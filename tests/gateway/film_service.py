"""A stand-in for the service: it answers about DICOM films, and fails as a test plans it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tests.batch.stand_in import MODEL
from tests.conftest import encode
from tests.local_server import LocalServer, QuietHandler

SHA256 = "ab" * 32


class FilmService:
    """A server that keeps the contract; while `problem` is set, every film gets it."""

    def __init__(self) -> None:
        self.problem: tuple[int, str] | None = None
        self.sha256 = SHA256
        self.asked = 0
        self.headers: list[dict[str, str]] = []
        service = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:  # noqa: N802 - named by http.server
                self.reply(
                    200, json.dumps(MODEL | {"name": "drawn", "version": "1", "sha256": service.sha256}).encode()
                )

            def do_POST(self) -> None:  # noqa: N802 - named by http.server
                self.rfile.read(int(self.headers["Content-Length"]))
                service.headers.append(dict(self.headers))
                service.asked += 1
                if service.problem is not None:
                    status, slug = service.problem
                    body = {"type": f"/problems/{slug}", "detail": f"Expected better than {slug}.", "request_id": "r"}
                    self.reply(status, json.dumps(body).encode())
                elif self.path.startswith("/explain"):
                    self.reply(200, PICTURE, "image/png")
                else:
                    self.reply(200, json.dumps(service.answer("activation_maps=cam" in self.path)).encode())

        self._server = LocalServer(Handler)
        self.url, self.stop = self._server.url, self._server.stop

    def answer(self, with_map: bool) -> dict[str, Any]:
        values: dict[str, Any] = {"values": [[-0.2, 0.1], [0.3, 0.9]], "bias": -0.4, "scale": 0.5}
        cam = {"kind": "cam", "method": "cam", "layer": "conv", "width": 150, "height": 150, "png": ""} | values
        return {
            "class": "PNEUMONIA",
            "probability": 0.973041,
            "operating_point": {"name": "balanced", "threshold": 0.41},
            "refer": False,
            "warnings": [{"code": "children-only", "detail": "Fitted on films of children."}],
            "filename": None,
            "gate": {"mode": "refuse", "verdict": "usual", "reason": None},
            "dicom": None,
            "model": {"name": "drawn", "version": "1", "sha256": self.sha256},
            "activation_maps": [cam] if with_map else [],
        }


PICTURE = encode(np.random.default_rng(0).integers(0, 255, (300, 260, 3), dtype=np.uint8), ".png")


@contextmanager
def film_service() -> Iterator[FilmService]:
    service = FilmService()
    try:
        yield service
    finally:
        service.stop()
