"""`/v2`: the server and its model as the Open Inference Protocol describes them; `app.api.infer` has the inference."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from app.api.model_address import ADDRESSES, check_model, describe_parts, write_path
from app.api.problems import NO_STORE, NOT_FOUND, PROBLEMS, document
from app.api.service import ServiceDep
from app.api.v2_schemas import (
    IMAGE,
    OUTPUTS,
    IndexedModel,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    ServerMetadata,
    TensorMetadata,
)
from app.errors import NotReady

router = APIRouter(prefix="/v2", tags=["open inference protocol"])

_NOT_READY = document(PROBLEMS[NotReady], has_error=True)
_NO_MODEL = document(NOT_FOUND, PROBLEMS[NotReady], has_error=True)


@router.get("", summary="Describe the server", response_description="Name, version, extensions of the protocol.")
async def get_server(request: Request) -> ServerMetadata:
    """Return the server's name, its version, and the protocol's extensions that it supports."""
    return ServerMetadata(name="pneumoserve", version=request.app.version, extensions=["binary_tensor_data"])


@router.get("/health/live", summary="Probe liveness", response_description="The process answers.")
async def server_live(response: Response) -> Live:
    """Report that the process answers."""
    response.headers.update(NO_STORE)
    return Live()


@router.get("/health/ready", summary="Probe readiness", response_description="Films can be sent.", responses=_NOT_READY)
async def server_ready(service: ServiceDep, response: Response) -> Ready:
    """Report that films can be sent."""
    service.ready()
    response.headers.update(NO_STORE)
    return Ready()


@router.post(
    "/repository/index",
    summary="List the models",
    response_description="The model that runs; what was sent is not read.",
    responses=_NOT_READY,
)
async def repository_index(service: ServiceDep) -> list[IndexedModel]:
    """List the models that answer: the one that runs."""
    manifest = service.ready().manifest
    return [IndexedModel(name=manifest.name, version=manifest.version)]


async def metadata(request: Request, service: ServiceDep) -> ModelMetadata:
    """Describe the model's inputs and outputs; strings of `image` are base64 in JSON."""
    predictor = check_model(request, service.loaded())
    return ModelMetadata(
        name=predictor.manifest.name,
        versions=[predictor.manifest.version],
        platform=f"pneumoserve_{predictor.engine.name}",
        inputs=[TensorMetadata(name=IMAGE, datatype="BYTES", shape=[-1], parameters={"content_type": "base64"})],
        outputs=[TensorMetadata(name=name, datatype=datatype, shape=[-1]) for name, datatype in OUTPUTS.items()],
    )


async def ready(request: Request, service: ServiceDep, response: Response) -> ModelReady:
    """Report that films can be sent to this model."""
    response.headers.update(NO_STORE)
    return ModelReady(name=check_model(request, service.ready()).manifest.name)


for _end, _parts in ADDRESSES.items():
    router.add_api_route(
        write_path(_parts),
        metadata,
        name=f"metadata{_end}",
        summary="Describe the model's tensors",
        response_description="One value a film in each output.",
        responses=_NO_MODEL,
        response_model_exclude_none=True,
        openapi_extra={"parameters": describe_parts(_parts)},
    )
    router.add_api_route(
        write_path(_parts, "/ready"),
        ready,
        name=f"ready{_end}",
        summary="Probe the model",
        response_description="Films can be sent to it.",
        responses=_NO_MODEL,
        openapi_extra={"parameters": describe_parts(_parts)},
    )
