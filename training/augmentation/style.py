"""A film's look, which another film can borrow: how much detail of each size it holds, and how often each gray level.

In the training split the look alone gives the class away (`shortcuts`). A film that borrows the look of one drawn
evenly from both classes keeps its anatomy, while its look says nothing of its class.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augmentation.spectrum import measure_detail, scale_detail

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

_WEAKEST, _STRONGEST = -2.0, 1.5
"""Natural logs of the factors by which a ring may be weakened and strengthened; more would show the film's noise."""

_LEVELS = 256


@dataclass(frozen=True)
class Look:
    """The look of one film.

    Attributes:
        detail: how much of each size there is, see `spectrum.measure_detail`.
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
        of_class = self._of_class[label]
        return self._looks[int(of_class[rng.integers(len(of_class))])]

    def lend_one(
        self, film: Pixels, number: int, rng: np.random.Generator, *, detail: float = 1.0, tones: float = 1.0
    ) -> Pixels:
        """Answer one of the measured films with a look drawn for it, without measuring its own again.

        Args:
            film: uint8 of shape (rows, columns).
            number: of the film among those that were measured.
            rng: draws the look.
            detail: see `borrow_look`.
            tones: likewise.

        Returns:
            uint8 of the same shape.
        """
        own = self._looks[number].detail
        return borrow_look(film, self.draw(rng), detail=detail, tones=tones, own_detail=own)

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
    return Look(measure_detail(film), _count_tones(film))


def borrow_look(
    film: Pixels, look: Look, *, detail: float = 1.0, tones: float = 1.0, own_detail: Floats | None = None
) -> Pixels:
    """Give a film another's look: every ring of its spectrum is scaled to the other's, then its histogram is matched.

    Args:
        film: uint8 of shape (rows, columns).
        look: of the other.
        detail: share of the change in detail that is made, in logs, 0 to 1.
        tones: share of the change in gray levels that is made, 0 to 1.
        own_detail: of the film's own look, where it was measured before.

    Returns:
        uint8 of the same shape.
    """
    own_detail = measure_detail(film) if own_detail is None else own_detail
    changed = scale_detail(film, (detail * (look.detail - own_detail)).clip(_WEAKEST, _STRONGEST))
    levels = np.arange(_LEVELS)
    matched = np.interp(_count_tones(changed), look.tones, levels)
    table = ((1 - tones) * levels + tones * matched).round().astype(np.uint8)
    return np.asarray(cv2.LUT(changed, table), np.uint8)


def _count_tones(film: Pixels) -> NDArray[np.float64]:
    count = cv2.calcHist([film], [0], None, [_LEVELS], [0, _LEVELS]).ravel().astype(np.float64)
    return np.asarray((count.cumsum() - count / 2) / film.size)
