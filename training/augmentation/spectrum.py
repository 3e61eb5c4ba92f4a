"""A film's amplitude spectrum, measured and scaled in rings of spatial frequency."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

BANDS = 22
"""Rings, from one wave across the film to one in two pixels."""


def measure_amplitude(film: Pixels) -> Floats:
    """Compute the natural log of each ring's root mean square amplitude, float32 (BANDS,), finest last.

    The film is uint8 (rows, columns).
    """
    gray = film.astype(np.float32)
    rows, columns = film.shape
    power = np.abs(scipy.fft.rfft2((gray - gray.mean()) * _window(rows, columns))) ** 2
    rings = _rings(rows, columns)
    mean = np.bincount(rings.of_frequency.ravel(), power.ravel(), BANDS) / rings.held
    # A flat film's empty ring has no log.
    return (0.5 * np.log(mean + 1e-3)).astype(np.float32)


def scale_amplitude(film: Pixels, gain: Floats) -> Pixels:
    """Scale every ring of a film, uint8 (rows, columns), by its natural log gain, float32 (BANDS,).

    Gains are interpolated between rings' centres; the mean stays. OpenCV takes a third of SciPy's time, and packs the
    spectrum into as many numbers as pixels.
    """
    packed = _packed(*film.shape)
    step = (gain[1:] - gain[:-1]).take(packed.below)
    factors = np.exp(gain.take(packed.below) + step * packed.fraction)
    factors[0] = 1.0  # The mean's.
    spectrum = cv2.dft(film.astype(np.float32))
    spectrum *= factors.take(packed.which)
    scaled = cv2.idft(spectrum, dst=spectrum, flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
    # Rounds and clips in one pass.
    return np.asarray(cv2.addWeighted(scaled, 1.0, scaled, 0.0, 0.0, dtype=cv2.CV_8U), np.uint8)


def ring_centres(rows: int, columns: int) -> NDArray[np.float64]:
    """Return the natural log of rings' mean frequencies in waves a pixel, float64 (BANDS,)."""
    return _rings(rows, columns).centres


class _Rings(NamedTuple):
    """The ring of each `rfft2` frequency, rings' counts of frequencies, and their centres."""

    of_frequency: NDArray[np.intp]
    held: NDArray[np.int64]
    centres: NDArray[np.float64]


class _Packed(NamedTuple):
    """Distinct frequencies, zero first, and `which` stands where in OpenCV's packed spectrum.

    `below` is the ring centred below each, `fraction` the way to the next centre, in logs.
    """

    below: NDArray[np.intp]
    fraction: Floats
    which: NDArray[np.intp]


@cache
def _rings(rows: int, columns: int) -> _Rings:
    side = min(rows, columns)
    frequency = np.hypot(scipy.fft.fftfreq(rows)[:, np.newaxis], scipy.fft.rfftfreq(columns)[np.newaxis])
    edges = np.r_[0.7 / side, 1.5 / side, 2.5 / side, np.geomspace(3.5 / side, 0.5, BANDS - 2)]
    ring = np.clip(np.digitize(frequency, edges) - 1, 0, BANDS - 1)
    count = np.bincount(ring.ravel(), minlength=BANDS)
    return _Rings(ring, count, np.log(np.bincount(ring.ravel(), frequency.ravel(), BANDS) / count))


@cache
def _packed(rows: int, columns: int) -> _Packed:
    frequency = np.hypot(scipy.fft.fftfreq(rows)[:, np.newaxis], _pack(columns)[np.newaxis])
    # Columns without imaginary parts are packed downward.
    for column in {0, columns - 1} if columns % 2 == 0 else {0}:
        frequency[:, column] = np.hypot(_pack(rows), frequency[0, column])
    distinct, which = np.unique(frequency, return_inverse=True)
    centres = ring_centres(rows, columns)
    position = np.clip(np.log(np.maximum(distinct, 1e-6)), centres[0], centres[-1])
    below = np.clip(np.searchsorted(centres, position) - 1, 0, BANDS - 2)
    fraction = (position - centres[below]) / (centres[below + 1] - centres[below])
    return _Packed(below, fraction.astype(np.float32), which.reshape(rows, columns))


def _pack(size: int) -> NDArray[np.float64]:
    """Return a row's frequencies as OpenCV packs them: the mean, then real and imaginary parts."""
    return (np.arange(size) + 1) // 2 / size


@cache
def _window(rows: int, columns: int) -> Floats:
    """Return a Hann window: jumps between opposite edges would count as amplitude."""
    return np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1]).astype(np.float32)
