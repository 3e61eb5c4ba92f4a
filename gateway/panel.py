"""The picture of a Secondary Capture: the film with its map, and the answer in words below it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from gateway.assessment import Assessment
from gateway.errors import Failed

Picture = NDArray[np.uint8]

MAX_PIXELS = 660_000
"""Of 3 bytes each: with its header, the object stays below 2 MB."""

_WIDTH = 720
_FONT, _SCALE, _LINE, _MARGIN = cv2.FONT_HERSHEY_SIMPLEX, 0.5, 22, 12
_TITLE_SCALE = 0.7
_WHITE, _ORANGE = (255, 255, 255), (255, 140, 40)


def draw_panel(png: bytes, assessment: Assessment) -> Picture:
    """Return the picture of `POST /explain`, reduced, above the lines of the answer.

    Returns:
        RGB, uint8 (height, 720, 3), of at most `MAX_PIXELS` pixels. Nothing in it names the patient.

    Raises:
        Failed: the bytes are no PNG.
    """
    decoded = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise Failed("Expected a PNG from /explain. Received other bytes.")
    words = _draw_words(assessment)
    shown = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
    height, width = shown.shape[:2]
    most_rows = MAX_PIXELS // _WIDTH - len(words)
    scale = min(1.0 if width <= _WIDTH else _WIDTH / width, most_rows / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shown = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    film = np.zeros((size[1], _WIDTH, 3), np.uint8)
    left = (_WIDTH - size[0]) // 2
    film[:, left : left + size[0]] = shown
    return np.vstack([film, words])


def _draw_words(assessment: Assessment) -> Picture:
    title, warning, *lines = assessment.words()
    drawn = [(title, _TITLE_SCALE, _WHITE), (warning, _SCALE, _ORANGE)]
    drawn += [(part, _SCALE, _WHITE) for line in lines for part in _wrap(line)]
    panel = np.zeros((len(drawn) * _LINE + 2 * _MARGIN, _WIDTH, 3), np.uint8)
    for number, (line, scale, colour) in enumerate(drawn, 1):
        cv2.putText(panel, line, (_MARGIN, number * _LINE), _FONT, scale, colour, 1, cv2.LINE_AA)
    return panel


def _wrap(line: str) -> list[str]:
    """Return the line in parts that fit the panel, broken at spaces."""
    parts = [""]
    for word in line.split(" "):
        longer = f"{parts[-1]} {word}" if parts[-1] else word
        if parts[-1] and cv2.getTextSize(longer, _FONT, _SCALE, 1)[0][0] > _WIDTH - 2 * _MARGIN:
            parts.append(word)
        else:
            parts[-1] = longer
    return parts
