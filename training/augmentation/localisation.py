"""Training films whose class depends on the lungs alone: lungs shown alone, in another film, or not at all.

The border of a film tells hospital and class. So the lungs of a film are pasted into a film of either class, or onto no
film at all, and the label follows the lungs; a film without its lungs has the label 0.5. The shape of a lung mask tells
the class, too: lungs shown alone are cut to the mask of a film of the other class as well.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augmentation.lungs import Box, Pixels, align, draw_background, grow_hull, paste
from training.augmentation.source_pool import SourcePool

UNKNOWN = 0.5
"""The label of a film without lungs."""

_MIDDLE = np.array([0.1, 0.1, 0.9, 0.9])
"""The box of films of form `lungs` in which none is found."""


@dataclass(frozen=True)
class LungVariation:
    """Probabilities of a change, for whole films of one population; the rest of them stay whole.

    Attributes:
        p_masked: the lungs alone, as in films of form `lungs`.
        p_swapped: the lungs' hull, in the place of another film's lungs.
        p_blanked: the lungs' hull, on a background without anatomy.
        p_hidden: the film without its lungs.
    """

    p_masked: float = 0.0
    p_swapped: float = 0.0
    p_blanked: float = 0.0
    p_hidden: float = 0.0


class Localised(NamedTuple):
    """A changed film uint8 (side, side), its label 0 to 1, and its log amplitudes where they are known."""

    film: Pixels
    label: float
    amplitude: NDArray[np.float32] | None


@dataclass(frozen=True)
class Localisation:
    """How often training films are changed so that their class depends on the lungs alone.

    Attributes:
        child: of whole films of children.
        adult: of whole films of adults.
        p_host: probability that masked lungs lie in another film, else on a background.
    """

    child: LungVariation = LungVariation(p_swapped=0.25, p_blanked=0.1, p_hidden=0.06)
    adult: LungVariation = LungVariation(p_masked=0.35, p_blanked=0.07, p_hidden=0.06)
    p_host: float = 0.5

    def describe(self) -> dict[str, float]:
        """Return the probabilities, for the run's settings and the model card."""
        return {
            "p_host": self.p_host,
            **{f"child_{name}": value for name, value in asdict(self.child).items()},
            **{f"adult_{name}": value for name, value in asdict(self.adult).items()},
        }

    def __call__(self, pool: SourcePool, number: int, rng: np.random.Generator) -> Localised:
        """Change one film of a pool; films of form `lungs` are always masked.

        Args:
            pool: of all training films.
            number: of the film.
            rng: samples the change, other films and backgrounds.
        """
        row, film, box = pool.rows[number], pool.pixels[number], pool.boxes[number]
        label, amplitude = float(row.label), pool.amplitude_of(number)
        if row.form == "lungs":
            return Localised(self._mask(pool, number, _MIDDLE if box is None else box, rng), label, None)
        odds = self.child if row.population == "child" else self.adult
        kind = rng.random()
        if kind >= 1 - odds.p_hidden:
            # With the amplitudes of the whole film, half of the films get the gain that they would get with lungs.
            return Localised(_hide(pool, number, rng), UNKNOWN, amplitude if rng.random() < 0.5 else None)
        if box is None or kind >= odds.p_masked + odds.p_swapped + odds.p_blanked:
            return Localised(film, label, amplitude)
        if kind < odds.p_masked:
            return Localised(self._mask(pool, number, box, rng), label, None)
        return Localised(_move(pool, number, box, rng, is_swapped=kind < odds.p_masked + odds.p_swapped), label, None)

    def _mask(self, pool: SourcePool, number: int, box: Box, rng: np.random.Generator) -> Pixels:
        """Return the lungs alone, cut to their own mask and to that of a film of the other class."""
        row = pool.rows[number]
        other = pool.sample_form(rng, row.population, 1 - row.label, row.form)
        other_box = pool.boxes[other]
        target: Box = 0.5 + rng.uniform(0.3, 0.48, 4) * (-1, -1, 1, 1)
        background = None
        if rng.random() < self.p_host:
            host, host_box = _sample_host(pool, number, rng)
            if host_box is not None:
                background, target = pool.pixels[host], host_box
        mask = np.minimum(
            align(pool.masks[number], box, target),
            align(pool.masks[other], box if other_box is None else other_box, target),
        )
        if row.form == "whole" and rng.random() < 0.5:
            mask = np.asarray(cv2.dilate(mask, np.ones((5, 5), np.uint8)), np.uint8)
        film = align(pool.pixels[number], box, target)
        return paste(film, draw_background(len(film), rng) if background is None else background, mask, rng)


def _move(pool: SourcePool, number: int, box: Box, rng: np.random.Generator, *, is_swapped: bool) -> Pixels:
    """Return the lungs' hull in another film of the population, or on a background without anatomy."""
    film, mask = pool.pixels[number], grow_hull(pool.masks[number], rng.uniform(2, 14))
    background = draw_background(len(film), rng)
    if is_swapped:
        host, host_box = _sample_host(pool, number, rng)
        if host_box is not None:
            film, mask = align(film, box, host_box, cv2.BORDER_REPLICATE), align(mask, box, host_box)
            background = pool.pixels[host]
    return paste(film, background, mask, rng)


def _hide(pool: SourcePool, number: int, rng: np.random.Generator) -> Pixels:
    """Return a film without its lungs' hull, or without a rectangle in its middle."""
    film = pool.pixels[number]
    side = len(film)
    if rng.random() < 0.5 or pool.boxes[number] is None:
        across, down = ((1 - rng.uniform(0.5, 0.85, 2)) / 2 * side).astype(int)
        is_hidden = np.zeros(film.shape, bool)
        is_hidden[down : side - down, across : side - across] = True
    else:
        hull = grow_hull(pool.masks[number], rng.uniform(1, 10))
        is_hidden = cv2.resize(hull, (side, side), interpolation=cv2.INTER_LINEAR) > 127
    background = np.zeros_like(film) if rng.random() < 0.6 else draw_background(side, rng)
    return np.where(is_hidden, background, film)


def _sample_host(pool: SourcePool, number: int, rng: np.random.Generator) -> tuple[int, Box | None]:
    """Sample a whole film of the population, of either class with the same probability, and return its box."""
    host = pool.sample_form(rng, pool.rows[number].population, int(rng.random() < 0.5), "whole")
    return host, pool.boxes[host]
