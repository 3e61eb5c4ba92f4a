"""Films on disk → small JPEG pictures for a page."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.errors import ImageError
from app.imaging.large_films import LargeFilms
from app.imaging.preprocess import inspect_film, render_film

JPEG_QUALITY = 82
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Thumbnail:
    """A film's picture as JPEG, its width and height in pixels; where there is none, the reason."""

    jpeg: bytes = b""
    width: int = 0
    height: int = 0
    reason: str | None = None


def make_thumbnails(files: Sequence[str | None], side: int) -> list[Thumbnail]:
    """Return the thumbnails of films, their longer side at most `side` pixels, read on all cores."""
    large_films = LargeFilms()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda file: make_thumbnail(file, side, large_films), files))


def make_thumbnail(file: str | None, side: int, large_films: LargeFilms) -> Thumbnail:
    """Return a film's thumbnail, or why it has none; threads share `large_films`."""
    if file is None:
        return Thumbnail(reason="")
    try:
        status = os.stat(file)  # noqa: PTH116 - a name that is no path is no defect
        if not stat.S_ISREG(status.st_mode):  # reading a pipe may never end
            return Thumbnail(reason="It is no file")
        if status.st_size > _MOST_BYTES:
            return Thumbnail(reason=f"It has more than {_MOST_BYTES // 2**20} MiB")
        data = Path(file).read_bytes()
        header = inspect_film(data)
        with large_films.room_for(header):
            film = render_film(data, header, max_side=side)
    except ImageError as error:
        return Thumbnail(reason=str(error))
    except (OSError, ValueError) as error:
        return Thumbnail(reason=getattr(error, "strerror", None) or str(error))
    return Thumbnail(encode_jpeg(film), film.shape[1], film.shape[0])


def encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture, uint8 gray or BGR, as JPEG.

    Raises:
        ValueError: JPEG cannot hold it.
    """
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"Expected a picture that JPEG can hold. Received one of shape {picture.shape}.")
    return data.tobytes()
