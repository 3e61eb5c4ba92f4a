"""Films are hidden, marked and altered as the audit says."""

from __future__ import annotations

import numpy as np
import pytest

from tests.drawn import draw_film
from training.audit.corruptions import (
    AXES,
    IN_CRITERION,
    MARKERS,
    MASKS,
    draw_marker,
    hide_centre,
    keep_centre,
)
from training.data.films import SOURCE_SIDE

FILM = draw_film("NORMAL", 1, SOURCE_SIDE, SOURCE_SIDE) // 2 + 20


def test_the_centre_is_hidden_or_alone():
    """70 % of each side: what one shows the other hides."""
    hidden, alone = hide_centre(FILM), keep_centre(FILM)
    np.testing.assert_array_equal(hidden + alone, FILM)
    rows, columns = np.nonzero(hidden == 0)
    for across in (rows, columns):
        assert (across.min(), across.max()) == (34, 189)
    assert np.count_nonzero(hidden == 0) == 156**2 == np.count_nonzero(alone)


@pytest.mark.parametrize("corner", ["left", "right"])
def test_the_marker_stands_bright_in_its_corner_and_nowhere_else(corner):
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


def test_every_view_gives_films_of_the_models_size():
    """And none of them leaves a film as it is."""
    views = [view for axis in AXES for _, view in axis.steps] + [*MARKERS, *MASKS]
    plain = FILM[np.newaxis]
    for view in views:
        seen = view.apply(plain, width=SOURCE_SIDE, height=SOURCE_SIDE)
        assert (seen.shape, seen.dtype) == (plain.shape, np.uint8)
        assert np.any(seen != plain), view.name
        assert view.apply(plain, width=150, height=140).shape == (1, 140, 150)
    assert len({view.name for view in views}) == len(views)


def test_what_is_promised_is_looked_at():
    """Quality 30 to 95, blur of 1 and 2 pixels, a fifth more and less of brightness and contrast."""
    assert set(IN_CRITERION) <= {view.name for axis in AXES for _, view in axis.steps}
    assert len(set(IN_CRITERION)) == 11
