"""`create_app`: wires the parts; the lifespan loads the model in a thread while the port is already open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException

from app.api import docs, explain, health, infer, models, page, predict, v2
from app.api.cors import CORS
from app.api.model_choice import ModelChoice
from app.api.openapi import DescribedApp
from app.api.prefix import Prefix
from app.api.problems import INTERNAL_ERROR, METHOD_NOT_ALLOWED, NOT_FOUND, ProblemResponse, respond
from app.api.service import Service
from app.api.telemetry import Failures, Telemetry
from app.api.tracing import Tracing
from app.errors import PneumoServeError
from app.inference.predictor import Predictor
from app.inference.scheduler import Scheduler
from app.listening import url_of
from app.process import granted_cores
from app.settings import Settings
from app.version import package_version

_log = logging.getLogger("pneumoserve")
WORKERS_END_SECONDS = 2.0


def create_app(
    settings: Settings, *, refused: Callable[[Exception], None] | None = None, tracing: Tracing | None = None
) -> FastAPI:
    """Return the service.

    Args:
        settings: all of them; nothing is read from the environment here.
        refused: called with the reason why no model could be loaded; the service then stays not ready.
        tracing: sends the spans of every request, and is closed at the end.
    """
    service = Service(settings, Scheduler(granted_cores()), tracing)

    def ready(predictor: Predictor) -> None:
        fields = {"model": predictor.entry.label, "engine": predictor.engine.name, "workers": service.scheduler.workers}
        _log.info("ready", extra={"fields": fields | {"url": url_of(settings.host, settings.port)}})

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(ModelChoice(service, ready=ready, refused=refused).follow())
        try:
            yield
        finally:
            following.cancel()
            service.scheduler.close()
            if not service.scheduler.join(WORKERS_END_SECONDS):
                _log.warning("a worker is still busy")
            if tracing is not None:
                await asyncio.to_thread(tracing.close)

    app = DescribedApp(
        title="PneumoServe",
        version=package_version(),
        description="Reads a chest X-ray and answers how likely pneumonia is. Not a medical device.",
        servers=[{"url": settings.root_path}] if settings.root_path else None,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={PneumoServeError: _answer_error, HTTPException: _answer_http},
    )
    app.state.service = service
    for part in (predict, explain, infer, v2, health, models, docs, page):
        app.include_router(part.router)
    # From the inside out.
    app.add_middleware(predict.DirectPredict)
    app.add_middleware(Failures)
    if settings.cors_origins:
        app.add_middleware(CORS, origins=settings.cors_origins)
    app.add_middleware(Telemetry, service=service)
    if settings.root_path:
        app.add_middleware(Prefix, root_path=settings.root_path)
    return app


async def _answer_error(request: Request, error: Any) -> ProblemResponse:
    return respond(error, request.state.account.request_id)


async def _answer_http(request: Request, error: Any) -> ProblemResponse:
    """Return what the router refuses as a problem."""
    problem = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED}.get(error.status_code, INTERNAL_ERROR)
    details = {
        404: "Expected one of the addresses in /docs. Received another.",
        405: "Expected another method at this address: the header Allow names those it has.",
    }
    detail = details.get(error.status_code, "The service failed.")
    return ProblemResponse(problem, detail, request.state.account.request_id, dict(error.headers or {}))
