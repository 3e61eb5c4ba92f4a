"""`POST /v2/models/…/infer`: some films in, their predictions out, by the Open Inference Protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from app.api.admission import HeldBody
from app.api.compression import inflate, measure, read_encoding
from app.api.film_request import PlainRoute, authorize, receive_body, watch_client
from app.api.model_address import ADDRESSES, check_model, describe_parts, write_path
from app.api.parameters import EXAMPLE_FILM
from app.api.problems import INTERNAL_ERROR, NOT_FOUND, PROBLEMS, document
from app.api.service import Service
from app.api.v2_answer import respond_with
from app.api.v2_request import LENGTH_HEADER, InferenceCall, read_call
from app.api.v2_schemas import IMAGE, MAX_FILMS, InferAnswer
from app.errors import ImageError, InvalidParameter, MalformedForm, MissingFile, TooManyBytes, UnsuitableImage
from app.inference.predictor import FilmPrediction, Predictor

T = TypeVar("T")

router = APIRouter(prefix="/v2", tags=["open inference protocol"])


_LENGTH = {
    "name": LENGTH_HEADER,
    "in": "header",
    "required": False,
    "description": "Bytes of the JSON, where a tensor stands behind it; without any Content-Encoding.",
    "schema": {"type": "integer", "minimum": 0},
}
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/InferRequest"},
            "example": {"inputs": [{"name": IMAGE, "shape": [1], "datatype": "BYTES", "data": [EXAMPLE_FILM]}]},
        },
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}


async def infer(request: Request) -> Response:
    """Send JPEG, PNG or DICOM files as the tensor `image`: base64 in JSON, or as they are behind it.

    A film that is refused fails the whole request: the problem tells its index. Not a medical device.
    """
    service: Service = request.app.state.service
    authorize(request, service)
    predictor = check_model(request, service.ready())
    request.state.account.model = predictor.manifest
    if request.scope["query_string"]:
        raise InvalidParameter("Expected no query: the JSON's field `parameters` has them. Received one.")
    call, predictions = await _predict_films(request, service, predictor)
    for found in predictions:
        service.metrics.count_film(found.decision.probability, found.logit, is_referred=found.decision.refer)
        service.metrics.count_gate(found.gate.verdict, found.gate.reason)
    return respond_with(call, predictions, predictor.manifest)


for _end, _parts in ADDRESSES.items():
    router.add_api_route(
        write_path(_parts, "/infer"),
        infer,
        methods=["POST"],
        name=f"infer{_end}",
        route_class_override=PlainRoute,
        summary="Read some chest X-rays",
        response_class=Response,
        response_description="One value a film in each output; behind the JSON, as octet-stream, where so wanted.",
        responses={
            200: {"model": InferAnswer},
            **document(*PROBLEMS.values(), INTERNAL_ERROR, NOT_FOUND, has_error=True),
        },
        openapi_extra={"parameters": [*describe_parts(_parts), _LENGTH], "requestBody": _BODY},
    )


@dataclass
class _Films:
    """The films of one request: each is a job of the scheduler, and all of them hold its body."""

    service: Service
    predictor: Predictor
    body: HeldBody
    deadline: float
    gone: asyncio.Future[None]
    _holders: int = 1
    waited: list[float] = field(default_factory=list)

    async def do(self, work: Callable[[], T]) -> T:
        """Return what work returns, done by a worker."""
        self._holders += 1
        try:
            result, waited = await self.service.scheduler.run(
                work, deadline=self.deadline, done=self.leave, gone=self.gone
            )
        except UnsuitableImage as error:
            if error.reason is not None:
                self.service.metrics.count_gate("refused", error.reason)
            raise
        self.waited.append(waited)
        return result

    def leave(self) -> None:
        """Release the body, once the request and all jobs have left."""
        self._holders -= 1
        if not self._holders:
            self.body.release()

    def predict(self, call: InferenceCall, index: int) -> FilmPrediction:
        """Predict one film, in a worker.

        Raises:
            PneumoServeError: the film is refused; the message tells its index.
        """
        point = self.predictor.point(call.parameters.operating_point)
        gate = self.service.settings.gate if call.parameters.gate == "on" else "off"
        try:
            return self.predictor.predict(call.film(index), operating_point=point, gate=gate)
        except UnsuitableImage as error:
            raise UnsuitableImage(f"{IMAGE}[{index}]: {error}", error.reason) from None
        except (ImageError, MalformedForm, MissingFile) as error:
            raise type(error)(f"{IMAGE}[{index}]: {error}") from None


async def _predict_films(
    request: Request, service: Service, predictor: Predictor
) -> tuple[InferenceCall, list[FilmPrediction]]:
    """Read a request and predict its films.

    The job that reads it goes on with its first film: a request of one film waits once, as that of `/predict` does.
    """
    headers, settings = request.headers, service.settings
    encoding = read_encoding(headers.get("content-encoding", ""))
    body = service.admission.hold()
    try:
        data, deadline = await receive_body(request, service, body)
        # Twice, as a film's bytes are taken out of it.
        decoded = 0 if encoding else len(data)
        _check_room_alone(body, decoded, settings.max_bytes_held)
        service.admission.enter(body, decoded)
    except BaseException:
        body.release()
        raise
    held = [data]
    del data

    def begin() -> tuple[InferenceCall, FilmPrediction]:
        call = read_call(
            inflate(held.pop(), encoding),
            headers.get(LENGTH_HEADER),
            model=predictor.manifest.name,
            most_films=min(MAX_FILMS, settings.max_in_flight),
        )
        return call, films.predict(call, 0)

    with watch_client(request) as gone:
        films = _Films(service, predictor, body, deadline, gone)
        try:
            if encoding:
                size = await films.do(lambda: measure(held[0], encoding, settings.max_upload_bytes))
                _check_room_alone(body, 2 * size, settings.max_bytes_held)
                body.hold(2 * size)
            call, first = await films.do(begin)
            service.admission.enter(body, films=len(call.films) - 1)
            others = [
                asyncio.ensure_future(films.do(_later(films, call, index))) for index in range(1, len(call.films))
            ]
            try:
                predictions = [first, *await asyncio.gather(*others)]
            finally:
                for job in others:
                    job.cancel()
        finally:
            films.leave()
    _account(request, films, predictions)
    return call, predictions


def _check_room_alone(body: HeldBody, more: int, most: int) -> None:
    """Refuse for good what could never be held: overload passes, and callers come again."""
    if body.size + more > most:
        raise TooManyBytes(f"Expected at most {most} bytes in memory for a body and its films. Received more.")


def _later(films: _Films, call: InferenceCall, index: int) -> Callable[[], FilmPrediction]:
    return lambda: films.predict(call, index)


def _account(request: Request, films: _Films, predictions: list[FilmPrediction]) -> None:
    """Account for the longest wait, and for the work on all films."""
    seconds = request.state.account.seconds
    seconds["wait"] = max(films.waited)
    for prediction in predictions:
        for phase, spent in prediction.seconds.items():
            seconds[phase] = seconds.get(phase, 0.0) + spent
