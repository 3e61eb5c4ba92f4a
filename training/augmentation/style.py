"""A film's style, and its transfer to another film: Fourier amplitude transfer, then histogram matching.

In the training split style alone is a shortcut feature: it predicts the class (`training.audit.shortcuts`). A film
with the style of one sampled evenly from both classes keeps its anatomy; its style no longer predicts the class.
Sources: Yang and Soatto 2020, "FDA: Fourier domain adaptation"; Gonzalez and Woods, histogram specification.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augmentation.spectrum import measure_amplitude, scale_amplitude

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

_LOWEST_GAIN, _HIGHEST_GAIN = -2.0, 1.5
"""Natural logs of the factors between which a ring's amplitude may be scaled; a higher one would show the noise."""

_LEVELS = 256


@dataclass(frozen=True)
class Style:
    """The style of one film.

    Attributes:
        amplitude: log amplitude of each ring of the spectrum, see `spectrum.measure_amplitude`.
        cumulative: cumulative gray-level histogram: proportion of the pixels below each level, those at it counted
            half, float64 (256,).
    """

    amplitude: Floats
    cumulative: NDArray[np.float64]


@dataclass(frozen=True)
class StyleTransfer:
    """How often and how strongly training films take on another film's style.

    Attributes:
        p_transfer: probability of a transfer.
        p_whole: probability that a transfer is whole; else its strength is uniform in 0 to 1. Sampled for amplitude and
            histogram separately.
    """

    p_transfer: float = 0.75
    p_whole: float = 0.5

    def sample(self, rng: np.random.Generator) -> tuple[float, float] | None:
        """Sample the strengths of amplitude transfer and histogram matching, 0 to 1; None: no transfer."""
        if rng.random() >= self.p_transfer:
            return None
        amplitude, histogram = (1.0 if rng.random() < self.p_whole else rng.random() for _ in range(2))
        return amplitude, histogram

    def describe(self) -> dict[str, float]:
        """Return the probabilities, for the run's settings and the model card."""
        return asdict(self)


class StyleBank:
    """The styles of labelled films, to be transferred to other films."""

    def __init__(self, films: Pixels, labels: NDArray[np.uint8]) -> None:
        """Measure every film's style.

        Args:
            films: uint8 of shape (films, rows, columns).
            labels: 0 or 1, of shape (films,).
        """
        self._of_class = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
        self._styles = [measure_style(film) for film in films]

    def sample(self, rng: np.random.Generator, label: int | None = None) -> Style:
        """Sample the style of a film of one class; None: of either class with the same probability."""
        if label is None:
            label = list(self._of_class)[rng.integers(len(self._of_class))]
        of_class = self._of_class[label]
        return self._styles[int(of_class[rng.integers(len(of_class))])]

    def transfer_to_own(
        self, film: Pixels, number: int, rng: np.random.Generator, *, amplitude: float = 1.0, histogram: float = 1.0
    ) -> Pixels:
        """Transfer a sampled style to a film of the bank, whose own style is not measured again.

        Args:
            film: uint8 of shape (rows, columns).
            number: of the film in the bank.
            rng: samples the style.
            amplitude: see `transfer_style`.
            histogram: likewise.

        Returns:
            uint8 of the same shape.
        """
        own = self._styles[number].amplitude
        return transfer_style(film, self.sample(rng), amplitude=amplitude, histogram=histogram, own_amplitude=own)

    def transfer(
        self,
        films: Pixels,
        seed: int,
        *,
        classes: NDArray[np.uint8] | None = None,
        amplitude: float = 1.0,
        histogram: float = 1.0,
    ) -> Pixels:
        """Transfer a sampled style to every film; the same seed gives the same films.

        Args:
            films: uint8 of shape (films, rows, columns).
            seed: of the sampling.
            classes: whose style each film gets, 0 or 1, (films,), both present; None: of either class.
            amplitude: see `transfer_style`.
            histogram: likewise.

        Returns:
            uint8 of the same shape.
        """
        transferred = []
        for number, film in enumerate(films):
            label = None if classes is None else int(classes[number])
            style = self.sample(np.random.default_rng([seed, number]), label)
            transferred.append(transfer_style(film, style, amplitude=amplitude, histogram=histogram))
        return np.stack(transferred)


def measure_style(film: Pixels) -> Style:
    """Measure the style of a film, uint8 of shape (rows, columns)."""
    return Style(measure_amplitude(film), _cumulate(film))


def transfer_style(
    film: Pixels,
    style: Style,
    *,
    amplitude: float = 1.0,
    histogram: float = 1.0,
    own_amplitude: Floats | None = None,
) -> Pixels:
    """Scale every ring of a film's spectrum to the amplitude of a style, then match its gray-level histogram.

    Args:
        film: uint8 of shape (rows, columns).
        style: of another film.
        amplitude: proportion of the change in log amplitude that is made, 0 to 1.
        histogram: proportion of the change in gray levels that is made, 0 to 1.
        own_amplitude: the film's own, where it is already known.

    Returns:
        uint8 of the same shape.
    """
    own_amplitude = measure_amplitude(film) if own_amplitude is None else own_amplitude
    gain = (amplitude * (style.amplitude - own_amplitude)).clip(_LOWEST_GAIN, _HIGHEST_GAIN)
    scaled = scale_amplitude(film, gain)
    levels = np.arange(_LEVELS)
    matched = np.interp(_cumulate(scaled), style.cumulative, levels)
    table = ((1 - histogram) * levels + histogram * matched).round().astype(np.uint8)
    return np.asarray(cv2.LUT(scaled, table), np.uint8)


def _cumulate(film: Pixels) -> NDArray[np.float64]:
    count = cv2.calcHist([film], [0], None, [_LEVELS], [0, _LEVELS]).ravel().astype(np.float64)
    return np.asarray((count.cumsum() - count / 2) / film.size)
