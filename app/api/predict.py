"""`POST /predict`: one film in, one answer out."""

from __future__ import annotations

from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from app.api.body import FIELD, find_upload
from app.api.problems import INTERNAL_ERROR, PROBLEMS, document, respond
from app.api.schemas import Prediction, encode_prediction
from app.api.service import ServiceDep, find_service
from app.errors import InvalidParameter, PneumoServeError
from app.inference.reader import MAP_KINDS, MapKind, Reader

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

router = APIRouter()

_PARAMETERS = {
    "activation_maps": {
        "description": "Which maps to draw: of what drove the logit, of every layer's channels, both or none.",
        "schema": {"type": "string", "enum": list(MAP_KINDS), "default": "none"},
    },
    "operating_point": {
        "description": "A name from the model's operating points (see /model); unset: its default.",
        "schema": {"type": "string"},
    },
}


_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "string", "format": "binary"}},
            }
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}


@router.post(
    "/predict",
    summary="Read one chest X-ray",
    response_class=Response,
    responses={200: {"model": Prediction}, **document(*PROBLEMS.values(), INTERNAL_ERROR)},
    openapi_extra={
        "requestBody": _BODY,
        "parameters": [{"name": name, "in": "query", "required": False} | rest for name, rest in _PARAMETERS.items()],
    },
)
async def predict(request: Request, service: ServiceDep) -> Response:
    """Send a JPEG or PNG as the only part `file` of a form, or as the raw body. Not a medical device."""
    reader = service.ready()
    maps, operating_point = _read_query(request, reader)
    admission, seconds = service.admission, request.state.seconds
    body = admission.hold()
    try:
        begun = perf_counter()
        data = await admission.read_body(body, request.receive, _declared_length(request))
        seconds["read"] = perf_counter() - begun
        deadline = monotonic() + service.settings.deadline_seconds
        headers = request.headers
        upload = find_upload(data, headers.get("content-type", ""), headers.get("content-encoding", ""))
        del data
        admission.enter(body)
    except BaseException:
        body.release()
        raise

    def work() -> tuple[bytes, dict[str, float], float]:
        reading = reader.read(upload.data, operating_point=operating_point, maps=maps)
        answer = encode_prediction(reading, reader.manifest, filename=upload.filename, prevalence=reader.prevalence)
        return answer, reading.seconds, reading.decision.probability

    # From here the film counts as in flight, and its bytes as held, until the worker lets go of it.
    (answer, spent, probability), waited = await service.scheduler.run(work, deadline=deadline, done=body.release)
    seconds.update(wait=waited, **spent)
    service.metrics.count_film(probability)
    return Response(answer, media_type="application/json", headers={"Cache-Control": "no-store"})


async def answer_directly(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `POST /predict` as the route does, without the way through routing and dependencies to it."""
    request = Request(scope, receive, send)
    try:
        response = await predict(request, await find_service(request))
    except PneumoServeError as error:
        response = respond(request, error)
    await response(scope, receive, send)


def _read_query(request: Request, reader: Reader) -> tuple[MapKind, str]:
    """Read the parameters strictly: one that is ignored would be one that a caller relies on in vain."""
    items = request.query_params.multi_items()
    query = dict(items)
    accepted = ", ".join(_PARAMETERS)
    if unknown := len(query.keys() - _PARAMETERS.keys()):
        raise InvalidParameter(f"Expected only the parameters {accepted}. Received {unknown} of another name.")
    if len(query) != len(items):
        raise InvalidParameter(f"Expected each of the parameters {accepted} once at most. Received one twice.")
    wanted = query.get("activation_maps", "none")
    maps = next((kind for kind in MAP_KINDS if kind == wanted), None)
    if maps is None:
        raise InvalidParameter(f"activation_maps: expected one of {', '.join(MAP_KINDS)}. Received another.")
    return maps, reader.point(query.get("operating_point"))


def _declared_length(request: Request) -> int | None:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else None
