"""Each operation does to a film what its name says, and keeps shape and dtype."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tests.conftest import film_pixels
from training.augmentation.filters import (
    Pixels,
    blur,
    blur_axes,
    change_contrast,
    encode_as_jpeg,
    sharpen,
    shrink_and_enlarge,
)

FILM = film_pixels(3, 224, 224)


@pytest.mark.parametrize(
    ("change", "is_rougher"), [(lambda film: blur(film, 2), False), (lambda film: sharpen(film, 1, 1), True)]
)
def test_blur_smooths_and_sharpening_roughens(change: Callable[[Pixels], Pixels], is_rougher: bool) -> None:
    """By the energy of the Laplacian."""
    noisy = np.clip(FILM + np.random.default_rng(0).normal(0, 8, FILM.shape), 0, 255).astype(np.uint8)
    before, after = (cv2.Laplacian(film, cv2.CV_32F).std() for film in (noisy, change(noisy)))
    assert bool(after > before) is is_rougher


def test_a_blur_below_the_least_sigma_changes_nothing() -> None:
    """A sigma of 0 included; one of 0.3 pixels does."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    assert blur(noise, 0.0) is blur(noise, 0.19) is noise
    assert np.any(blur(noise, 0.3) != noise)


@pytest.mark.parametrize("sigma", [0.25, 0.8, 1.5, 2.5])
def test_both_blurs_agree(sigma: float) -> None:
    """To one gray level, neither brighter nor darker."""
    difference = blur_axes(FILM, sigma, sigma).astype(int) - blur(FILM, sigma)
    assert np.abs(difference).max() <= 1
    assert abs(difference.mean()) < 0.01


def test_axes_are_blurred_separately() -> None:
    """Of upright stripes, only a blur across takes anything away."""
    stripes = np.tile(np.array([60, 180], np.uint8), (64, 32))
    np.testing.assert_array_equal(blur_axes(stripes, 1e-3, 0.4), stripes)
    assert blur_axes(stripes, 0.4, 1e-3).std() < 0.95 * stripes.std()


@pytest.mark.parametrize(
    "change", [lambda film: encode_as_jpeg(film, 30), lambda film: shrink_and_enlarge(film, 90)], ids=["jpeg", "shrink"]
)
def test_encoding_and_shrinking_lose_sharpness_and_keep_the_size(change: Callable[[Pixels], Pixels]) -> None:
    """By a few gray levels in the mean."""
    film = film_pixels(4, 200, 180)
    changed = change(film)
    assert changed.shape == film.shape
    assert 0 < np.abs(changed.astype(int) - film).mean() < 10


def test_contrast_stretches_about_the_mean() -> None:
    """An offset moves; neither clips."""
    changed = change_contrast(FILM, 1.5, 10)
    assert changed.mean() == pytest.approx(FILM.mean() + 10, abs=0.01)
    assert changed.std() == pytest.approx(1.5 * FILM.std(), rel=1e-4)
    assert changed.max() > 255
