"""Pictures of what a network saw: what drove its logit, and the activations of its layers. Knows arrays only."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from app.inference.engine import Engine, Films, Floats

CHANNELS_A_ROW = 16
OCCLUSION_CELLS = 10
# The cheapest that still compresses: these pictures are made for one answer. Measured in `benchmarks/README.md`.
_PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY),
)
# Towards the positive class, and away from it, as BGR; told apart by the colour-blind too (Okabe and Ito 2008).
_TOWARDS = np.array((0, 94, 213), np.float32)
_AWAY = np.array((178, 114, 0), np.float32)
_STRONGEST_COVER = 0.65


@dataclass(frozen=True)
class ActivationMap:
    """One picture for the answer.

    `width` and `height` are the PNG's, in pixels. A cam's `values` are its map in logits, at its layer's
    resolution; `bias` is what they leave of the logit, None where the method does not account for all of it.
    """

    kind: Literal["cam", "layer"]
    method: str
    layer: str | None
    width: int
    height: int
    png: bytes
    values: list[list[float]] | None = None
    bias: float | None = None


def draw_cam(film: Films, cam: Floats, *, method: str, layer: str | None, bias: float | None) -> ActivationMap:
    """Lay a map of logits over its film: orange towards PNEUMONIA, blue away from it, bare where it is zero.

    Args:
        film: uint8 (height, width).
        cam: float32 (rows, columns), in logits; the strongest value of either sign is covered most.
        method: its name, for the answer.
        layer: the layer whose features it shares out; None where there is none.
        bias: see `ActivationMap`.
    """
    height, width = film.shape
    smooth = cv2.resize(cam, (width, height), interpolation=cv2.INTER_CUBIC)
    share = smooth * (_STRONGEST_COVER / (float(np.abs(smooth).max()) or 1.0))
    towards, away = np.maximum(share, 0), np.maximum(-share, 0)
    bare = film * (1 - towards - away) + 0.5  # a half, since what follows cuts fractions off
    picture = np.empty((height, width, 3), np.uint8)
    for channel in range(3):
        picture[..., channel] = bare + towards * _TOWARDS[channel] + away * _AWAY[channel]
    values = cam.astype(np.float64).round(6).tolist()
    return ActivationMap("cam", method, layer, width, height, encode_png(picture), values, bias)


def draw_layer(name: str, activations: Floats) -> ActivationMap:
    """Draw every channel of a layer side by side in plasma colours; see `lay_out`.

    Args:
        name: of the layer.
        activations: float32 (rows, columns, channels).
    """
    sheet = lay_out(activations)
    height, width = sheet.shape
    return ActivationMap("layer", "activations", name, width, height, _colour(encode_png(sheet), _plasma()))


def lay_out(activations: Floats) -> Films:
    """Lay every channel of a layer side by side, `CHANNELS_A_ROW` a row, in gray.

    Each channel is standardised, multiplied by 64, moved by 128 and clipped to 0..255, as in Chollet, "Deep
    Learning with Python", section 5.4.1; a channel that is the same everywhere is drawn at 128.

    Args:
        activations: float32 (rows, columns, channels).

    Returns:
        uint8 of shape (bands × rows, channels a band × columns); what is left over is 0.
    """
    rows, columns, channels = activations.shape
    mean = activations.mean(axis=(0, 1))
    deviation = activations.std(axis=(0, 1))
    # Rounding gives a constant channel a deviation too, and would draw it at 64 or 192.
    varies = activations.max(axis=(0, 1)) > activations.min(axis=(0, 1))
    scale = np.divide(64, deviation, out=np.zeros_like(deviation), where=varies & (deviation > 0))
    gray = np.clip((activations - mean) * scale + 128, 0, 255).astype(np.uint8)
    bands = -(-channels // CHANNELS_A_ROW)
    across = min(channels, CHANNELS_A_ROW)
    grid = np.zeros((bands * across, rows, columns), np.uint8)
    grid[:channels] = gray.transpose(2, 0, 1)
    return grid.reshape(bands, across, rows, columns).transpose(0, 2, 1, 3).reshape(bands * rows, across * columns)


def occlude(engine: Engine, film: Films) -> Floats:
    """Ask by how much the logit falls where a part of the film is covered with its mean gray.

    The map of Zeiler and Fergus 2014, for networks whose head can't be shared out: it needs no gradient, and
    its values do not sum to the logit. Each cell's cover reaches half a cell beyond it.

    Args:
        engine: of the network.
        film: uint8 (height, width).

    Returns:
        float32 (`OCCLUSION_CELLS`, `OCCLUSION_CELLS`), in logits.
    """
    height, width = film.shape
    covered = np.repeat(film[np.newaxis], OCCLUSION_CELLS**2 + 1, axis=0)
    gray = round(float(film.mean()))
    for cell in range(OCCLUSION_CELLS**2):
        row, column = divmod(cell, OCCLUSION_CELLS)
        covered[cell, _cover(row, height), _cover(column, width)] = gray
    logits = np.concatenate([engine.logits(part) for part in np.array_split(covered, 8)])
    fall: Floats = logits[-1] - logits[:-1]
    return fall.reshape(OCCLUSION_CELLS, OCCLUSION_CELLS)


def _cover(cell: int, side: int) -> slice:
    size = side / OCCLUSION_CELLS
    return slice(max(0, round((cell - 0.5) * size)), round((cell + 1.5) * size))


@cache
def _plasma() -> bytes:
    """Answer the colours of the gray levels 0 to 255, three bytes each."""
    levels = np.arange(256, dtype=np.uint8)[np.newaxis]
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_PLASMA), cv2.COLOR_BGR2RGB).tobytes()


def _colour(png: bytes, palette: bytes) -> bytes:
    """Turn an 8-bit gray PNG into one whose levels are indices of a palette: the same pixels, in colour.

    OpenCV writes no palettes, and three channels instead of one cost three times the time and the bytes. In the first
    chunk (PNG, third edition, section 11.2.1), byte 9 says what a sample means; the palette comes after it.
    """
    header = bytearray(png[12:29])
    header[4 + 9] = 3
    chunks = (bytes(header), b"PLTE" + palette)
    written = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    return png[:8] + b"".join(written) + png[33:]


def encode_png(picture: NDArray[Any]) -> bytes:
    """Write a picture as PNG, cheaply: uint8, gray (rows, columns) or BGR (rows, columns, 3)."""
    ok, png = cv2.imencode(".png", picture, _PNG_OPTIONS)
    if not ok:
        raise ValueError(f"Expected a picture that PNG can hold. Received one of shape {picture.shape}.")
    return png.tobytes()
