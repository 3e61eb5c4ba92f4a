"""DICOM bytes → header and film, decoded elsewhere: hostile bytes are never parsed in this process."""

from __future__ import annotations

import math

import numpy as np

from app import errors
from app.errors import UndecodableImage
from app.imaging.colour import Gray
from app.imaging.dicom.pool import POOL
from app.imaging.dicom.record import FILM, HEADER, REFUSAL, DicomFilm, DicomHeader

HEADER_SECONDS = 2.0
FILM_SECONDS = 2.0
SECONDS_A_MEGAPIXEL = 1.0
"""Of CPU: JPEG 2000, the slowest, took an eighth of it."""

_REFUSALS = {kind.__name__: kind for kind in (errors.UnsupportedFormat, errors.UnsuitableImage, UndecodableImage)}


def read_dicom_header(data: bytes) -> DicomHeader:
    """Return a film's header.

    Raises:
        UnsupportedFormat: a transfer syntax that is not read.
        UnsuitableImage: the tags exclude a frontal chest film.
        UndecodableImage: broken.
    """
    record, _ = POOL.ask("header", data, seconds=HEADER_SECONDS)
    _raise_refusal(record)
    header = HEADER.validate_json(record)
    if min(header.width, header.height) < 1 or not 0 < header.pixel_aspect < math.inf:
        raise UndecodableImage("Expected pixels in a DICOM file. Received none.")
    return header


def read_dicom_film(data: bytes, *, width: int, height: int) -> tuple[DicomFilm, Gray]:
    """Return a film of these dimensions, as shown, and its pixels: uint8 (height, width).

    Raises:
        UnsupportedFormat, UnsuitableImage, UndecodableImage: as `read_dicom_header`; also pixels that are cut, corrupt,
            or take too long.
    """
    seconds = FILM_SECONDS + SECONDS_A_MEGAPIXEL * width * height / 1e6
    record, pixels = POOL.ask("film", data, seconds=seconds, pixel_bytes=width * height)
    _raise_refusal(record)
    film = FILM.validate_json(record)
    if (film.width, film.height) != (width, height) or len(pixels) != width * height:
        raise UndecodableImage(f"Expected {width} × {height} pixels as the header says. Received others.")
    return film, np.frombuffer(pixels, np.uint8).reshape(height, width)


def _raise_refusal(record: bytes) -> None:
    if record.startswith(b'{"error"'):
        refusal = REFUSAL.validate_json(record)
        raise _REFUSALS[refusal.error](refusal.message)
