"""`create_app`: wires the parts; the lifespan loads the model in a thread while the port is already open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException

from app.api import docs, health, models, predict
from app.api.problems import INTERNAL_ERROR, METHOD_NOT_ALLOWED, NOT_FOUND, ProblemResponse, respond
from app.api.service import Service
from app.api.telemetry import Telemetry
from app.errors import ModelError, PneumoServeError
from app.inference.predictor import Predictor, open_predictor
from app.inference.scheduler import Scheduler
from app.process import granted_cores
from app.settings import Settings

_log = logging.getLogger("pneumoserve")


def create_app(settings: Settings, *, refused: Callable[[Exception], None] | None = None) -> FastAPI:
    """Make the service.

    Args:
        settings: all of them; nothing is read from the environment here.
        refused: told why no model could be loaded; the service then stays not ready.
    """
    service = Service(settings, Scheduler(granted_cores()))

    def load() -> Predictor:
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
            film = np.zeros((1, *predictor.manifest.shape), np.uint8)
            await service.scheduler.warm(lambda: predictor.engine.logits(film))
        except Exception as error:
            # Whatever it is: a service that stays not ready for ever, and does not say why, helps nobody.
            reason = str(error) if isinstance(error, ModelError) else f"unexpected {type(error).__name__}"
            _log.error("model refused", extra={"fields": {"reason": reason}})
            if refused is not None:
                refused(error)
            return
        service.predictor = predictor
        fields = {"model": predictor.entry.label, "engine": predictor.engine.name, "workers": service.scheduler.workers}
        _log.info("ready", extra={"fields": fields})

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(make_ready())
        try:
            yield
        finally:
            loading.cancel()
            service.scheduler.close()

    app = FastAPI(
        title="PneumoServe",
        version=_version(),
        description="Reads a chest X-ray and answers how likely pneumonia is. Not a medical device.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={PneumoServeError: _answer_error, HTTPException: _answer_http},
    )
    app.state.service = service
    for part in (predict, health, models, docs):
        app.include_router(part.router)
    app.add_middleware(Telemetry, service=service)
    return app


async def _answer_error(request: Request, error: Any) -> ProblemResponse:
    return respond(error, request.state.account.request_id)


async def _answer_http(request: Request, error: Any) -> ProblemResponse:
    """Give what the router refuses the same shape as everything else."""
    problem = {404: NOT_FOUND, 405: METHOD_NOT_ALLOWED}.get(error.status_code, INTERNAL_ERROR)
    details = {
        404: "Expected one of the addresses in /docs. Received another.",
        405: "Expected another method at this address: the header Allow names those it has.",
    }
    detail = details.get(error.status_code, "The service failed.")
    return ProblemResponse(problem, detail, request.state.account.request_id, dict(error.headers or {}))


def _version() -> str:
    try:
        return version("pneumoserve")
    except PackageNotFoundError:
        return "0"
