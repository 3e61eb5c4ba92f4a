"""The bare loop reads films as the service does, or as OpenCV does, and counts them."""

import json
import subprocess
import sys
import threading

import cv2
import numpy as np

from benchmarks.figures import ARTICLE
from benchmarks.films import ROOT
from benchmarks.limit import Loop, make_read
from tests.conftest import encode, film_pixels

FILM = encode(film_pixels())


class SumOfPixels:
    """An engine that needs no model."""

    name = "openvino"

    def logits(self, films):
        return films.sum(axis=(1, 2), dtype=np.float32)


def test_both_decoders_read_a_gray_film_alike():
    """Else the fixed loop would answer another question."""
    ours, fixed = (make_read(decoder, (150, 150))(FILM) for decoder in ("ours", "cv2"))
    assert ours.shape == (150, 150)
    assert cv2.absdiff(ours, fixed).max() <= 1


def test_the_loop_counts_films_and_tells_when_it_is_ready(capsys):
    """With every thread warm before the clock starts."""
    before = threading.active_count()
    loop = Loop(make_read("ours", (150, 150)), SumOfPixels(), [FILM], threads=2)
    loop.run(0.05)
    assert capsys.readouterr().out == "ready\n"
    told = loop.run(0.05)
    assert threading.active_count() == before + 2
    assert capsys.readouterr().out == "ready\n"
    assert told["per_second"] > 0
    assert 0 < told["median_ms"] <= told["p99_ms"]
    assert 0 < told["infer_share"] < 1


def test_it_is_ready_after_its_first_film_and_not_after_its_warm_up(monkeypatch):
    """Its row is held beside servers that were ready at their first answer."""
    told, in_time = threading.Event(), []

    class Patient(SumOfPixels):
        def logits(self, films):
            if len(in_time) == 1:  # the second film, the first of the warm-up
                in_time.append(told.wait(2))
            elif not in_time:
                in_time.append(not told.is_set())
            return super().logits(films)

    monkeypatch.setattr("builtins.print", lambda *_, **__: told.set())
    Loop(make_read("ours", (150, 150)), Patient(), [FILM], threads=1).run(0.05)
    assert in_time == [True, True]


def test_the_loop_runs_again_for_each_line_it_is_sent(tmp_path):
    """In one process, as `turns.py` asks it to, and then ends."""
    film, listing = tmp_path / "film.jpeg", tmp_path / "listing"
    film.write_bytes(FILM)
    listing.write_text(f"{film}\n")
    command = [sys.executable, "-m", "benchmarks.limit", listing, "--model", ARTICLE, "--threads", "1"]
    ended = subprocess.run(command, input="0.05\n0.1\n", capture_output=True, text=True, check=True, cwd=ROOT)
    told = ended.stdout.splitlines()
    assert told[::2] == ["ready", "ready"]
    assert [json.loads(line)["per_second"] > 0 for line in told[1::2]] == [True, True]
