"""Thumbnails are made within bounded memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.imaging import large_films
from app.imaging.formats import ImageHeader
from tests.concurrency import Decoding
from tests.conftest import encode, film_pixels
from training.reports import thumbnails


def test_the_largest_films_are_decoded_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On however many cores; small ones pass beside them."""
    monkeypatch.setattr(large_films, "LARGE_FILM_BYTES", 20_000)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    render, decoding = thumbnails.render_film, Decoding(large=20_000)

    def render_and_count(data: bytes, header: ImageHeader, *, max_side: int) -> np.ndarray:
        decoding.hold(header)
        return render(data, header, max_side=max_side)

    monkeypatch.setattr(thumbnails, "render_film", render_and_count)
    files = []
    for number, side in enumerate((200, 100) * 8):
        files.append(tmp_path / f"{number}.png")
        files[-1].write_bytes(encode(film_pixels(1, side, side), ".png"))
    made = thumbnails.make_thumbnails([str(file) for file in files], 64)

    assert [thumbnail.reason for thumbnail in made] == [None] * 16
    assert decoding.most["large"] == 1
    assert decoding.most["all"] > 1
