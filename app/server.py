"""The HTTP server around the service; `pneumoserve serve` and the tests run the same one."""

from __future__ import annotations

from typing import Any

import uvicorn

from app.headers import MAX_HEAD_BYTES
from app.protocol import PlainProtocol
from app.settings import Settings


def make_server(application: Any, settings: Settings) -> uvicorn.Server:
    """Return the server of what `create_app` made; its `run` listens until it is told to end."""

    class Protocol(PlainProtocol):
        header_seconds = settings.body_timeout_seconds

    return uvicorn.Server(
        uvicorn.Config(
            application,
            host=settings.host,
            port=settings.port,
            http=Protocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=int(settings.deadline_seconds) + 1,
        )
    )
