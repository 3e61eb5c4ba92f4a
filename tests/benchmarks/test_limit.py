"""The bare loop reads films as the service does, or as OpenCV does, and counts them."""

import itertools
import threading

import cv2
import numpy as np

from app.inference.artifact import find_entry
from benchmarks.films import STORE
from benchmarks.limit import Loop, bare_loop
from benchmarks.servers.entry import make_read
from tests.conftest import encode, film_pixels

FILM = encode(film_pixels())


class SumOfPixels:
    """An engine that needs no model."""

    name = "openvino"

    def __init__(self):
        self.threads = set()
        self.films = itertools.count(1)

    def logits(self, films):
        self.threads.add(threading.get_ident())
        next(self.films)
        return films.sum(axis=(1, 2), dtype=np.float32)


def test_both_decoders_read_a_gray_film_alike():
    """Else the loop by OpenCV would answer another question."""
    ours, opencv = (make_read(decoder, (150, 150))(FILM) for decoder in ("ours", "cv2"))
    assert ours.shape == (150, 150)
    assert cv2.absdiff(ours, opencv).max() <= 1


def test_the_loop_counts_films_of_all_its_threads_and_keeps_them():
    engine = SumOfPixels()
    loop = Loop(make_read("ours", (150, 150)), engine, [FILM], threads=2)
    for _ in range(2):
        figures = loop.run(0.1)
        assert 0 < figures["per_second"] * 0.1 < next(engine.films)
        assert 0 < figures["median_ms"] <= figures["p99_ms"]
        assert 0 < figures["infer_share"] < 1
    assert len(engine.threads) == 2


def test_a_process_of_its_own_loops_as_often_as_it_is_told(tmp_path):
    film, listing = tmp_path / "film.jpeg", tmp_path / "listing"
    film.write_bytes(FILM)
    listing.write_text(f"{film}\n")
    with bare_loop(listing, find_entry(STORE, None).label, 1) as loop:
        assert [loop.run(seconds)["per_second"] > 0 for seconds in (0.05, 0.1)] == [True, True]
    assert loop.process.poll() is not None
