"""Any form, JSON, query, key or header is read or refused; whatever two HTTP parsers take, they take alike."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import h11
import httptools

from app.api.parameters import EXPLAIN, read_parameters
from app.api.upload import Upload, find_upload
from app.errors import PneumoServeError
from app.headers import MAX_HEAD_BYTES, CarefulConnection, find_plain
from app.keys import find_name, make_key, read_keys
from tests.fuzzing import SEED, TIMES, Tally, seeded
from tests.mutation import mutate

FORM = (
    b'--b-1\r\nContent-Disposition: form-data; name="file"; filename="a/\xc3\xa4.png"\r\n\r\n'
    b"\xff\xd8 film\r\n--b-1--\r\n"
)
BODIES = [
    FORM,
    FORM.replace(b"--b-1--", b"--b-1\r\nContent-Disposition: form-data; name=note\r\n\r\nx\r\n--b-1--"),
    FORM.replace(b'filename="', b"filename*=utf-8''%e2%82%ac; filename*0*=\"").replace(
        b"\r\n\r\n", b"\r\nX: y\r\n\r\n", 1
    ),
    b'{"image": "' + base64.b64encode(b"\xff\xd8 a film of some bytes") + b'"}',
    b'\xef\xbb\xbf {"image": "data:image\\/png;base64,\\u002b+==\\n", "note": [1e9, null, {"a": "\\ud800"}]}',
    b"\xff\xd8\xff raw",
]
TYPES = [
    b"multipart/form-data; boundary=b-1",
    b"Multipart/Form-Data; charset=x; boundary=\"b-1\"; boundary*=utf-8''b-1",
    b"multipart/form-data; boundary*0=b; boundary*1=-1",
    b"application/json; charset=utf-8",
    b"image/jpeg",
]
PIECES = [
    b"\r\n--b-1\r\n",
    b"\r\n--b-1--",
    b"\r\n",
    b"\n",
    b";",
    b'"',
    b"*0*=",
    b"'' %ff",
    b"\\u0000",
    b"{",
    b"\xed\xa0\x80",
]
QUERIES = [
    b"style=heat&level=1.5&gate=on&operating_point=half",
    b"level=%00%ff%c3%28&style=%u1234;x=1",
    b"&=&a&==b&gate",
]
REQUEST = b"POST /predict?gate=off HTTP/1.1\r\nHost: x\r\n%sX-Request-ID: n1\r\n\r\n"
REQUESTS = [
    b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    REQUEST % b"Content-Length: 5\r\n" + b"hello",
    REQUEST % b"Transfer-Encoding: chunked\r\n" + b"5;a=b\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nX: y\r\n\r\n",
    REQUEST % b"Expect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n" + b"hello",
    b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
]
HTTP_PIECES = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\x0b", b":", b"0\r\n\r\n", b"\r\n\r\n", b"Content-Length: 5\r\n",
    b"Content-Length: 6\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Host: y\r\n",
    b"Connection: close\r\n", b"Upgrade: h2c\r\n", b"HTTP/1.0", b"HTTP/2.0", b"0x5", b"+5", b"-1", b"5,5", b";",
    b"A" * 300,
]  # fmt: skip
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def shown(*inputs: object) -> Iterator[None]:
    """Show the inputs of a failure."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"seed {SEED}: {inputs!r}")
        raise


def test_any_body_of_any_type_is_one_film_or_refused(tally: Tally) -> None:
    """No other error, and no empty film."""
    rng = seeded()
    found = 0
    for _ in range(3000 * TIMES):
        body = mutate(rng, BODIES, PIECES)
        declared = (rng.choice(TYPES) if rng.random() < 0.6 else mutate(rng, TYPES, PIECES)).decode("latin-1")
        with shown(body, declared), tally.one(), suppress(PneumoServeError):
            upload = find_upload(body, declared, rng.choice(["", "", "", "identity", "gzip"]))
            assert isinstance(upload, Upload)
            assert upload.data
            assert "/" not in (upload.filename or "")
            found += 1
    assert 0 < found < tally.inputs


def test_any_query_is_read_or_refused(tally: Tally) -> None:
    """Only what is known comes out."""
    rng = seeded()
    for _ in range(1500 * TIMES):
        query = mutate(rng, QUERIES, PIECES)
        with shown(query), tally.one(), suppress(PneumoServeError):
            assert read_parameters(query, EXPLAIN).keys() <= EXPLAIN.keys()


def test_no_other_text_is_a_key(tally: Tally) -> None:
    """Sent, or among the settings."""
    rng = seeded()
    key, pair = make_key("caller")
    keys = read_keys(pair)
    for _ in range(1500 * TIMES):
        sent = mutate(rng, [key.encode(), pair.encode()]).decode("latin-1")
        with shown(sent), tally.one():
            assert (find_name(keys, sent) is not None) == (sent == key)
            with suppress(ValueError):
                assert all(len(other.sha256) == 64 for other in read_keys(sent))


def test_whatever_is_taken_as_a_request_is_one_to_another_parser_too(tally: Tally) -> None:
    """To h11 what our own expression calls plain, and to llhttp, unless it refuses it, whatever h11 takes."""
    rng = seeded()
    plain, whole = 0, 0
    for _ in range(3000 * TIMES):
        sent = mutate(rng, REQUESTS, HTTP_PIECES, 150)
        with shown(sent), tally.one():
            if found := find_plain(sent):
                sent = (sent + bytes(found.length))[: len(found.head) + found.length] if found.length < 1000 else sent
                plain += 1
            used = take_one(sent + LAST)
            if found and found.length < 1000:
                assert used == sent
            if used is not None:
                whole += 1
                assert messages_of(used) in ((1, 1), None)
    assert 0 < plain < tally.inputs
    assert 0 < whole < tally.inputs


def take_one(sent: bytes) -> bytes | None:
    """Return the first request, head and body, as the service's h11 finds it; None: refused or not whole."""
    connection = CarefulConnection(h11.SERVER, MAX_HEAD_BYTES)
    connection.receive_data(sent)
    try:
        while (event := connection.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.EndOfMessage):
                return sent[: len(sent) - len(connection.trailing_data[0])]
    except h11.RemoteProtocolError:
        pass
    return None


class Messages:
    """What httptools calls."""

    begun = 0
    ended = 0

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_message_complete(self) -> None:
        self.ended += 1


def messages_of(used: bytes) -> tuple[int, int] | None:
    """Return how many messages llhttp begins and ends within these bytes; None where it refuses them."""
    messages = Messages()
    try:
        httptools.HttpRequestParser(messages).feed_data(used)
    except httptools.HttpParserUpgrade:
        return None
    except httptools.HttpParserError:
        return None
    return messages.begun, messages.ended
