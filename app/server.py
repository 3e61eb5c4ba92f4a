"""The HTTP server around the service; `pneumoserve serve` and the tests run the same one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import uvicorn

from app.settings import Settings


def make_server(application: Callable[..., Any], settings: Settings) -> uvicorn.Server:
    """Make the server; its `run` listens until it is told to end.

    h11 and not httptools, though that is faster by a millisecond a film: httptools drops the body of a request that
    offers another protocol, as Java's own client offers HTTP/2 with each, and reads headers of any size.
    """
    return uvicorn.Server(
        uvicorn.Config(
            application,
            host=settings.host,
            port=settings.port,
            http="h11",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(settings.deadline_seconds) + 1,
        )
    )
