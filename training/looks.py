"""A film's look, which another film can borrow: how much detail of each size it holds, and how often each gray level.

In the training split the look alone gives the class away (`shortcuts`). A film that borrows the look of one drawn
evenly from both classes keeps its anatomy, while its look says nothing of its class.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache

import numpy as np
import scipy.fft  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

BANDS = 22
"""Rings of spatial frequency, from one wave across the film to one in two pixels, in which detail is measured."""

_WEAKEST, _STRONGEST = -2.0, 1.5
"""Natural logs of the factors by which a ring may be weakened and strengthened; more would show the film's noise."""

_LEVELS = 256


@dataclass(frozen=True)
class Look:
    """The look of one film.

    Attributes:
        detail: natural log of the root mean square amplitude in each ring, float32 (BANDS,), finest last.
        tones: share of the pixels under each gray level, those at it counted half, float64 (256,).
    """

    detail: Floats
    tones: NDArray[np.float64]


@dataclass(frozen=True)
class LookBorrowing:
    """How often and how far training films borrow a look.

    Attributes:
        p_borrow: probability that a film does.
        p_whole: probability that it then borrows the whole of it; else a share drawn evenly, detail and tones apart.
    """

    p_borrow: float = 0.75
    p_whole: float = 0.5

    def draw(self, rng: np.random.Generator) -> tuple[float, float] | None:
        """Draw the shares of detail and of tones that are borrowed; None: nothing is."""
        if rng.random() >= self.p_borrow:
            return None
        detail, tones = (1.0 if rng.random() < self.p_whole else rng.random() for _ in range(2))
        return detail, tones

    def describe(self) -> dict[str, float]:
        """Answer the probabilities, for the run's settings and the model card."""
        return asdict(self)


class Looks:
    """The looks of labelled films, from which others are lent one."""

    def __init__(self, films: Pixels, labels: NDArray[np.uint8]) -> None:
        """Measure every film.

        Args:
            films: uint8 of shape (films, rows, columns).
            labels: 0 or 1, of shape (films,).
        """
        self._of_class = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
        self._looks = [measure_look(film) for film in films]

    def draw(self, rng: np.random.Generator, label: int | None = None) -> Look:
        """Draw a look, of the films of one class; None: of either class as likely."""
        if label is None:
            label = list(self._of_class)[rng.integers(len(self._of_class))]
        return self._looks[int(rng.choice(self._of_class[label]))]

    def lend(
        self,
        films: Pixels,
        seed: int,
        *,
        classes: NDArray[np.uint8] | None = None,
        detail: float = 1.0,
        tones: float = 1.0,
    ) -> Pixels:
        """Answer every film with a look drawn for it, the same each time.

        Args:
            films: uint8 of shape (films, rows, columns).
            seed: of what is drawn.
            classes: from which each film's look is drawn, 0 or 1, (films,), both present; None: from either.
            detail: see `borrow_look`.
            tones: likewise.

        Returns:
            uint8 of the same shape.
        """
        lent = []
        for number, film in enumerate(films):
            label = None if classes is None else int(classes[number])
            look = self.draw(np.random.default_rng([seed, number]), label)
            lent.append(borrow_look(film, look, detail=detail, tones=tones))
        return np.stack(lent)


def measure_look(film: Pixels) -> Look:
    """Measure a film's look.

    Args:
        film: uint8 of shape (rows, columns).
    """
    return Look(_measure_detail(film), _count_tones(film))


def borrow_look(film: Pixels, look: Look, *, detail: float = 1.0, tones: float = 1.0) -> Pixels:
    """Give a film another's look: every ring of its spectrum is scaled to the other's, then its histogram is matched.

    Args:
        film: uint8 of shape (rows, columns).
        look: of the other.
        detail: share of the change in detail that is made, in logs, 0 to 1.
        tones: share of the change in gray levels that is made, 0 to 1.

    Returns:
        uint8 of the same shape.
    """
    gray = film.astype(np.float32)
    rows, columns = film.shape
    gain = np.clip(detail * (look.detail - _measure_detail(film)), _WEAKEST, _STRONGEST)
    _, _, below, share = _rings(rows, columns)
    factors = np.exp(gain[below] * (1 - share) + gain[below + 1] * share)
    factors[0, 0] = 1.0
    mean = gray.mean()
    scaled = scipy.fft.irfft2(scipy.fft.rfft2(gray - mean) * factors, s=film.shape) + mean
    changed: Pixels = np.clip(scaled + 0.5, 0, 255).astype(np.uint8)
    levels = np.arange(_LEVELS)
    matched = np.interp(_count_tones(changed), look.tones, levels)
    return np.round((1 - tones) * levels + tones * matched).astype(np.uint8)[changed]


def _measure_detail(film: Pixels) -> Floats:
    gray = film.astype(np.float32)
    rows, columns = film.shape
    power = np.abs(scipy.fft.rfft2((gray - gray.mean()) * _window(rows, columns))) ** 2
    ring, count = _rings(rows, columns)[:2]
    mean = np.bincount(ring.ravel(), power.ravel(), BANDS) / count
    # A ring of a film without any detail has no log.
    return (0.5 * np.log(mean + 1e-3)).astype(np.float32)


@cache
def _window(rows: int, columns: int) -> Floats:
    """Answer what fades a film out to its edges: the jump from one to the opposite one would count as detail."""
    return np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1]).astype(np.float32)


def _count_tones(film: Pixels) -> NDArray[np.float64]:
    count = np.bincount(film.ravel(), minlength=_LEVELS)
    return (np.cumsum(count) - count / 2) / film.size


@cache
def _rings(rows: int, columns: int) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.intp], Floats]:
    """Answer each frequency's ring, how many frequencies each ring holds, and between which ring centres it lies.

    The last two are the ring whose centre lies below, and the share of the way to the next, in logs, so that factors
    pass from ring to ring without a step.
    """
    side = min(rows, columns)
    frequency = np.hypot(scipy.fft.fftfreq(rows)[:, np.newaxis], scipy.fft.rfftfreq(columns)[np.newaxis])
    edges = np.r_[0.7 / side, 1.5 / side, 2.5 / side, np.geomspace(3.5 / side, 0.5, BANDS - 2)]
    ring = np.clip(np.digitize(frequency, edges) - 1, 0, BANDS - 1)
    count = np.bincount(ring.ravel(), minlength=BANDS)
    centres = np.log(np.bincount(ring.ravel(), frequency.ravel(), BANDS) / count)
    position = np.clip(np.log(np.maximum(frequency, 0.1 / side)), centres[0], centres[-1])
    below = np.clip(np.searchsorted(centres, position) - 1, 0, BANDS - 2)
    share = (position - centres[below]) / (centres[below + 1] - centres[below])
    return ring, count, below, share.astype(np.float32)
