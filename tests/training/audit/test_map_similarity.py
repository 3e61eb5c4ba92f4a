"""Rank correlation and SSIM say how alike two maps are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from training.audit.map_similarity import rank_correlations, structural_similarities

MAPS = np.random.default_rng(2).normal(size=(3, 10, 10)).astype(np.float32)


def test_rank_correlation_is_spearmans() -> None:
    """Also with ties."""
    others = np.random.default_rng(3).normal(size=MAPS.shape).round(0) + MAPS.round(0)
    expected = [spearmanr(one.ravel(), other.ravel()).statistic for one, other in zip(MAPS, others, strict=True)]
    assert rank_correlations(MAPS, others) == pytest.approx(expected)


def test_a_map_is_like_itself_whatever_its_scale() -> None:
    assert rank_correlations(MAPS, 7 * MAPS) == pytest.approx([1, 1, 1])
    assert structural_similarities(MAPS, 7 * MAPS) == pytest.approx([1, 1, 1])


def test_a_map_is_the_opposite_of_its_negative() -> None:
    assert rank_correlations(MAPS, -MAPS) == pytest.approx([-1, -1, -1])
    assert structural_similarities(MAPS, -MAPS).max() < -0.5


def test_a_constant_map_correlates_with_nothing() -> None:
    """And is not divided by."""
    assert rank_correlations(MAPS, np.zeros_like(MAPS)).tolist() == [0, 0, 0]
    assert np.abs(structural_similarities(MAPS, np.zeros_like(MAPS))).max() < 0.1


def test_the_ssim_of_constant_maps_is_that_of_their_means() -> None:
    """(2ab + c) / (a² + b² + c) with c = 0.01²; scaled, a is 1 and b is 0."""
    ones = np.ones((1, 10, 10), np.float32)
    assert structural_similarities(ones, -ones) == pytest.approx([0.0001 / 1.0001])


def test_the_ssim_is_that_of_the_whole_of_a_small_map() -> None:
    """One window, by Wang's formula."""
    one, other = (np.random.default_rng(seed).uniform(-1, 1, (4, 4)) for seed in (7, 8))
    x, y = (0.5 + each / np.abs(each).max() / 2 for each in (one, other))
    covariance = np.cov(x.ravel(), y.ravel(), bias=True)
    expected = (2 * x.mean() * y.mean() + 1e-4) / (x.mean() ** 2 + y.mean() ** 2 + 1e-4)
    expected *= (2 * covariance[0, 1] + 9e-4) / (covariance[0, 0] + covariance[1, 1] + 9e-4)
    assert structural_similarities(one[np.newaxis], other[np.newaxis]) == pytest.approx([expected])
