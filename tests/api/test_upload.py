"""A form's body → the one film in it."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.upload import Upload, find_upload
from app.errors import PneumoServeError

BOUNDARY = b"b-1"
PLAIN = (
    b'--b-1\r\nContent-Disposition: form-data; name="file"; filename="C:\\films\\\xc3\xa4.jpeg"\r\n'
    b"Content-Type: image/jpeg\r\n\r\n\xff\xd8 a film \r\n--b \r\n\r\n--b-1--\r\n"
)
PIECES = st.sampled_from(
    [
        b"--b-1",
        b"--b-1\r\n",
        b"--b-1--",
        b"--b-1--\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b" ",
        b"--",
        b"film",
        b"\xff\x00",
        b"a: b",
        b"Content-Type: image/jpeg",
        b'Content-Disposition: form-data; name="file"',
        b'content-disposition:form-data; name="file"; filename="a/b.png"',
        b'Content-Disposition: form-data; name="other"',
        b"Content-Disposition: form-data; name=file; filename=\xe4\xb8\xad ",
    ]
)


def tell(sent: bytes, boundary: bytes = BOUNDARY) -> Upload | str:
    """Return the upload, or the refusal as text."""
    try:
        return find_upload(sent, f"multipart/form-data; boundary={boundary.decode()}", "")
    except PneumoServeError as error:
        return f"{type(error).__name__}: {error}"


def test_the_films_own_bytes_and_its_name_come_out() -> None:
    """Whatever looks like a boundary within."""
    assert tell(PLAIN) == Upload(b"\xff\xd8 a film \r\n--b \r\n", "ä.jpeg")


SOME = st.lists(PIECES, max_size=4).map(b"".join)


@given(SOME | st.builds(lambda at, some: PLAIN[:at] + some + PLAIN[at:], st.integers(0, len(PLAIN)), SOME))
def test_any_body_is_a_film_or_refused(sent: bytes) -> None:
    """Pieces of forms in any order, and a plain form with a piece put in anywhere: no other error, no empty film."""
    found = tell(sent)
    assert isinstance(found, str) or found.data


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (PLAIN + b"epilogue", Upload),
        (PLAIN.replace(b"a film", b"\r\n--b-1-film"), Upload),
        (PLAIN[: PLAIN.index(b"\xff\xd8")] + b"\r\n--b-1--\r\n", str),
        (PLAIN[:-6], str),
    ],
    ids=["epilogue", "boundary within the film", "empty", "cut"],
)
def test_a_form_at_the_edge_of_its_grammar(sent: bytes, expected: type) -> None:
    assert isinstance(tell(sent), expected)


@pytest.mark.parametrize(("length", "taken"), [(0, False), (1, True), (70, True), (256, True), (257, False)])
def test_a_boundary_has_a_length_that_the_parser_takes(length: int, taken: bool) -> None:
    boundary = b"x" * length
    assert isinstance(tell(PLAIN.replace(b"b-1", boundary), boundary), Upload) == taken


def test_a_form_as_dotnet_writes_it_is_read() -> None:
    """Its boundary is quoted, its names are not, and the file's comes twice."""
    body = (
        b"--b-1\r\nContent-Disposition: form-data; name=file; filename=film.jpeg; filename*=utf-8''film.jpeg\r\n\r\n"
        b"a film\r\n--b-1--\r\n"
    )
    assert find_upload(body, 'multipart/form-data; boundary="b-1"', "") == Upload(b"a film", "film.jpeg")


def test_boundaries_that_end_no_part_cost_no_memory() -> None:
    """Each splits the film into a piece more."""
    sent = PLAIN.replace(b" a film ", b"\r\n--b-1-" * 100_000)
    tracemalloc.start()
    try:
        assert tell(sent).startswith("MalformedForm")  # type: ignore[union-attr]
        assert tracemalloc.get_traced_memory()[1] < len(sent)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("filler", [";", "a=b;", '";'])
def test_a_type_of_many_parameters_costs_little(filler: str) -> None:
    """Its parser looks for quotation marks once a parameter."""
    declared = "multipart/form-data; " + filler * (60_000 // len(filler)) + "boundary=b-1"
    begun = time.process_time()
    with pytest.raises(PneumoServeError, match="boundary"):
        find_upload(PLAIN, declared, "")
    assert time.process_time() - begun < 0.05
