"""`GET /model`: what the model says of itself."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.problems import PROBLEMS, document
from app.api.schemas import ModelDescription, describe
from app.api.service import ServiceDep
from app.errors import NotReady

router = APIRouter()


@router.get("/model", responses=document(PROBLEMS[NotReady]))
async def model(service: ServiceDep) -> ModelDescription:
    """Tell the model's input, labels, operating points, measured figures and intended use."""
    predictor = service.ready()
    return describe(predictor.manifest, predictor.prevalence)
