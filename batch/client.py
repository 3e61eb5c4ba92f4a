"""The Python client: the service's answers, typed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.api.schemas import Health, ModelDescription, Prediction
from batch import operations
from batch.connection import Connection, Liveness
from batch.errors import ServiceGone
from batch.operations import Operation, Result, Switch
from batch.retry import DEFAULT_RETRIES, RetryPolicy
from batch.service import Service

if TYPE_CHECKING:
    from types import TracebackType

    from app.inference.overlay import Style
    from app.inference.predictor import MapKind


class Client:
    """Calls the service. Thread-safe: each call under way has a connection of its own, which later calls use again.

    Every call retries as its policy says, and raises:

    - `Problem`: the service refused, or stayed busy; with slug, status and detail.
    - `NoAnswer`: nobody answered.
    - `UnexpectedAnswer`: another server answered, or another version of the service.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        retries: RetryPolicy = DEFAULT_RETRIES,
        operating_point: str | None = None,
        liveness: Liveness | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            url: of the service, with a proxy's path, without a route.
            api_key: sent as `X-API-Key`.
            retries: how often and how long; `ONCE` for none.
            operating_point: of calls that name none; None: the model's default.
            liveness: the clock, and how to wait.

        Raises:
            WrongAddress: the URL or the key cannot be used.
        """
        self._service = Service(url, operating_point, api_key)
        self._retries = retries
        self._liveness = liveness or Liveness()
        self._idle: list[Connection] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a later call opens another."""
        while self._idle:
            self._idle.pop().close()

    def predict(
        self,
        film: bytes | Path,
        *,
        operating_point: str | None = None,
        activation_maps: MapKind = "none",
        gate: Switch | None = None,
    ) -> Prediction:
        """Return how likely pneumonia is on a film.

        Args:
            film: a JPEG, PNG or DICOM file, or its path; the name is not sent.
            operating_point: its name; None: the client's.
            activation_maps: which to compute.
            gate: "off": do not assess whether the film lies in the model's domain; None: as the service is set.
        """
        given = operations.predict(
            self._service, _read(film), operating_point=operating_point, activation_maps=activation_maps, gate=gate
        )
        return self._run(given)

    def explain(
        self,
        film: bytes | Path,
        *,
        style: Style = "heat",
        level: float | None = None,
        operating_point: str | None = None,
        gate: Switch | None = None,
    ) -> bytes:
        """Return a film with the evidence drawn over it, as PNG.

        Args:
            film: as for `predict`.
            style: "heat", "contour", or "film" without evidence.
            level: in logits of one cell, 0 to 1000: weaker evidence is not drawn; None: as the style has it.
            operating_point: as for `predict`.
            gate: likewise.
        """
        given = operations.explain(
            self._service, _read(film), style=style, level=level, operating_point=operating_point, gate=gate
        )
        return self._run(given)

    def model(self) -> ModelDescription:
        """Return what is served: operating points, metrics, intended use."""
        return self._run(operations.model(self._service))

    def health(self) -> Health:
        """Return the state of a service that is ready; retried like any call, it waits for one that starts."""
        return self._run(operations.health(self._service))

    def _run(self, operation: Operation[Result]) -> Result:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = Connection(self._service, self._retries, self._liveness)
        try:
            answer = connection.send(operation.request)
        except ServiceGone as gone:
            answer = gone.answer
        except BaseException:
            connection.close()  # in the middle of an exchange
            raise
        self._idle.append(connection)
        return operation.result(answer)


def _read(film: bytes | Path) -> bytes:
    return film.read_bytes() if isinstance(film, Path) else film
