"""`GET /model`."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.problems import PROBLEMS, document
from app.api.schemas import ModelDescription, describe
from app.api.service import ServiceDep
from app.errors import NotReady

router = APIRouter()


@router.get("/model", responses=document(PROBLEMS[NotReady]))
async def model(service: ServiceDep) -> ModelDescription:
    """Return the model's input, labels, operating points, metrics and intended use."""
    predictor = service.loaded()
    return describe(predictor.manifest, predictor.prevalence)
