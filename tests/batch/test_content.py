"""The bytes that are sent, and what tells them from others."""

import hashlib
import os

import pytest

from batch.content import Identity, UnreadableFilm, file_identity, read_film


@pytest.fixture
def film(tmp_path):
    """A film of ten bytes."""
    path = tmp_path / "film"
    path.write_bytes(b"0123456789")
    return path


def growing(monkeypatch, film, times):
    """Let the film grow before each second look at its status, so many times."""
    fstat, looks = os.fstat, []

    def look(descriptor):
        looks.append(descriptor)
        if len(looks) % 2 == 0 and len(looks) <= 2 * times:
            with film.open("ab") as file:
                file.write(b"x")
        return fstat(descriptor)

    monkeypatch.setattr("batch.content.os.fstat", look)


def test_a_film_comes_with_the_identity_of_its_bytes(film):
    """A film comes with size, time and hash of its bytes."""
    data, identity = read_film(str(film))

    assert data == b"0123456789"
    assert identity == Identity(10, film.stat().st_mtime_ns, hashlib.sha256(data).hexdigest()) == file_identity(film)


def test_a_film_that_is_written_meanwhile_is_read_again(film, monkeypatch):
    """A film that grew while it was read is read again, and its identity is that of the last bytes."""
    growing(monkeypatch, film, 2)
    data, identity = read_film(str(film))

    assert data == b"0123456789xx"
    assert (12, hashlib.sha256(data).hexdigest()) == (identity.size, identity.sha256)


def test_a_film_that_does_not_come_to_rest_is_not_taken(film, monkeypatch):
    """A film that does not come to rest has no bytes to send."""
    growing(monkeypatch, film, 9)
    with pytest.raises(UnreadableFilm, match="changed while it was read"):
        read_film(str(film))


def test_why_a_film_cannot_be_read_is_told_without_its_path(film, tmp_path, monkeypatch):
    """Why a film cannot be read is told without its path."""
    monkeypatch.setattr("batch.content.MAX_FILM_BYTES", 9)
    for path, why in (
        (film, "Expected at most 9 bytes. Received 10."),
        (tmp_path, "Is a directory"),
        ("a\0b", "embedded null byte"),
    ):
        with pytest.raises(UnreadableFilm) as told:
            read_film(str(path))
        assert str(told.value) == why


def test_bytes_are_the_same_by_hash_or_where_it_lacks_by_size_and_time():
    """Bytes are the same by hash, or where it lacks by size and time."""
    known = Identity(1, 2, "a")
    others = [Identity(1, 3, "a"), Identity(1, 2, "b"), Identity(1, 2, None), Identity(1, 3, None)]

    assert [known.has_bytes_of(other) for other in others] == [True, False, True, False]
