"""The short way through a form: it must find what the parser finds, or leave the form to it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.api import upload
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
    """Answer the upload, or why there is none."""
    try:
        return find_upload(sent, f"multipart/form-data; boundary={boundary.decode()}", "")
    except PneumoServeError as error:
        return f"{type(error).__name__}: {error}"


def test_a_form_as_clients_write_it_needs_no_parser() -> None:
    """The film's own bytes and its name come out, whatever looks like a boundary within."""
    assert upload._cut_plain_form(PLAIN, BOUNDARY) is not None
    assert tell(PLAIN) == Upload(b"\xff\xd8 a film \r\n--b \r\n", "ä.jpeg")


SOME = st.lists(PIECES, max_size=4).map(b"".join)


@given(SOME | st.builds(lambda at, some: PLAIN[:at] + some + PLAIN[at:], st.integers(0, len(PLAIN)), SOME))
@example(PLAIN)
@example(PLAIN[:-2])
@example(PLAIN + b"epilogue")
@example(b"preamble\r\n" + PLAIN)
@example(PLAIN.replace(b"a film", b"\r\n--b-1 film"))
@example(PLAIN.replace(b"a film", b"\r\n--b-1-film"))
@example(PLAIN[:-4] + b"\r\n" + PLAIN[7:])
@example(PLAIN[: PLAIN.index(b"\xff\xd8")] + b"--b-1--\r\n")
@example(PLAIN[: PLAIN.index(b"\xff\xd8")] + b"\r\n--b-1--\r\n")
def test_the_short_way_finds_what_the_parser_finds(sent: bytes) -> None:
    """Pieces of forms in any order, and a plain form with a piece put in anywhere."""
    short = tell(sent)
    cut = upload._cut_plain_form
    try:
        upload._cut_plain_form = lambda *_: None
        assert short == tell(sent)
    finally:
        upload._cut_plain_form = cut


@pytest.mark.parametrize("length", [0, 1, 70, 71, 256, 257, 300])
def test_the_short_way_takes_no_boundary_that_the_parser_refuses(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However well the form is made."""
    boundary = b"x" * length
    sent = PLAIN.replace(b"b-1", boundary)
    short = tell(sent, boundary)
    monkeypatch.setattr(upload, "_cut_plain_form", lambda *_: None)
    assert short == tell(sent, boundary)
    assert isinstance(short, Upload) == (0 < length <= 256)
