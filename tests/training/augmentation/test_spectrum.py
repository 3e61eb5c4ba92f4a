"""The amplitude spectrum is scaled ring by ring."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import film_pixels
from training.augmentation.spectrum import BANDS, Floats, Pixels, measure_amplitude, ring_centres, scale_amplitude

GAIN = np.linspace(0.8, -1.0, BANDS).astype(np.float32)
GAIN[::2] += 0.5


def scale_plainly(film: Pixels, gain: Floats) -> NDArray[np.float64]:
    """Scale every frequency for itself, by NumPy in float64."""
    rows, columns = film.shape
    frequency = np.hypot(np.fft.fftfreq(rows)[:, np.newaxis], np.fft.rfftfreq(columns))
    position = np.log(np.maximum(frequency, 1e-6))
    factors = np.exp(np.interp(position, ring_centres(rows, columns), gain))
    factors[0, 0] = 1
    return np.clip(np.fft.irfft2(np.fft.rfft2(film) * factors, s=film.shape), 0, 255)


@pytest.mark.parametrize("shape", [(224, 224), (96, 131), (97, 130), (97, 131), (150, 64)])
def test_every_frequency_gets_the_factor_of_its_ring(shape: tuple[int, int]) -> None:
    """Within rounding; even and odd sides are packed differently."""
    film = np.random.default_rng(0).integers(40, 216, shape, np.uint8)
    scaled = scale_amplitude(film, GAIN)
    assert (scaled.shape, scaled.dtype) == (film.shape, np.uint8)
    assert np.abs(scaled - scale_plainly(film, GAIN)).max() < 0.51
    assert np.mean(scaled != film) > 0.3


def test_scaled_amplitude_is_measured_so() -> None:
    """By the same gain in every ring, where there is more detail than rounding."""
    film = (film_pixels(2, 224, 224) // 3 + 80).astype(np.uint8)
    gained = measure_amplitude(scale_amplitude(film, np.full(BANDS, 0.5, np.float32))) - measure_amplitude(film)
    np.testing.assert_allclose(gained[2:10], 0.5, atol=0.02)


def test_no_gain_changes_nothing() -> None:
    film = film_pixels(3, 120, 90)
    np.testing.assert_array_equal(scale_amplitude(film, np.zeros(BANDS, np.float32)), film)
