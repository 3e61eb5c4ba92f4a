"""`POST /predict`: one film in, one answer out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fastapi import APIRouter, Request, Response

from app.api.film_request import PlainRoute, authorize, process_film
from app.api.parameters import ON_OFF, PREDICT, choose, describe_request, read_parameters
from app.api.problems import INTERNAL_ERROR, NO_STORE, PROBLEMS, document, respond
from app.api.schemas import Prediction, encode_prediction
from app.api.service import Service
from app.api.upload import Upload
from app.errors import PneumoServeError
from app.inference.predictor import MAP_KINDS, FilmPrediction, MapKind, Predictor

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


router = APIRouter(route_class=PlainRoute, tags=["films"])


@router.post(
    "/predict",
    summary="Read one chest X-ray",
    response_class=Response,
    response_description="How likely pneumonia is, and how far to trust it.",
    responses={200: {"model": Prediction}, **document(*PROBLEMS.values(), INTERNAL_ERROR)},
    openapi_extra=describe_request(PREDICT),
)
async def predict(request: Request) -> Response:
    """Send a JPEG, PNG or DICOM file as the only part `file` of a form, as base64 in JSON, or as the raw body.

    Not a medical device.
    """
    service: Service = request.app.state.service
    authorize(request, service)
    predictor = service.ready()
    request.state.account.model = predictor.manifest
    query = read_query(request.scope["query_string"], predictor)
    gate = service.settings.gate if query.gate_is_on else "off"

    def work(film: Upload) -> Predicted:
        prediction = predictor.predict(film.data, operating_point=query.operating_point, maps=query.maps, gate=gate)
        answer = encode_prediction(
            prediction, predictor.manifest, filename=film.filename, prevalence=predictor.prevalence
        )
        return Predicted(answer, prediction)

    result = await process_film(request, service, work)
    found = result.prediction
    service.metrics.count_film(found.decision.probability, found.logit, is_referred=found.decision.refer)
    service.metrics.count_gate(found.gate.verdict, found.gate.reason)
    return Response(result.answer, media_type="application/json", headers=NO_STORE)


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
    """An answer as JSON, and what it tells."""

    answer: bytes
    prediction: FilmPrediction

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by phase."""
        return self.prediction.seconds


class Query(NamedTuple):
    """The parameters of a request."""

    maps: MapKind
    operating_point: str
    gate_is_on: bool


def read_query(query_string: bytes, predictor: Predictor) -> Query:
    """Read the parameters of `/predict`.

    Raises:
        InvalidParameter: see `read_parameters`, or one has another value than the accepted.
    """
    query = read_parameters(query_string, PREDICT)
    maps = choose("activation_maps", query.get("activation_maps"), MAP_KINDS)
    return Query(maps, predictor.point(query.get("operating_point")), choose("gate", query.get("gate"), ON_OFF) == "on")
