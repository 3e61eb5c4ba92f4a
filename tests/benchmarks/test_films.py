"""Films are drawn where there are no originals, and sent in an order that is fair at any moment."""

import numpy as np
import pytest

from app.imaging.preprocess import read_film
from benchmarks import films
from benchmarks.films import draw_film, encode, find_films, spread


def files_of_sizes(folder, count):
    paths = [folder / f"{number}" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * number)
    return paths


@pytest.mark.parametrize("count", [1, 2, 57, 170])
def test_every_film_is_sent_once_before_any_is_sent_again(tmp_path, count):
    paths = files_of_sizes(tmp_path, count)
    assert sorted(spread(paths)) == sorted(paths)


def test_every_stretch_holds_small_and_large(tmp_path):
    """So that a load that ends anywhere was sent the same kind of films."""
    sizes = np.array([path.stat().st_size for path in spread(files_of_sizes(tmp_path, 100))], float)
    means = [sizes[start : start + 10].mean() for start in range(0, 100, 10)]
    assert max(means) - min(means) < 0.2 * 100


@pytest.mark.parametrize(("quality", "bytes_per_pixel"), [(71, 0.08), (91, 0.24)])
def test_a_drawn_film_compresses_as_an_original_does(quality, bytes_per_pixel):
    film = draw_film(1, 1e6)
    assert len(encode(film, quality)) / film.size == pytest.approx(bytes_per_pixel, rel=0.15)


def test_a_film_has_at_most_the_pixels_that_it_should_have():
    """One of 50 megapixels is still accepted."""
    height, width = draw_film(1, 1e6).shape
    assert 0.99e6 < height * width <= 1e6


@pytest.mark.long
def test_where_there_are_no_originals_films_are_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(films, "ORIGINALS", (tmp_path / "absent",))
    found, kind = find_films(tmp_path)
    assert len(found) == len(set(found)) > 50
    assert "drawn" in kind
    assert read_film(found[0].read_bytes(), width=150, height=150).pixels.shape == (150, 150)
