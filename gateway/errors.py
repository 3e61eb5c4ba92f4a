"""Errors of the gateway.

GatewayError
  UnusableFilm      not a DICOM film that results can be written for: settled
  FilmRefused       the service refused the film for what it is, with its slug: settled
  Unavailable       nobody answers, or asks to wait: tried again until the time is over
  Failed            an answer that a later try may change: tried again, a limited number of times
  WrongSettings     the gateway cannot start

A message names no patient, UID or file.
"""

from __future__ import annotations

from app.errors import PneumoServeError


class GatewayError(PneumoServeError):
    """What the gateway reports of a film or of its settings."""


class UnusableFilm(GatewayError):
    """The bytes are not a DICOM film that results can be written for."""


class FilmRefused(GatewayError):
    """The service refused the film; `slug` is its problem's."""

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(f"{slug}: {detail}")
        self.slug = slug


class Unavailable(GatewayError):
    """The service or the destination does not answer, or asks to wait."""


class Failed(GatewayError):
    """The service or the destination answered with an error."""


class WrongSettings(GatewayError):
    """A setting is missing or wrong."""
