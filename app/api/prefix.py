"""Removal of the path at which a proxy shows the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """Middleware for `/xray/predict` and, where the proxy removes the prefix, `/predict`.

    With Starlette's `root_path`, a mounted folder is not found at the shorter path.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Remove the prefix."""
        if scope["type"] == "http" and scope["path"].startswith(f"{self._root_path}/"):
            scope = {**scope, "path": scope["path"].removeprefix(self._root_path)}
        await self._app(scope, receive, send)
