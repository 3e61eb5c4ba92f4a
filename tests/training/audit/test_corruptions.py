"""Films are masked, marked and perturbed as the audit reports."""

from __future__ import annotations

import numpy as np
import pytest

from tests.drawn import draw_film
from training.audit.corruptions import (
    AXES,
    IN_CRITERION,
    MARKERS,
    MASKS,
    Corner,
    draw_marker,
    hide_centre,
    keep_centre,
)
from training.data.films import SOURCE_SIDE

FILM = draw_film("NORMAL", 1, SOURCE_SIDE, SOURCE_SIDE) // 2 + 20


def test_the_centre_is_hidden_or_alone() -> None:
    """70 % of each side: what one shows the other hides."""
    hidden, alone = hide_centre(FILM), keep_centre(FILM)
    np.testing.assert_array_equal(hidden + alone, FILM)
    rows, columns = np.nonzero(hidden == 0)
    for across in (rows, columns):
        assert (across.min(), across.max()) == (34, 189)
    assert np.count_nonzero(hidden == 0) == 156**2 == np.count_nonzero(alone)


@pytest.mark.parametrize("corner", ["left", "right"])
def test_the_marker_stands_bright_in_its_corner_and_nowhere_else(corner: Corner) -> None:
    """A small R in the outer sixth, white, on a film that stays as it was."""
    before = FILM.copy()
    marked = draw_marker(FILM, corner)
    np.testing.assert_array_equal(FILM, before)
    rows, columns = np.nonzero(marked != FILM)
    sixth = SOURCE_SIDE // 6
    assert rows.max() < sixth
    assert columns.max() < sixth if corner == "left" else columns.min() >= SOURCE_SIDE - sixth
    assert min(rows.min(), columns.min(), SOURCE_SIDE - 1 - columns.max()) > 0
    assert marked.max() == 255
    assert np.all(marked >= FILM)


def test_every_perturbation_gives_films_of_the_models_size() -> None:
    """And none of them leaves a film as it is."""
    perturbations = [step for axis in AXES for _, step in axis.steps] + [*MARKERS, *MASKS]
    plain = FILM[np.newaxis]
    for perturbation in perturbations:
        perturbed = perturbation.apply(plain, width=SOURCE_SIDE, height=SOURCE_SIDE)
        assert (perturbed.shape, perturbed.dtype) == (plain.shape, np.uint8)
        assert np.any(perturbed != plain), perturbation.name
        assert perturbation.apply(plain, width=150, height=140).shape == (1, 140, 150)
    assert len({each.name for each in perturbations}) == len(perturbations)


def test_the_criterion_is_over_steps_that_are_measured() -> None:
    """Quality 30 to 95, blur of 1 and 2 pixels, a fifth more and less of brightness and contrast."""
    assert set(IN_CRITERION) <= {step.name for axis in AXES for _, step in axis.steps}
    assert len(set(IN_CRITERION)) == 11
