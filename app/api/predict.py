"""`POST /predict`: one film in, one answer out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams

from app.api import json_form
from app.api.predict_openapi import PARAMETERS, REQUEST
from app.api.problems import INTERNAL_ERROR, PROBLEMS, document, respond
from app.api.schemas import Prediction, encode_prediction
from app.api.service import Service
from app.api.upload import find_upload
from app.errors import InvalidParameter, PneumoServeError, UnsuitableImage
from app.inference.gate import Passage
from app.inference.predictor import MAP_KINDS, MapKind, Predictor
from app.names import GateMode

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class PlainRoute(APIRoute):
    """A documented route whose endpoint takes the request itself, without FastAPI's parsing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the endpoint."""
        return self.endpoint


router = APIRouter(route_class=PlainRoute, tags=["films"])


@router.post(
    "/predict",
    summary="Read one chest X-ray",
    response_class=Response,
    response_description="How likely pneumonia is, and how far to trust it.",
    responses={200: {"model": Prediction}, **document(*PROBLEMS.values(), INTERNAL_ERROR)},
    openapi_extra=REQUEST,
)
async def predict(request: Request) -> Response:
    """Send a JPEG or PNG as the only part `file` of a form, as base64 in JSON, or as the raw body.

    Not a medical device.
    """
    service: Service = request.app.state.service
    predictor = service.ready()
    query = read_query(request.scope["query_string"], predictor)
    headers, account, admission = request.headers, request.state.account, service.admission
    content_type = headers.get("content-type", "")
    gate = service.settings.gate if query.gate_is_on else "off"
    wanted = PredictRequest(predictor, query, gate, content_type, headers.get("content-encoding", ""))
    body = admission.hold()
    try:
        data = await admission.read_body(body, request.receive, _declared_length(request), account.begun)
        now = monotonic()
        account.seconds["read"] = now - account.begun
        deadline = now + service.settings.deadline_seconds
        decoded = json_form.decoded_bytes(data, content_type)
        work = wanted.make_work(data)
        del data
        admission.enter(body, decoded)
    except BaseException:
        body.release()
        raise

    # From here the scheduler releases the body, when the worker is done with it.
    try:
        result, waited = await service.scheduler.run(work, deadline=deadline, done=body.release)
    except UnsuitableImage as error:
        if error.reason is not None:
            service.metrics.count_gate("refused", error.reason)
        raise
    account.seconds.update(wait=waited, **result.seconds)
    service.metrics.count_film(result.probability)
    service.metrics.count_gate(result.gate.verdict, result.gate.reason)
    return Response(result.answer, media_type="application/json", headers={"Cache-Control": "no-store"})


class DirectPredict:
    """ASGI application around FastAPI's router, which it saves `POST /predict`: half of the event loop's work on it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Predict, or pass the request on."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != "/predict":
            await self._app(scope, receive, send)
            return
        try:
            response = await predict(Request(scope, receive))
        except PneumoServeError as error:
            response = respond(error, scope["state"]["account"].request_id)
        await response(scope, receive, send)


class Predicted(NamedTuple):
    """An answer as JSON, its seconds by phase, P(PNEUMONIA), and what the gate found."""

    answer: bytes
    seconds: dict[str, float]
    probability: float
    gate: Passage


class Query(NamedTuple):
    """The parameters of a request."""

    maps: MapKind
    operating_point: str
    gate_is_on: bool


@dataclass(frozen=True)
class PredictRequest:
    """What a request asks for, known before its body."""

    predictor: Predictor
    query: Query
    gate: GateMode
    content_type: str
    content_encoding: str

    def make_work(self, body: bytes) -> Callable[[], Predicted]:
        """Return the work on a body, to be called once: find its film, predict, write the answer.

        It raises what `find_upload` and `Predictor.predict` raise.
        """
        predictor, held = self.predictor, [body]

        def work() -> Predicted:
            # Popped, so that a form is not held beside its film.
            upload = find_upload(held.pop(), self.content_type, self.content_encoding)
            prediction = predictor.predict(
                upload.data, operating_point=self.query.operating_point, maps=self.query.maps, gate=self.gate
            )
            answer = encode_prediction(
                prediction, predictor.manifest, filename=upload.filename, prevalence=predictor.prevalence
            )
            return Predicted(answer, prediction.seconds, prediction.decision.probability, prediction.gate)

        return work


def read_query(query_string: bytes, predictor: Predictor) -> Query:
    """Read the parameters strictly: a caller may rely on one that is ignored.

    Raises:
        InvalidParameter: one is unknown, repeated, or has another value than the accepted.
    """
    if not query_string:
        return Query("none", predictor.point(None), gate_is_on=True)
    items = QueryParams(query_string).multi_items()
    query = dict(items)
    accepted = ", ".join(PARAMETERS)
    if unknown := len(query.keys() - PARAMETERS.keys()):
        raise InvalidParameter(f"Expected only the parameters {accepted}. Received {unknown} of another name.")
    if len(query) != len(items):
        raise InvalidParameter(f"Expected each of the parameters {accepted} once at most. Received one twice.")
    wanted = query.get("activation_maps", "none")
    maps = next((kind for kind in MAP_KINDS if kind == wanted), None)
    if maps is None:
        raise InvalidParameter(f"activation_maps: expected one of {', '.join(MAP_KINDS)}. Received another.")
    if (gate := query.get("gate", "on")) not in ("on", "off"):
        raise InvalidParameter("gate: expected on or off. Received another.")
    return Query(maps, predictor.point(query.get("operating_point")), gate_is_on=gate == "on")


def _declared_length(request: Request) -> int | None:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else None
