"""Films are drawn as large as the originals, and sent in an order that is fair at any moment."""

import numpy as np
import pytest

from app.imaging.preprocess import read_film
from benchmarks import films
from benchmarks.films import draw_film, encode, find_films, spread


@pytest.mark.parametrize("count", [1, 2, 57, 170])
def test_every_film_is_sent_once_a_turn(tmp_path, count):
    """The steps visit all of them."""
    paths = [tmp_path / f"{number}" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * number)
    assert sorted(spread(paths)) == sorted(paths)


def test_every_stretch_holds_small_and_large(tmp_path):
    """So that a load that ends in the middle of a turn was sent the same kind of films."""
    paths = [tmp_path / f"{number}" for number in range(100)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * number)
    sizes = np.array([path.stat().st_size for path in spread(paths)], float)
    means = [sizes[start : start + 10].mean() for start in range(0, 100, 10)]
    assert max(means) - min(means) < 0.2 * 100


@pytest.mark.parametrize("bytes_per_pixel", [0.08, 0.25])
def test_a_drawn_film_is_compressed_as_asked(bytes_per_pixel):
    """As close as JPEG qualities allow, and never above."""
    film = draw_film(1, 3e5)
    assert 0.8 * bytes_per_pixel < len(encode(film, bytes_per_pixel)) / film.size <= bytes_per_pixel


def test_a_film_has_at_most_the_pixels_asked_for():
    """One of 50 megapixels is still accepted."""
    height, width = draw_film(1, 1e6).shape
    assert 0.99e6 < height * width <= 1e6


def test_where_there_are_no_originals_films_are_drawn(tmp_path, monkeypatch):
    """And can be read as any other."""
    monkeypatch.setattr(films, "ORIGINALS", (tmp_path / "absent",))
    monkeypatch.setattr(films, "_DRAWN", 3)
    found, what = find_films(tmp_path)
    assert len(found) == 3
    assert "drawn" in what
    assert {read_film(path.read_bytes(), width=150, height=150).pixels.shape for path in found} == {(150, 150)}
