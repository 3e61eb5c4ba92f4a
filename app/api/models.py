"""`GET /model`."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.problems import PROBLEMS, document
from app.api.schemas import ModelDescription, describe
from app.api.service import ServiceDep
from app.errors import NotReady

router = APIRouter(tags=["model"])


@router.get(
    "/model",
    summary="Describe the model",
    response_description="The model. The example leaves out most metrics.",
    responses=document(PROBLEMS[NotReady]),
)
async def get_model(service: ServiceDep) -> ModelDescription:
    """Return the model's input, labels, operating points, metrics and intended use."""
    predictor = service.loaded()
    return describe(predictor.manifest, predictor.prevalence)
