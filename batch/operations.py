"""The operations of the service, typed: a request, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from app.api.schemas import Health, ModelDescription, Prediction
from batch.answer import Answer, read_problem
from batch.errors import NoAnswer, UnexpectedAnswer
from batch.service import Request, Service

if TYPE_CHECKING:
    from app.inference.overlay import Style
    from app.inference.predictor import MapKind

Result = TypeVar("Result")
Model = TypeVar("Model", bound=BaseModel)
Switch = Literal["on", "off"]

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Operation(Generic[Result]):
    """One call: what is sent, and how the body of a 200 is read."""

    request: Request
    read: Callable[[bytes], Result]

    def result(self, answer: Answer) -> Result:
        """Return what the last answer holds.

        Raises:
            NoAnswer: it was lost.
            Problem: it has another status than 200.
            UnexpectedAnswer: it is of another server, or of another version of the service.
        """
        if answer.status is None:
            raise NoAnswer(f"Expected an answer of the service. Received none ({answer.detail}).")
        if answer.status != 200:
            raise read_problem(answer)
        return self.read(answer.body)


def predict(
    service: Service, film: bytes, *, operating_point: str | None, activation_maps: MapKind, gate: Switch | None
) -> Operation[Prediction]:
    """Return the operation `POST /predict`."""
    maps = None if activation_maps == "none" else activation_maps
    query = {"operating_point": operating_point, "activation_maps": maps, "gate": gate}
    return Operation(service.film("/predict", film, query), _reader(Prediction))


def explain(
    service: Service,
    film: bytes,
    *,
    style: Style,
    level: float | None,
    operating_point: str | None,
    gate: Switch | None,
) -> Operation[bytes]:
    """Return the operation `POST /explain`."""
    least = None if level is None else f"{level:g}"
    query = {"operating_point": operating_point, "style": style, "level": least, "gate": gate}
    return Operation(service.film("/explain", film, query), _read_png)


def model(service: Service) -> Operation[ModelDescription]:
    """Return the operation `GET /model`."""
    return Operation(service.get("/model"), _reader(ModelDescription))


def health(service: Service) -> Operation[Health]:
    """Return the operation `GET /health`."""
    return Operation(service.get("/health"), _reader(Health))


def _reader(kind: type[Model]) -> Callable[[bytes], Model]:
    def read(body: bytes) -> Model:
        try:
            return kind.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise UnexpectedAnswer(f"Expected a {kind.__name__} of the service. Received another answer ({reason}).")

    return read


def _read_png(body: bytes) -> bytes:
    if not body.startswith(_PNG_SIGNATURE):
        raise UnexpectedAnswer(f"Expected a PNG of the service. Received {len(body)} bytes of another format.")
    return body
