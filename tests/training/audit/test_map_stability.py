"""The films whose maps must stay: re-encoded, or shifted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.progress import Progress

from app.inference.artifact import find_entry, open_verified
from tests.conftest import film_pixels
from training.audit.map_stability import PERTURBATIONS, measure_stability, shift_film
from training.evaluation.logits import compute_cams


def test_a_shift_moves_every_pixel_and_repeats_the_edge() -> None:
    film = film_pixels(1, 20, 30)
    np.testing.assert_array_equal(shift_film(film, 0, -2)[:, :-2], film[:, 2:])
    np.testing.assert_array_equal(shift_film(film, 0, -2)[:, -1], film[:, -1])
    np.testing.assert_array_equal(shift_film(film, 2, 0)[2:], film[:-2])
    np.testing.assert_array_equal(shift_film(film, 2, 0)[0], film[0])


def test_maps_are_compared_with_those_of_perturbed_films(tiny_store: Path) -> None:
    """Every perturbation has its row; the maps of other films would be less alike."""
    engine = open_verified(find_entry(tiny_store, "pooled"))
    films = np.stack([film_pixels(seed, 150, 150) for seed in range(6)])
    progress = Progress(disable=True)
    maps = compute_cams(engine, films, progress, "").values
    found = measure_stability(engine, films, maps, np.arange(6), progress)
    swapped = measure_stability(engine, films, maps[::-1], np.arange(6), progress)
    assert [each.perturbation for each in found] == list(PERTURBATIONS)
    for each, other in zip(found, swapped, strict=True):
        assert each.rank_correlation_p5 <= each.rank_correlation.value <= 1
        assert each.ssim_p5 <= each.ssim.value <= 1
        assert each.rank_correlation.value > other.rank_correlation.value + 0.3
    assert found[0].rank_correlation.value > 0.95
