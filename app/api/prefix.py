"""The path at which a proxy shows the service, where the proxy hands it on: routes and log know their own paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """ASGI application around the others: `/xray/predict` and, from a proxy that takes the prefix off, `/predict`.

    Starlette's own `root_path` is left unset: with it, a mounted folder is not found at the shorter path.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Remove the prefix and pass the request on."""
        if scope["type"] == "http" and scope["path"].startswith(f"{self._root_path}/"):
            scope = {**scope, "path": scope["path"].removeprefix(self._root_path)}
        await self._app(scope, receive, send)
