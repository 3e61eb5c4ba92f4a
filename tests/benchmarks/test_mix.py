"""What a soak sends and how it judges what it saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from benchmarks.mix import BAD_EVERY, GONE, Mix, bad_messages, good_messages
from benchmarks.soak import Sample, Soak, plot, write_report
from tests.conftest import encode, film_pixels
from tests.running import running

FILM = encode(film_pixels(3))
QUIET = Sample(0, 200, 5, 20, 2, 0, 0, 0)


def soak(*megabytes: float, after: Sample = QUIET, status: str = "200") -> Soak:
    samples = [replace(QUIET, seconds=5 * turn, megabytes=value) for turn, value in enumerate(megabytes)]
    return Soak(QUIET, samples, after, Counter({("raw", "200"): 9, ("raw", status): 1}))


def test_every_message_is_answered_as_it_should_be(tiny_store: Path) -> None:
    with running(tiny_store, model="pooled") as server:
        mix = Mix(server.port, good_messages([FILM]), bad_messages(FILM))
        answers = {message.kind: message.send(server.port) for message in mix.kinds()}
    good = dict.fromkeys(["raw", "form", "cam", "overlay", "all maps"], "200")
    bad = {"truncated": "422", "bomb": "422", "other format": "415", "unknown parameter": "422", "empty": "400"}
    assert answers == good | bad | {"broken form": "400", "left": GONE}


def test_one_message_in_twenty_is_bad() -> None:
    bad = bad_messages(FILM)
    mix = Mix(0, good_messages([FILM]), bad)
    chosen = [mix.choose(turn) for turn in range(BAD_EVERY * len(bad))]
    assert [message for message in chosen if message in bad] == bad


def test_flat_memory_and_nothing_left_is_no_fault(tmp_path: Path) -> None:
    flat = soak(150, 190, 200, 201, 199, 202, 200, 201, 200, 203)
    assert flat.faults() == []
    assert "HELD" in write_report(flat)
    plot(flat, tmp_path / "soak.png")
    assert (tmp_path / "soak.png").stat().st_size > 0


def test_growth_after_the_first_minutes_is_a_fault() -> None:
    assert soak(150, 190, 200, 201, 199, 202, 200, 201, 200, 211).faults() == ["memory grew by 5.5%"]


def test_what_is_left_is_a_fault() -> None:
    left = replace(QUIET, threads=6, bytes_held=10, files=19)
    assert soak(*[200] * 10, after=left).faults() == ["threads: 6 left, 5 before", "bytes_held: 10 left, 0 before"]


def test_a_failure_of_the_service_is_a_fault() -> None:
    assert soak(*[200] * 10, status="503").faults() == ["1 × 503 to raw"]
