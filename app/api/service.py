"""What the routes share: settings, model and counters."""

from __future__ import annotations

from time import monotonic
from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from app.api.admission import Admission
from app.api.metrics import Metrics
from app.api.tracing import Tracing
from app.errors import NotReady
from app.inference.predictor import Predictor
from app.inference.scheduler import Scheduler
from app.settings import Settings


class Refusal(NamedTuple):
    """The chosen model that could not be loaded beside the one that serves, by name where it has one, and why."""

    model: str | None
    reason: str


class Service:
    """One running service; `predictor` is None until a verified model is loaded."""

    def __init__(self, settings: Settings, scheduler: Scheduler, tracing: Tracing | None = None) -> None:
        self.settings = settings
        self.tracing = tracing
        self.scheduler = scheduler
        self.admission = Admission(settings)
        self.metrics = Metrics(lambda: self.admission.in_flight, lambda: self.admission.bytes_held)
        self.predictor: Predictor | None = None
        self.refusal: Refusal | None = None
        self._started = monotonic()
        self._is_draining = False

    @property
    def uptime_seconds(self) -> float:
        """Seconds since the start."""
        return monotonic() - self._started

    def serve(self, predictor: Predictor) -> None:
        """Use this model for the requests that begin from now on."""
        self.predictor, self.refusal = predictor, None
        self.metrics.name_model(predictor.entry)

    def drain(self) -> None:
        """Take no new work from now on; what was begun is finished."""
        self._is_draining = True

    @property
    def takes_films(self) -> bool:
        """Whether `ready` returns a model."""
        return self.predictor is not None and not self._is_draining

    def ready(self) -> Predictor:
        """Return the model, for a film.

        Raises:
            NotReady: it is still loading, or the service is about to end.
        """
        if self._is_draining:
            raise NotReady("Expected a service that takes films. It is about to end: try again at another, or later.")
        return self.loaded()

    def loaded(self) -> Predictor:
        """Return the model, to describe it.

        Raises:
            NotReady: it is still loading.
        """
        if self.predictor is None:
            raise NotReady("Expected a loaded model. It is still loading: try again in a second.")
        return self.predictor


async def find_service(request: Request) -> Service:
    """Return the service that a request came to."""
    # Async, so that FastAPI does not hand each call to a thread.
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(find_service)]
