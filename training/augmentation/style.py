"""Style transfer between films: Fourier amplitude transfer, then histogram matching.

Style alone predicts training films' class (`training.audit.shortcuts`); one sampled evenly from both classes removes
that shortcut and keeps anatomy. Sources: Yang and Soatto 2020, "FDA: Fourier domain adaptation"; Gonzalez and Woods,
histogram specification.
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
"""Bounds of a ring's natural log gain; more would show the noise."""

_LEVELS = 256


@dataclass(frozen=True)
class Style:
    """The style of one film.

    Attributes:
        amplitude: of `spectrum.measure_amplitude`.
        cumulative: proportion of pixels below each gray level, those at it counted half, float64 (256,).
    """

    amplitude: Floats
    cumulative: NDArray[np.float64]


@dataclass(frozen=True)
class StyleTransfer:
    """How often and how strongly training films take another's style.

    Attributes:
        p_transfer: probability of a transfer.
        p_whole: probability of strength 1, else uniform in 0 to 1; sampled separately for amplitude and histogram.
    """

    p_transfer: float = 0.75
    p_whole: float = 0.5

    def sample(self, rng: np.random.Generator) -> tuple[float, float] | None:
        """Sample strengths of amplitude transfer and histogram matching, 0 to 1; None: no transfer."""
        if rng.random() >= self.p_transfer:
            return None
        amplitude, histogram = (1.0 if rng.random() < self.p_whole else rng.random() for _ in range(2))
        return amplitude, histogram

    def describe(self) -> dict[str, float]:
        """Return the probabilities by name."""
        return asdict(self)


class StyleBank:
    """Styles of labelled films, for transfer to others."""

    def __init__(self, films: Pixels, labels: NDArray[np.uint8]) -> None:
        """Measure the styles of films, uint8 (films, rows, columns), labelled 0 or 1."""
        self._of_class = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
        self._styles = [measure_style(film) for film in films]

    def sample(self, rng: np.random.Generator, label: int | None = None) -> Style:
        """Sample a style; no label: either class, equally likely."""
        if label is None:
            label = list(self._of_class)[rng.integers(len(self._of_class))]
        of_class = self._of_class[label]
        return self._styles[int(of_class[rng.integers(len(of_class))])]

    def transfer_to_own(
        self, film: Pixels, number: int, rng: np.random.Generator, *, amplitude: float = 1.0, histogram: float = 1.0
    ) -> Pixels:
        """Transfer a sampled style to the bank's film `number`, whose own is known; see `transfer_style`."""
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
            films: uint8 (films, rows, columns); so is the result.
            seed: of the sampling.
            classes: whose style each film gets, 0 or 1, (films,), both present; None: either's.
            amplitude: see `transfer_style`.
            histogram: likewise.
        """
        transferred = []
        for number, film in enumerate(films):
            label = None if classes is None else int(classes[number])
            style = self.sample(np.random.default_rng([seed, number]), label)
            transferred.append(transfer_style(film, style, amplitude=amplitude, histogram=histogram))
        return np.stack(transferred)


def measure_style(film: Pixels) -> Style:
    """Measure the style of a film, uint8 (rows, columns)."""
    return Style(measure_amplitude(film), _cumulate(film))


def transfer_style(
    film: Pixels,
    style: Style,
    *,
    amplitude: float = 1.0,
    histogram: float = 1.0,
    own_amplitude: Floats | None = None,
) -> Pixels:
    """Scale a film's amplitude spectrum to a style's, then match its histogram.

    Args:
        film: uint8 (rows, columns); so is the result.
        style: another film's.
        amplitude: proportion of the change in log amplitude, 0 to 1.
        histogram: proportion of the change in gray levels, 0 to 1.
        own_amplitude: the film's, where known.
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
