"""Liveness, readiness and metrics, for load balancers, Kubernetes and Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.api.metrics import CONTENT_TYPE
from app.api.problems import NO_STORE, PROBLEMS, document
from app.api.schemas import Health, ModelIdentity, ProbeResult, Refused, identify
from app.api.service import ServiceDep
from app.errors import NotReady

router = APIRouter(tags=["monitoring"])

_NOT_READY = document(PROBLEMS[NotReady])

# Async: a plain function's thread would wait behind busy workers.


@router.head("/health", include_in_schema=False)
@router.get(
    "/health",
    summary="Tell model, engine and uptime",
    response_description="A golden prediction has passed.",
    responses=_NOT_READY,
    response_model_exclude_none=True,
)
async def get_health(service: ServiceDep, response: Response) -> Health:
    """Report that a golden prediction has passed, with which model and engine."""
    predictor = service.ready()
    response.headers.update(NO_STORE)
    return Health(
        status="ok",
        model=ModelIdentity(**identify(predictor.manifest)),
        engine=predictor.engine.name,
        uptime_seconds=round(service.uptime_seconds, 3),
        refused=Refused(**service.refusal._asdict()) if service.refusal else None,
    )


@router.head("/livez", include_in_schema=False)
@router.get("/livez", summary="Probe liveness", response_description="The process answers.")
async def get_livez(response: Response) -> ProbeResult:
    """Report that the process answers."""
    response.headers.update(NO_STORE)
    return ProbeResult(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Probe readiness", response_description="Films can be sent.", responses=_NOT_READY)
async def get_readyz(service: ServiceDep, response: Response) -> ProbeResult:
    """Report that films can be sent."""
    service.ready()
    response.headers.update(NO_STORE)
    return ProbeResult(status="ok")


@router.get(
    "/metrics",
    summary="Expose metrics",
    response_class=Response,
    response_description="Prometheus' text format.",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(service: ServiceDep) -> Response:
    """Return the metrics for Prometheus."""
    return Response(service.metrics.expose(), media_type=CONTENT_TYPE, headers=NO_STORE)
