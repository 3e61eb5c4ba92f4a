"""The bytes that are sent, and what tells them from others."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from batch.fingerprint import Fingerprint, UnreadableFilm, fingerprint_file, read_film


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A film of ten bytes."""
    path = tmp_path / "film"
    path.write_bytes(b"0123456789")
    return path


def growing(monkeypatch: pytest.MonkeyPatch, film: Path, times: int) -> None:
    """Let the film grow before each second look at its status, so many times."""
    fstat, looks = os.fstat, []

    def look(descriptor: int) -> os.stat_result:
        looks.append(descriptor)
        if len(looks) % 2 == 0 and len(looks) <= 2 * times:
            with film.open("ab") as file:
                file.write(b"x")
        return fstat(descriptor)

    monkeypatch.setattr("batch.fingerprint.os.fstat", look)


def test_a_film_comes_with_the_identity_of_its_bytes(film: Path) -> None:
    """A film comes with size, time and hash of its bytes."""
    data, fingerprint = read_film(str(film))

    assert data == b"0123456789"
    assert (
        fingerprint
        == Fingerprint(10, film.stat().st_mtime_ns, hashlib.sha256(data).hexdigest())
        == fingerprint_file(film)
    )


def test_a_film_that_is_written_meanwhile_is_read_again(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A film that grew while it was read is read again, and its fingerprint is that of the last bytes."""
    growing(monkeypatch, film, 2)
    data, fingerprint = read_film(str(film))

    assert data == b"0123456789xx"
    assert (12, hashlib.sha256(data).hexdigest()) == (fingerprint.size, fingerprint.sha256)


def test_a_film_that_keeps_growing_is_not_taken(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    growing(monkeypatch, film, 9)
    with pytest.raises(UnreadableFilm, match="changed while it was read"):
        read_film(str(film))


def test_why_a_film_cannot_be_read_is_reported_without_its_path(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch.fingerprint.MAX_FILM_BYTES", 9)
    for path, why in (
        (film, "Expected at most 9 bytes. Received 10."),
        (tmp_path, "Is a directory"),
        ("a\0b", "embedded null byte"),
    ):
        with pytest.raises(UnreadableFilm) as printed:
            read_film(str(path))
        assert str(printed.value) == why
    monkeypatch.setattr("batch.fingerprint.MAX_FILM_BYTES", 10)
    assert read_film(str(film))[0] == b"0123456789"


def test_bytes_are_the_same_by_hash_or_where_it_lacks_by_size_and_time() -> None:
    known = Fingerprint(1, 2, "a")
    others = [Fingerprint(1, 3, "a"), Fingerprint(1, 2, "b"), Fingerprint(1, 2, None), Fingerprint(1, 3, None)]

    assert [known.matches(other) for other in others] == [True, False, True, False]
