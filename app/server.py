"""The HTTP server around the service; `pneumoserve serve` and the tests run the same one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

from app.api.early_refusal import EarlyRefusal
from app.first_request import FirstRequest, make_buffer
from app.headers import MAX_HEAD_BYTES
from app.settings import Settings


class DrainingServer(uvicorn.Server):
    """uvicorn, which ends with status 0, and listens for some seconds more after SIGTERM: load balancers see why."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], None], grace_seconds: float) -> None:
        """Call `drain` at the first signal; from then on the service takes no new work."""
        super().__init__(config)
        self._drain, self._grace_seconds = drain, grace_seconds
        self._is_ending = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; a second signal ends the process at once."""
        if self._is_ending:
            os._exit(128 + sig)
        self._is_ending = True
        self._drain()
        # Whoever presses Ctrl+C has no load balancer.
        timer = threading.Timer(self._grace_seconds if sig == signal.SIGTERM else 0, self._end)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        self.should_exit = True


def make_server(application: Any, settings: Settings) -> DrainingServer:
    """Return the server of what `create_app` made; its `run` listens until it is told to end."""
    service = application.state.service
    early = EarlyRefusal(service)

    class Protocol(FirstRequest):
        header_seconds = settings.body_timeout_seconds
        buffer = make_buffer()

        def refuse(self, head: bytes) -> bytes | None:
            return early.answer(head)

    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        http=Protocol,  # type: ignore[arg-type]  # a BufferedProtocol
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=int(settings.deadline_seconds) + 1,
    )
    return DrainingServer(config, service.drain, settings.drain_grace_seconds)
