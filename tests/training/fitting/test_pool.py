"""The pool joins the folder's films with those of further sources, each with its mask."""

from __future__ import annotations

import keras
import numpy as np

from tests.training.drawn_sources import draw, row
from training.augmentation.lungs import mask_of_lungs
from training.data.films import Films
from training.data.sources import SourceFilms
from training.fitting.sources import FurtherFilms, LungNetwork, build_pool
from training.networks.lungs import build_lung_network, find_masks


def test_the_folders_films_are_whole_films_of_children() -> None:
    """First, with their classes; films of lungs are their own masks, the network finds those of all others."""
    keras.utils.set_random_seed(1)
    network = build_lung_network()
    labels = np.array([1, 0], np.uint8)
    folder = Films(("x", "y"), np.stack([draw(1, 1), draw(0, 2)]), labels, ("", ""), np.zeros((2, 3), np.int64))
    rows = [row(label, "s", "adult", form) for form in ("lungs", "whole") for label in (0, 1)]
    pixels = [draw(row.label, 3, row.form) for row in rows]
    more = Films(
        tuple("abcd"), np.stack(pixels), np.array([0, 1, 0, 1], np.uint8), tuple("abcd"), np.zeros((4, 3), int)
    )
    pool = build_pool(folder, FurtherFilms(SourceFilms(more, tuple(rows)), LungNetwork(network, "")))
    assert [(row.population, row.form, row.label) for row in pool.rows] == [
        ("child", "whole", 1), ("child", "whole", 0), ("adult", "lungs", 0), ("adult", "lungs", 1),
        ("adult", "whole", 0), ("adult", "whole", 1),
    ]  # fmt: skip
    assert len({row.source for row in pool.rows[:2]} | {"s"}) == 2
    np.testing.assert_array_equal(pool.pixels[1], folder.pixels[1])
    np.testing.assert_array_equal(pool.masks[2], mask_of_lungs(pixels[0]))
    for number in (0, 5):
        assert np.abs(pool.masks[number].astype(int) - find_masks(network, [pool.pixels[number]])[0]).max() <= 1
