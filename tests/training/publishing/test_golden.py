"""The golden films are drawn alike each time, and differ among themselves."""

from __future__ import annotations

import numpy as np

from training.publishing.golden import draw_golden_films


def test_golden_films_are_always_the_same_and_all_different():
    """Eight uint8 films of the size asked for."""
    films = draw_golden_films(150, 120)
    assert films.shape == (8, 150, 120)
    assert films.dtype == np.uint8
    np.testing.assert_array_equal(films, draw_golden_films(150, 120))
    assert len({film.tobytes() for film in films}) == 8
    assert all(film.std() > 20 for film in films)
