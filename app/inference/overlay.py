"""A map of evidence over its film, of any size: heat or contours, and their legend.

Orange speaks for PNEUMONIA and blue against it, for the colour-blind too (Okabe and Ito 2008).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.engine import Films, Floats

Style = Literal["heat", "contour", "film"]
STYLES: tuple[Style, ...] = get_args(Style)

_TOWARDS, _AWAY, _WHITE = (213, 94, 0), (0, 114, 178), (255, 255, 255)
# Lines are thinner than areas: lighter, to be seen on lung and bone alike.
_TOWARDS_LINE, _AWAY_LINE = (255, 140, 40), (70, 180, 255)
# (Bare film, towards, away) → RGB; plus a half, since fractions are cut off.
_COLOURS = np.array([(1, towards, away, 0.5) for towards, away in zip(_TOWARDS, _AWAY, strict=True)], np.float32)
_STRONGEST_COVER = 0.65
_BAND_ROWS = 128
_LEAST_SIDE_WITH_LEGEND = 256
_DASH = 12

Picture = NDArray[np.uint8]


def paint_heat(film: Films, cam: Floats, *, scale: float, level: float = 0.0) -> Picture:
    """Return a map over its film: orange towards PNEUMONIA, blue away, bare at zero.

    Args:
        film: uint8 (height, width).
        cam: float32 (rows, columns), in logits; enlarged as OpenCV's cubic does.
        scale: logits, above 0, that the strongest colour stands for: the same on every film.
        level: logits; weaker evidence stays bare.

    Returns:
        RGB, uint8 (height, width, 3).
    """
    picture = np.empty((*film.shape, 3), np.uint8)
    for band, evidence in _enlarged(cam, film.shape):
        cover = np.clip(evidence / scale, -1, 1) * np.float32(_STRONGEST_COVER)
        cover[np.abs(evidence) < level] = 0
        towards = np.maximum(cover, 0)
        away = towards - cover
        bare = film[band] * (1 - towards - away)
        picture[band] = cv2.transform(cv2.merge([bare, towards, away]), _COLOURS).astype(np.uint8)
    return picture


def paint_contour(film: Films, cam: Floats, *, level: float) -> Picture:
    """Return the film with lines where the evidence reaches `level` logits: solid towards PNEUMONIA, dashed away.

    See `paint_heat`.
    """
    towards, away = np.empty(film.shape, np.uint8), np.empty(film.shape, np.uint8)
    for band, evidence in _enlarged(cam, film.shape):
        towards[band], away[band] = evidence >= level, evidence <= -level
    picture = np.repeat(film[..., np.newaxis], 3, axis=2)
    thickness = max(1, round(max(film.shape) / 700))
    for mask, colour, is_dashed in ((towards, _TOWARDS_LINE, False), (away, _AWAY_LINE, True)):
        outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        if not is_dashed:
            cv2.polylines(picture, outlines, True, colour, thickness, cv2.LINE_AA)
            continue
        dash = _DASH * thickness
        for outline in outlines:
            dashes = [outline[start : start + dash] for start in range(0, len(outline), 2 * dash)]
            cv2.polylines(picture, dashes, False, colour, thickness, cv2.LINE_AA)
    return picture


def add_legend(picture: Picture, words: Sequence[str], *, scale: float | None) -> None:
    """Draw lines of ASCII into the lower left corner, under the colours from `-scale` to `scale` logits, if any.

    A picture of a side under 256 pixels has no room and stays as it is.
    """
    height, width = picture.shape[:2]
    if min(height, width) < _LEAST_SIDE_WITH_LEGEND:
        return
    size = min(height, width) / 1000
    line, margin = round(26 * size) + 4, round(8 * size) + 2
    font, font_scale, weight = cv2.FONT_HERSHEY_SIMPLEX, 0.5 * size + 0.22, max(1, round(1.2 * size))

    def measure(text: str) -> int:
        return int(cv2.getTextSize(text, font, font_scale, weight)[0][0])

    ends = [] if scale is None else [f"{-scale:.2g} normal", "0", f"{scale:+.2g} pneumonia"]
    wide = max(*map(measure, words), 2 * max(map(measure, ends), default=0) + measure("  0  ")) + 2 * margin
    top = height - (len(words) + (0 if scale is None else 2)) * line - 2 * margin
    box = picture[top:, :wide]
    box[:] = box // 4

    def write(text: str, left: int, number: int) -> None:
        cv2.putText(box, text, (left, number * line), font, font_scale, _WHITE, weight, cv2.LINE_AA)

    if scale is not None:
        ramp = np.linspace(-scale, scale, box.shape[1] - 2 * margin, dtype=np.float32)[np.newaxis]
        gray = np.full((line - margin, ramp.shape[1]), 128, np.uint8)
        box[margin:line, margin:-margin] = paint_heat(gray, ramp, scale=scale)
        for text, proportion in zip(ends, (0.0, 0.5, 1.0), strict=True):
            write(text, margin + round(proportion * (ramp.shape[1] - measure(text))), 2)
    for number, text in enumerate(words, 1 if scale is None else 3):
        write(text, margin, number)


def _enlarged(cam: Floats, shape: tuple[int, ...]) -> Iterator[tuple[slice, Floats]]:
    """Give the map at the size of its film, in bands of rows, to bound memory."""
    rows, columns = cam.shape
    height, width = shape
    down, across = _enlarging(rows, height), _enlarging(columns, width).T
    for first in range(0, height, _BAND_ROWS):
        band = slice(first, first + _BAND_ROWS)
        yield band, np.asarray(down[band] @ cam @ across, np.float32)


@lru_cache(maxsize=32)
def _enlarging(size: int, larger: int) -> Floats:
    """Return the matrix (larger, size) that enlarges as OpenCV's cubic does, in a sixth of its time."""
    unit = np.eye(size, dtype=np.float32)
    return np.asarray(cv2.resize(unit, (size, larger), interpolation=cv2.INTER_CUBIC), np.float32)
