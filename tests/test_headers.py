"""Which heads are plain: every parser reads them in the same way."""

from __future__ import annotations

import h11
import httptools
import pytest

from app.headers import MAX_HEAD_BYTES, PlainHead, find_plain

POST = b"POST /predict?x=%20y HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("lines", "length"),
    [(b"", 0), (b"Content-Length: 5\r\n", 5), (b"CONTENT-LENGTH:05 \r\nX-A:\r\n", 5), (b"Content-Length: 0\r\n", 0)],
)
def test_a_plain_head_ends_before_its_body(lines: bytes, length: int) -> None:
    """And tells the length of it."""
    head = POST + lines + b"\r\n"
    assert find_plain(head + b"hello\r\n\r\n") == PlainHead(head, length)


@pytest.mark.parametrize(
    "head",
    [
        POST,
        POST + b"X: y\r",
        POST + b"X: y\n\r\n",
        POST + b"X: y\r\n z\r\n\r\n",
        POST + b"X : y\r\n\r\n",
        POST + b"X,y: z\r\n\r\n",
        POST + b"(X): z\r\n\r\n",
        POST + b"X: \xe9\r\n\r\n",
        POST + b"X: \0\r\n\r\n",
        POST + b"hOST: y\r\n\r\n",
        POST + b"Upgrade: h2c\r\n\r\n",
        POST + b"expect: 100-continue\r\n\r\n",
        POST + b"TRANSFER-encoding: chunked\r\n\r\n",
        POST + b"Content-Length: 5\r\ncontent-length: 5\r\n\r\n",
        POST + b"Content-Length: 5, 5\r\n\r\n",
        POST + b"Content-Length: +5\r\n\r\n",
        POST + b"Content-Length: \r\n\r\n",
        POST + b"Content-Length: 9999999999999999999\r\n\r\n",
        POST + b"X: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /#a?b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_any_other_head_is_not_plain(head: bytes) -> None:
    """Whether it is refused is left to h11."""
    assert find_plain(head + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") is None


@pytest.mark.parametrize("target", [b"/predict", b"/a?b?c", b"/?a=http://b:1/@c", b"/a;b=*:$&'()+,!~_-./?", b"//a//b"])
def test_both_parsers_read_a_plain_head_alike(target: bytes) -> None:
    """Target and headers."""
    head = b"GET %s HTTP/1.1\r\nHost: x\r\nA-b:  c d\t\r\ne:\r\n\r\n" % target
    assert find_plain(head) is not None
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(head)
    event = connection.next_event()
    assert isinstance(event, h11.Request)
    read = Read()
    httptools.HttpRequestParser(read).feed_data(head)
    url = httptools.parse_url(read.target)
    assert (url.path, url.query or b"") == (*event.target.partition(b"?")[::2],)
    assert read.headers == list(event.headers)


class Read:
    """What httptools calls."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, target: bytes) -> None:
        """Keep the target."""
        self.target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self.headers.append((name.lower(), value.strip()))
