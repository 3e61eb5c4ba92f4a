"""Films are varied within the configured ranges, by the seed alone."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.conftest import film_pixels
from training.augmentation.acquisition import AcquisitionAugmentation, vary_intensity
from training.augmentation.filters import change_contrast

NOTHING = AcquisitionAugmentation(
    smallest_area=1.0, largest_area=1.0, aspect=0.0, rotation=0.0, p_flip=0.0, p_shrink=0.0, p_blur=0.0,
    p_sharpen=0.0, p_encode=0.0, p_intensity=0.0,
)  # fmt: skip
FILM = film_pixels(2, 224, 224)


def test_a_film_comes_out_at_the_networks_size() -> None:
    """Whatever its own size, uint8 (height, width)."""
    rng = np.random.default_rng(0)
    for seed in range(30):
        varied = AcquisitionAugmentation(width=150, height=140)(film_pixels(seed, 224, 200), rng)
        assert (varied.shape, varied.dtype) == ((140, 150), np.uint8)


def test_the_seed_alone_decides() -> None:
    """The same seed varies a film alike; another seed does not."""
    first, again, other = (AcquisitionAugmentation()(FILM, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_variation_a_film_is_only_shrunk() -> None:
    """Nearly as the service shrinks it: mean difference under two gray levels."""
    shrunk = cv2.resize(FILM, (150, 150), interpolation=cv2.INTER_AREA)
    difference = np.abs(NOTHING(FILM, np.random.default_rng(0)).astype(int) - shrunk)
    assert difference.mean() < 2


@pytest.mark.parametrize(
    "name", ["p_flip", "p_shrink", "p_blur", "p_sharpen", "p_encode", "p_intensity", "aspect", "rotation"]
)
def test_each_range_varies_a_film_by_itself(name: str) -> None:
    """Of a noisy film, so that sharpness is there to be lost."""
    noisy = np.random.default_rng(1).integers(40, 216, (224, 224), np.uint8)
    varied = replace(NOTHING, **{name: 1.0})(noisy, np.random.default_rng(1))
    assert np.abs(varied.astype(int) - NOTHING(noisy, np.random.default_rng(1))).mean() > 1


def test_a_crop_keeps_at_least_the_smallest_area() -> None:
    """Of a ramp of 0 to 223, a crop of a quarter of the area shows at least half of the way across."""
    ramp = np.tile(np.arange(224, dtype=np.uint8), (224, 1))
    crop = replace(NOTHING, smallest_area=0.25, largest_area=1.2)
    spans = [np.ptp(crop(ramp, np.random.default_rng(seed))[75].astype(int)) for seed in range(60)]
    assert min(spans) >= 105
    assert min(spans) < 150 < max(spans)


@pytest.mark.parametrize("seed", range(8))
def test_intensity_varies_as_its_formula_says(seed: int) -> None:
    """Contrast about the mean, brightness and gamma, pixel by pixel, rounded down."""
    film = film_pixels(seed, 224, 224)
    varied = vary_intensity(film, np.random.default_rng(seed), contrast=0.4, brightness=30, gamma=0.4, noise=0)
    rng = np.random.default_rng(seed)
    gray = change_contrast(film, np.exp(rng.uniform(-0.4, 0.4)), rng.uniform(-30, 30))
    gray = (np.clip(gray, 0, 255) / 255) ** np.exp(rng.uniform(-0.4, 0.4)) * 255
    assert np.all(np.abs(varied + 0.5 - gray) < 0.51)


def test_half_of_the_films_get_noise() -> None:
    """Of a flat film, the others stay flat."""
    flat, rng = np.full((32, 32), 120, np.uint8), np.random.default_rng(0)
    noisy = [np.ptp(vary_intensity(flat, rng, contrast=0, brightness=0, gamma=0, noise=30)) > 0 for _ in range(200)]
    assert 0.4 < np.mean(noisy) < 0.6
