"""`create_app`: wires the parts; the lifespan loads the model in a thread while the port is already open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException

from app.api import docs, explain, health, models, page, predict
from app.api.cors import CORS
from app.api.openapi import DescribedApp
from app.api.prefix import Prefix
from app.api.problems import INTERNAL_ERROR, METHOD_NOT_ALLOWED, NOT_FOUND, ProblemResponse, respond
from app.api.service import Service
from app.api.telemetry import Failures, Telemetry
from app.errors import OUT_OF_MEMORY, ModelError, PneumoServeError, is_out_of_memory
from app.inference.memory import ENGINE_BYTES, THREAD_BYTES, check_room
from app.inference.predictor import Predictor, open_predictor
from app.inference.scheduler import Scheduler
from app.listening import url_of
from app.process import granted_cores
from app.settings import Settings
from app.version import package_version

_log = logging.getLogger("pneumoserve")


def create_app(settings: Settings, *, refused: Callable[[Exception], None] | None = None) -> FastAPI:
    """Return the service.

    Args:
        settings: all of them; nothing is read from the environment here.
        refused: called with the reason why no model could be loaded; the service then stays not ready.
    """
    service = Service(settings, Scheduler(granted_cores()))

    def load() -> Predictor:
        # Besides the workers: the thread that loads, and those of OpenVINO that ask for memory.
        check_room(ENGINE_BYTES + (service.scheduler.workers + 3) * THREAD_BYTES)
        return open_predictor(
            settings.model_store,
            settings.model,
            settings.engine,
            max_pixels=settings.max_pixels,
            prevalence=settings.prevalence,
        )

    async def make_ready() -> None:
        try:
            predictor = await asyncio.to_thread(load)
            await service.scheduler.warm(lambda: predictor.warm(settings.gate))
        except Exception as error:
            # Any error: a service must not stay unready without a reason in its log.
            _log.error("model refused", extra={"fields": {"reason": _reason(error)}})
            if refused is not None:
                refused(error)
            return
        service.predictor = predictor
        fields = {"model": predictor.entry.label, "engine": predictor.engine.name, "workers": service.scheduler.workers}
        _log.info("ready", extra={"fields": fields | {"url": url_of(settings.host, settings.port)}})

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(make_ready())
        try:
            yield
        finally:
            loading.cancel()
            service.scheduler.close()

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
    for part in (predict, explain, health, models, docs, page):
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


def _reason(error: Exception) -> str:
    if isinstance(error, ModelError):
        return str(error)
    return OUT_OF_MEMORY if is_out_of_memory(error) else f"unexpected {type(error).__name__}"


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
