"""CORS headers, for pages of other origins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class CORS(CORSMiddleware):
    """Starlette's, within `Telemetry`: preflights are logged as `preflight`.

    The service has no cookies: credentials are not allowed, and any header may be sent.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["*"],
            expose_headers=["X-Request-ID", "Retry-After", "Server-Timing"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to a preflight, or add the headers to a response."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            # A problem overwrites it.
            scope["state"]["outcome"] = "preflight"
        await super().__call__(scope, receive, send)
