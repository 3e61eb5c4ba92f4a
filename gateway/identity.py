"""Names of results that do not change: the same film under the same settings has the same UIDs."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import Literal

from gateway.assessment import Assessment
from gateway.film import Film

Kind = Literal["secondary-capture", "report", "contour"]
LAYOUT = "1"
"""Part of every kind: raised where the same answer is written in another form."""


@dataclass(frozen=True)
class Moment:
    """Date and time of a result: YYYYMMDD and HHMMSS."""

    date: str
    time: str


@dataclass(frozen=True)
class ResultNames:
    """The UIDs of one film's results."""

    fields: tuple[str, ...]

    def instance(self, kind: Kind) -> str:
        """Return the SOP Instance UID."""
        return derive_uid(*self.fields, f"{kind}/{LAYOUT}")

    def series(self, kind: Kind) -> str:
        """Return the Series Instance UID; a series has one modality, so each kind has its own."""
        return derive_uid(*self.fields, f"{kind}/{LAYOUT}", "series")

    def tracking(self) -> str:
        """Return the UID by which the measurements can be tracked."""
        return derive_uid(*self.fields, f"tracking/{LAYOUT}")


def name_results(film: Film, assessment: Assessment) -> ResultNames:
    """Return the names for a film's instance, header and pixels under a model, operating point, prevalence and gate."""
    prevalence = "" if assessment.prevalence is None else repr(assessment.prevalence)
    of_film = film.uid, film.header_sha256, film.pixel_sha256
    return ResultNames((*of_film, assessment.model_sha256, assessment.point, prevalence, assessment.gate))


def derive_uid(*fields: str) -> str:
    """Return a UID below 2.25 (PS3.5 section B.2) from the SHA-256 of fields."""
    text = "".join(f"{len(field.encode())}:{field}" for field in fields)
    return f"2.25.{uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=5).int}"
