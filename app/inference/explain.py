"""Images of activation maps and of layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import cv2
import numpy as np

from app.imaging.png_writer import encode_png
from app.inference.engine import Engine, Films, Floats
from app.inference.overlay import paint_heat

CHANNELS_A_ROW = 16
OCCLUSION_CELLS = 10
OCCLUSION_SCALE = 1.0
"""Logits by which covering a cell lowers the logit where the colour is strongest."""

EXACT_SCALE = 15.0
"""Logits of a film that had everywhere the evidence of a cell in the strongest colour.

Measured on 80 films: the 99th percentile over cells is 13 to 15 under `pneumonet/2` and `pneumonet/3`.
"""


@dataclass(frozen=True)
class Evidence:
    """A class activation map.

    Attributes:
        cam: float32 (rows, columns), in logits towards PNEUMONIA.
        scale: the value in the strongest colour, in logits, the same on every film.
        method: with its source.
        layer: whose features are attributed; None: the whole network's.
        bias: the rest of the logit; None unless the method is exact.
    """

    cam: Floats
    scale: float
    method: str
    layer: str | None = None
    bias: float | None = None


@dataclass(frozen=True)
class ActivationMap:
    """One image; `width` and `height` are the PNG's, in pixels; `evidence` is a cam's."""

    kind: Literal["cam", "layer"]
    method: str
    layer: str | None
    width: int
    height: int
    png: bytes
    evidence: Evidence | None = None


def plot_cam(film: Films, evidence: Evidence) -> ActivationMap:
    """Return a map over its film, uint8 (height, width); see `paint_heat`."""
    height, width = film.shape
    picture = paint_heat(film, evidence.cam, scale=evidence.scale)
    return ActivationMap("cam", evidence.method, evidence.layer, width, height, encode_png(picture), evidence)


def plot_layer(name: str, activations: Floats) -> ActivationMap:
    """Return a layer's channels, laid out by `lay_out`, in plasma colours."""
    sheet = lay_out(activations)
    height, width = sheet.shape
    return ActivationMap("layer", "activations", name, width, height, encode_png(sheet, _plasma()))


def lay_out(activations: Floats) -> Films:
    """Return float32 (rows, columns, channels) as gray tiles, `CHANNELS_A_ROW` a band.

    Each channel is standardised, times 64, plus 128, clipped to 0..255 (Chollet, "Deep Learning with Python", section
    5.4.1); a constant one is 128.

    Returns:
        uint8 (bands × rows, channels a band × columns); spare tiles are 0.
    """
    rows, columns, channels = activations.shape
    # Channel by channel in memory: a third of the time.
    flat = cv2.transpose(activations.reshape(-1, channels)).reshape(channels, -1)
    # Rounding gives a constant channel a deviation, which would make it 64 or 192.
    varies = flat.max(axis=1) > flat.min(axis=1)
    gray = flat - flat.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.einsum("ij,ij->i", gray, gray) / (rows * columns))
    gray *= np.divide(64, deviation, out=np.zeros_like(deviation), where=varies & (deviation > 0))[:, np.newaxis]
    gray += 128
    np.clip(gray, 0, 255, out=gray)
    bands = -(-channels // CHANNELS_A_ROW)
    across = min(channels, CHANNELS_A_ROW)
    grid = np.zeros((bands * across, rows, columns), np.uint8)
    grid[:channels] = gray.reshape(channels, rows, columns)
    return grid.reshape(bands, across, rows, columns).transpose(0, 2, 1, 3).reshape(bands * rows, across * columns)


def occlude(engine: Engine, film: Films) -> Evidence:
    """Return by how much the logit falls where part of a film is covered with its mean gray, in 10 × 10 cells.

    Zeiler and Fergus 2014, for heads without an exact map: values do not sum to the logit. A cover reaches half a cell
    beyond its cell. `film`: uint8 (height, width).
    """
    height, width = film.shape
    covered = np.repeat(film[np.newaxis], OCCLUSION_CELLS**2 + 1, axis=0)
    gray = round(float(film.mean()))
    for cell in range(OCCLUSION_CELLS**2):
        row, column = divmod(cell, OCCLUSION_CELLS)
        covered[cell, _cover(row, height), _cover(column, width)] = gray
    logits = np.concatenate([engine.logits(part) for part in np.array_split(covered, 8)])
    fall: Floats = logits[-1] - logits[:-1]
    cam = fall.reshape(OCCLUSION_CELLS, OCCLUSION_CELLS)
    return Evidence(cam, OCCLUSION_SCALE, "occlusion (Zeiler and Fergus 2014)")


def _cover(cell: int, side: int) -> slice:
    size = side / OCCLUSION_CELLS
    return slice(max(0, round((cell - 0.5) * size)), round((cell + 1.5) * size))


@cache
def _plasma() -> bytes:
    """Return the RGB of gray levels 0 to 255."""
    levels = np.arange(256, dtype=np.uint8)[np.newaxis]
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_PLASMA), cv2.COLOR_BGR2RGB).tobytes()
