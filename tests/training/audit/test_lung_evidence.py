"""Evidence is counted outside the lungs by the area of its cell outside."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from training.audit.lung_evidence import MARGINS, cells_outside, measure_lung_evidence
from training.fitting.sources import LungNetwork

MASK = np.zeros((80, 80), np.uint8)
MASK[20:60, 20:60] = 255
"""Its quarter of the film is lung: the four cells in the middle of a map of 4 × 4."""


@pytest.fixture
def bright() -> LungNetwork:
    """A network that takes what is bright for lung."""
    film = keras.Input((80, 80, 1))
    return LungNetwork(keras.Model(film, keras.layers.Rescaling(1 / 255)(film)), "its hash")


def test_a_cell_lies_outside_by_its_area() -> None:
    """A margin brings the edge outwards; a map of other cells sees the same lungs."""
    expected = np.ones((4, 4))
    expected[1:3, 1:3] = 0
    np.testing.assert_allclose(cells_outside(MASK, 0.0, (4, 4)), expected, atol=1e-6)
    assert cells_outside(MASK, 0.0, (10, 10)).mean() == pytest.approx(0.75)
    grown = cells_outside(MASK, 0.05, (4, 4))
    assert grown[0, 1] == pytest.approx(1 - 4 / 20)
    assert grown[0, 0] > 0.95


def test_evidence_within_the_lungs_is_not_outside(bright: LungNetwork) -> None:
    """By class; what speaks against PNEUMONIA counts in the absolute evidence alone."""
    films = np.stack([MASK, MASK, MASK])
    maps = np.zeros((3, 4, 4), np.float32)
    maps[0, 1, 1] = 2.0
    maps[1, 1, 1], maps[1, 0, 0] = 3.0, -1.0
    maps[2, 3, 3] = -5.0
    found = measure_lung_evidence(bright, films, maps, np.array([1, 1, 0], np.uint8), np.arange(3))
    assert found.network_sha256 == "its hash"
    assert found.without_lungs == 0
    assert [(each.label, each.margin) for each in found.proportions] == [
        (label, margin) for label in ("NORMAL", "PNEUMONIA") for margin in MARGINS
    ]
    normal, _, pneumonia, _ = found.proportions
    assert (normal.films, normal.area.value, normal.absolute.value) == (1, 0.75, 1.0)
    assert (normal.towards.value, normal.towards.note) == (None, "undefined without films")
    assert (pneumonia.films, pneumonia.area.value, pneumonia.towards.value) == (2, 0.75, 0.0)
    assert pneumonia.absolute.value == pytest.approx(1 / 6, abs=1e-6)
    assert [(each.effective_absolute, each.effective_towards) for each in (normal, pneumonia)] == [(1, 0), (1.8, 1.9)]


def test_a_film_counts_by_its_evidence(bright: LungNetwork) -> None:
    """One with next to none, all of it outside, hardly moves the proportion."""
    maps = np.zeros((2, 4, 4), np.float32)
    maps[0, 1, 1], maps[1, 0, 0] = 1.0, 1e-4
    found = measure_lung_evidence(bright, np.stack([MASK, MASK]), maps, np.array([0, 0], np.uint8), np.arange(2))
    of = found.proportions[0]
    assert of.towards.value == pytest.approx(1e-4, abs=1e-6)
    assert (of.films, of.effective_towards) == (2, 1.0)


def test_films_without_lungs_are_left_out(bright: LungNetwork) -> None:
    films = np.stack([MASK, np.zeros_like(MASK)])
    maps = np.ones((2, 4, 4), np.float32)
    found = measure_lung_evidence(bright, films, maps, np.array([1, 1], np.uint8), np.arange(2))
    assert found.without_lungs == 1
    assert [each.films for each in found.proportions] == [1, 1]
    assert found.proportions[0].absolute.value == 0.75
