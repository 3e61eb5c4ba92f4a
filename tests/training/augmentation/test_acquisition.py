"""Films are changed as the world changes them, within their ranges and by the seed alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.conftest import film_pixels
from training.augmentation.acquisition import (
    AcquisitionAugmentation,
    _smooth,
    blur,
    change_contrast,
    encode_as_jpeg,
    sharpen,
    shrink_and_enlarge,
)

NOTHING = AcquisitionAugmentation(
    smallest_area=1.0, largest_area=1.0, aspect=0.0, rotation=0.0, p_flip=0.0, p_shrink=0.0, p_blur=0.0,
    p_sharpen=0.0, p_encode=0.0, p_tone=0.0,
)  # fmt: skip


def test_a_film_comes_out_at_the_networks_size():
    """Whatever its own size, uint8 (height, width)."""
    rng = np.random.default_rng(0)
    for seed in range(30):
        changed = AcquisitionAugmentation()(film_pixels(seed, 224, 224), rng)
        assert (changed.shape, changed.dtype) == ((150, 150), np.uint8)


def test_the_seed_alone_decides():
    """The same seed changes a film alike; another seed does not."""
    film = film_pixels(1, 224, 224)
    first, again, other = (AcquisitionAugmentation()(film, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_changes_a_film_is_only_shrunk():
    """Close to what the service does: mean difference under two gray levels."""
    film = film_pixels(2, 224, 224)
    shrunk = cv2.resize(film, (150, 150), interpolation=cv2.INTER_AREA)
    difference = np.abs(NOTHING(film, np.random.default_rng(0)).astype(int) - shrunk)
    assert difference.mean() < 2


def test_a_crop_keeps_at_least_the_smallest_area():
    """Of a ramp of 0 to 223, a crop of a quarter of the area shows at least half of the way across."""
    ramp = np.tile(np.arange(224, dtype=np.uint8), (224, 1))
    crop = AcquisitionAugmentation(
        smallest_area=0.25, aspect=0.0, rotation=0.0, p_flip=0.0, p_shrink=0.0, p_blur=0.0, p_sharpen=0.0,
        p_encode=0.0, p_tone=0.0,
    )  # fmt: skip
    spans = []
    for seed in range(60):
        row = crop(ramp, np.random.default_rng(seed))[75].astype(int)
        spans.append(row.max() - row.min())
    assert min(spans) >= 105
    assert min(spans) < 150 < max(spans)


@pytest.mark.parametrize(
    ("change", "is_rougher"), [(lambda film: blur(film, 2), False), (lambda film: sharpen(film, 1, 1), True)]
)
def test_blur_smooths_and_sharpening_roughens(change, is_rougher):
    """Told by the energy of the Laplacian."""
    film = film_pixels(3, 224, 224)
    noisy = np.clip(film + np.random.default_rng(0).normal(0, 8, film.shape), 0, 255).astype(np.uint8)
    before, after = (cv2.Laplacian(picture, cv2.CV_32F).std() for picture in (noisy, change(noisy)))
    assert bool(after > before) is is_rougher


def test_encoding_and_shrinking_keep_the_size():
    """They lose detail, not pixels."""
    film = film_pixels(4, 200, 180)
    for changed in (encode_as_jpeg(film, 30), shrink_and_enlarge(film, 90)):
        assert changed.shape == film.shape
        assert 0 < np.abs(changed.astype(int) - film).mean() < 10


def test_contrast_turns_about_the_mean():
    """A factor stretches, an offset moves; neither clips."""
    film = film_pixels(5, 100, 100)
    changed = change_contrast(film, 1.5, 10)
    assert changed.mean() == pytest.approx(film.mean() + 10, abs=0.01)
    assert changed.std() == pytest.approx(1.5 * film.std(), rel=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_one_table_changes_the_tone_as_its_formula_does(seed):
    """Contrast about the mean, brightness and gamma, pixel by pixel, rounded down."""
    film, quiet = film_pixels(seed, 224, 224), AcquisitionAugmentation(noise=0.0)
    changed = quiet._change_tone(film, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    gray = change_contrast(film, np.exp(rng.uniform(-0.4, 0.4)), rng.uniform(-30, 30))
    gray = (np.clip(gray, 0, 255) / 255) ** np.exp(rng.uniform(-0.4, 0.4)) * 255
    assert np.all(np.abs(changed + 0.5 - gray) < 0.51)


@pytest.mark.parametrize("sigma", [0.25, 0.8, 1.5, 2.5])
def test_training_blurs_as_the_alterations_do(sigma):
    """To one gray level, neither brighter nor darker."""
    film = film_pixels(6, 224, 224)
    difference = _smooth(film, sigma, sigma).astype(int) - blur(film, sigma)
    assert np.abs(difference).max() <= 1
    assert abs(difference.mean()) < 0.01


def test_sides_are_blurred_apart():
    """Of a film of upright stripes, only the blur across takes anything away."""
    stripes = np.tile(np.array([60, 180], np.uint8), (64, 32))
    np.testing.assert_array_equal(_smooth(stripes, 1e-3, 0.4), stripes)
    assert _smooth(stripes, 0.4, 1e-3).std() < 0.95 * stripes.std()
