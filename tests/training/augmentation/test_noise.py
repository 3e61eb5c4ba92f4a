"""Noise is Gaussian, as strong as asked for."""

from __future__ import annotations

import numpy as np
import pytest

from training.augmentation.noise import add_noise

GRAY = np.full((150, 150), 127.5, np.float32)


@pytest.mark.parametrize("sigma", [2.0, 4.0, 8.0])
def test_noise_has_the_deviation_that_is_asked_for(sigma: float) -> None:
    """Its mean is that of rounding down, its tails are a Gaussian's."""
    noise = add_noise(GRAY, sigma, np.random.default_rng(0)).astype(float) + 0.5 - 127.5
    assert noise.mean() == pytest.approx(0, abs=0.1 + 0.02 * sigma)
    assert noise.std() == pytest.approx(np.hypot(sigma, 12**-0.5), rel=0.03)
    assert np.mean(np.abs(noise) > 2 * sigma) == pytest.approx(0.0455, abs=0.03)


def test_neighbours_and_films_have_noise_of_their_own() -> None:
    """They do not correlate."""
    rng = np.random.default_rng(1)
    first, second = (add_noise(GRAY, 8.0, rng).astype(float) - 127 for _ in range(2))
    for one, other in ((first, second), (first[:, 1:], first[:, :-1]), (first[1:], first[:-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.03


def test_the_generator_alone_decides() -> None:
    """The same one adds the same."""
    first, again, other = (add_noise(GRAY, 3.0, np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_at_sigma_zero_gray_is_rounded_down() -> None:
    """A large sigma is clipped."""
    gray = np.array([[0.0, 0.9, 7.2, 254.99, 255.0]], np.float32)
    np.testing.assert_array_equal(add_noise(gray, 0.0, np.random.default_rng(0)), [[0, 0, 7, 254, 255]])
    loud = add_noise(np.float32([[0.0, 255.0]]).repeat(5000, 0), 50.0, np.random.default_rng(0))
    assert (loud.min(), loud.max()) == (0, 255)
