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
from app.imaging.preprocess import inspect_film, shrink
from app.imaging.raster import decode

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
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda file: make_thumbnail(file, side), files))


def make_thumbnail(file: str | None, side: int) -> Thumbnail:
    """Return a film's thumbnail, or why it has none."""
    if file is None:
        return Thumbnail(reason="")
    try:
        status = os.stat(file)  # noqa: PTH116 - a name that is no path is no defect
        if not stat.S_ISREG(status.st_mode):  # reading a pipe may never end
            return Thumbnail(reason="It is no file")
        if status.st_size > _MOST_BYTES:
            return Thumbnail(reason=f"It has more than {_MOST_BYTES // 2**20} MiB")
        data = Path(file).read_bytes()
        gray, _ = decode(data, inspect_film(data), least_side=side)
    except ImageError as error:
        return Thumbnail(reason=str(error))
    except (OSError, ValueError) as error:
        return Thumbnail(reason=getattr(error, "strerror", None) or str(error))
    film = fit(gray, side)
    return Thumbnail(encode_jpeg(film), film.shape[1], film.shape[0])


def fit(gray: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Shrink uint8 (rows, columns) in proportion until the longer side is at most `side` pixels."""
    rows, columns = gray.shape
    scale = min(1.0, side / max(rows, columns))
    return shrink(gray, width=max(1, round(columns * scale)), height=max(1, round(rows * scale)))


def encode_jpeg(picture: NDArray[np.uint8]) -> bytes:
    """Return a picture, uint8 gray or BGR, as JPEG.

    Raises:
        ValueError: JPEG cannot hold it.
    """
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError(f"Expected a picture that JPEG can hold. Received one of shape {picture.shape}.")
    return data.tobytes()
