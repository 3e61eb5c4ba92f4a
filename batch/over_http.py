"""A running service as what scores the films."""

from __future__ import annotations

from dataclasses import replace

from batch.connection import Connection, Liveness
from batch.errors import CallError, ServiceError, ServiceGone
from batch.journal_format import Run
from batch.retry import RetryPolicy
from batch.service import Service

_SECONDS_FOR_A_START = 10.0


class OverHttp:
    """The service at an address."""

    def __init__(self, url: str, operating_point: str | None, api_key: str | None, policy: RetryPolicy) -> None:
        """Check the address.

        Args:
            url: without a route.
            operating_point: None: the model's default.
            api_key: sent as `X-API-Key`.
            policy: of retries.

        Raises:
            WrongAddress: the URL or the key cannot be used.
        """
        self._service = Service(url, operating_point, api_key)
        self._policy = policy

    def find_run(self) -> Run:
        """Return which model answers, and at which operating point.

        Raises:
            ServiceError: nothing answers.
            CallError: no PneumoServe, or it wants a key or has no such operating point.
        """
        run = self._ask_for_model()
        self._service = replace(self._service, operating_point=run.operating_point)
        return run

    def connect(self, liveness: Liveness) -> Connection:
        """Return a thread's connection."""
        return Connection(self._service, self._policy, liveness)

    def close(self) -> None:
        """Close nothing: each thread closes its connection."""

    def _ask_for_model(self) -> Run:
        service = self._service
        policy = replace(self._policy, refused=min(self._policy.refused, _SECONDS_FOR_A_START))
        connection = Connection(service, policy, Liveness())
        try:
            answer = connection.model()
        except ServiceGone as gone:
            raise _no_answer(service, str(gone)) from None
        finally:
            connection.close()
        model = answer.json()
        if answer.status == 401:
            raise CallError(f"{service.base} wants an API key: --api-key, or PNEUMOSERVE_API_KEY.")
        if answer.status is None or answer.status >= 500:
            raise _no_answer(service, answer.detail or f"status {answer.status}")
        if answer.status != 200 or model is None or not isinstance(model.get("operating_points"), dict):
            raise CallError(f"Expected PneumoServe at {service.base}. Received status {answer.status} for GET /model.")
        points = model["operating_points"]
        point = service.operating_point or model.get("default_operating_point")
        if point not in points:
            raise CallError(f"Expected --operating-point to be one of {', '.join(points)}. Received: {point}.")
        return Run(point, f"{model.get('name')}/{model.get('version')}", model.get("sha256"))


def _no_answer(service: Service, reason: str) -> ServiceError:
    return ServiceError(f"No answer from {service.base} ({reason}). Nothing was sent; is the service running?")
