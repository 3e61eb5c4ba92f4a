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

_OF_THE_FILM = {"undecodable-image", "unsuitable-image", "too-many-pixels"}
"""Problems that the film itself has, wherever it is sent.

A status alone does not tell: the same ones come from wrong settings, from a service without the part that reads DICOM,
and from proxies.
"""
_NOT_ANSWERING = {502, 503, 504}


class Asker:
    """A connection to the service."""

    def __init__(self, service: Service, *, policy: RetryPolicy, with_map: bool) -> None:
        self._client = Client(service, policy, Liveness())
        self._with_map = with_map

    def ask(self, film: bytes) -> tuple[Assessment, bytes]:
        """Return the answer about a film, and the film with its map as PNG.

        Raises:
            FilmRefused: the service will refuse this film again.
            Unavailable: nobody answers, or the service takes no film as it or the gateway is set.
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
        if slug in _OF_THE_FILM:
            raise FilmRefused(slug, detail)
        # Load or settings, the service's or ours: no reason to give a film up.
        if answer.status is None or 400 <= answer.status < 500 or answer.status in _NOT_ANSWERING:
            raise Unavailable(f"{slug}: {detail}")
        raise Failed(f"{slug}: {detail}")
