"""What a browser needs to be told before a page of another origin may ask the service and read its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class CORS(CORSMiddleware):
    """Starlette's, within `Telemetry`: preflights are logged too, and counted as `preflight`.

    There is nothing to log in with by cookies, so credentials are not allowed, and any header may be sent.
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
            # A problem that the routes answer writes its own over it.
            scope["state"]["outcome"] = "preflight"
        await super().__call__(scope, receive, send)
