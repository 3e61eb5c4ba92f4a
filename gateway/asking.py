"""Ask the service about a film, over HTTP."""

from __future__ import annotations

from collections.abc import Callable

from batch.answer import Answer, row_from
from batch.client import Client, Liveness, RetryPolicy
from batch.errors import ServiceGone
from batch.service import Service
from gateway.assessment import Assessment, read_assessment
from gateway.errors import Failed, FilmRefused, Unavailable

ONCE = RetryPolicy(attempts=1, patience=0.0, refused=0.0)
"""For callers that keep the film and come again."""

_REFUSED = {400, 413, 415, 422}
_WAIT = {401, 403, 404, 429, 503}
"""The service's load, or its settings and ours: no reason to give a film up."""


class Asker:
    """A connection to the service."""

    def __init__(self, service: Service, *, policy: RetryPolicy, with_map: bool) -> None:
        self._client = Client(service, policy, Liveness())
        self._with_map = with_map

    def ask(self, film: bytes) -> tuple[Assessment, bytes]:
        """Return the answer about a film, and the film with its map as PNG.

        Raises:
            FilmRefused: the service will refuse this film again.
            Unavailable: nobody answers, or the service asks to wait.
            Failed: any other answer.
        """
        maps = {"activation_maps": "cam"} if self._with_map else {}
        predicted = self._take(lambda: self._client.predict(film, **maps))
        assessment = read_assessment(predicted.json() or {})
        png = self._take(lambda: self._client.explain(film)).body
        # The picture does not say by which model it was made.
        now = self._take(self._client.model).json() or {}
        if now.get("sha256") != assessment.model_sha256:
            raise Unavailable("Expected one model for answer and picture. The service changed its model meanwhile.")
        return assessment, png

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    @staticmethod
    def _take(send: Callable[[], Answer]) -> Answer:
        try:
            answer = send()
        except ServiceGone as error:
            raise Unavailable(f"Expected an answer of the service. Received none ({error}).") from None
        if answer.status == 200:
            return answer
        row = row_from(answer, "", 0.0)
        slug, detail = row.error or "unknown", row.error_detail or ""
        if answer.status in _REFUSED:
            raise FilmRefused(slug, detail)
        if answer.status is None or answer.status in _WAIT:
            raise Unavailable(f"{slug}: {detail}")
        raise Failed(f"{slug}: {detail}")
