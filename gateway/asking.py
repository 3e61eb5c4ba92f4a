"""Ask the service about a film, over HTTP."""

from __future__ import annotations

from batch.client import Client
from batch.errors import NoAnswer, Problem, UnexpectedAnswer
from gateway.assessment import Assessment, assess
from gateway.errors import Failed, FilmRefused, GatewayError, Unavailable

_OF_THE_FILM = {"undecodable-image", "unsuitable-image", "too-many-pixels"}
"""Problems that the film itself has, wherever it is sent.

A status alone does not tell: the same ones come from wrong settings, from a service without the part that reads DICOM,
and from proxies.
"""
_NOT_ANSWERING = {502, 503, 504}


class Asker:
    """Asks through a client."""

    def __init__(self, client: Client, *, with_map: bool) -> None:
        self._client = client
        self._with_map = with_map

    def ask(self, film: bytes) -> tuple[Assessment, bytes]:
        """Return the answer about a film, and the film with its map as PNG.

        Raises:
            FilmRefused: the service will refuse this film again.
            Unavailable: nobody answers, or the service takes no film as it or the gateway is set.
            Failed: any other answer.
        """
        try:
            prediction = self._client.predict(film, activation_maps="cam" if self._with_map else "none")
            png = self._client.explain(film)
            # The picture does not say by which model it was made.
            now = self._client.model()
        except NoAnswer as error:
            raise Unavailable(str(error)) from None
        except UnexpectedAnswer as error:
            raise Failed(str(error)) from None
        except Problem as problem:
            raise _judge(problem) from None
        if now.sha256 != prediction.model.sha256:
            raise Unavailable("Expected one model for answer and picture. The service changed its model meanwhile.")
        return assess(prediction), png

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _judge(problem: Problem) -> GatewayError:
    if problem.slug in _OF_THE_FILM:
        return FilmRefused(problem.slug, problem.detail)
    reason = f"{problem.slug}: {problem}"
    # Load or settings, the service's or ours: no reason to give a film up.
    if 400 <= problem.status < 500 or problem.status in _NOT_ANSWERING:
        return Unavailable(reason)
    return Failed(reason)
