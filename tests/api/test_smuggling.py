"""No second request is smuggled in within or behind a first one whose end proxies could see elsewhere.

RFC 9112, sections 6 and 11.2. `test_server.py` holds the best known shapes.
"""

from __future__ import annotations

import pytest

from tests.api.watched import BEHIND, FILM, NAME, Watched, request, statuses
from tests.running import wait_until

POST = "POST /predict HTTP/1.1"
CHUNKED = b"Transfer-Encoding: chunked"


def sized(value: bytes) -> bytes:
    return request(POST, b"Content-Length:" + value, body=b"hello")


def encoded(header: bytes, *others: bytes) -> bytes:
    return request(POST, header, *others, body=b"0\r\n\r\n")


def chunked(body: bytes) -> bytes:
    return request(POST, CHUNKED, body=body)


REFUSED = {
    "a negative length": sized(b" -5"),
    "a length with a sign": sized(b" +5"),
    "a length in hexadecimal": sized(b" 0x5"),
    "a length in hexadecimal digits": sized(b" a"),
    "a length with a point": sized(b" 5.0"),
    "a length with an underscore": sized(b" 5_0"),
    "an empty length": sized(b""),
    "two lengths in one": sized(b" 5, 50"),
    "two lengths with a space": sized(b" 5 50"),
    "a length of 21 digits": sized(b" 999999999999999999999"),
    "a length of 5000 digits": sized(b" " + b"0" * 4999 + b"5"),
    "the encoding twice": encoded(CHUNKED, CHUNKED),
    "another encoding": encoded(b"Transfer-Encoding: xchunked"),
    "another encoding before it": encoded(b"Transfer-Encoding: gzip, chunked"),
    "another encoding behind it": encoded(b"Transfer-Encoding: chunked, identity"),
    "no encoding and a length": encoded(b"Transfer-Encoding: identity", b"Content-Length: 5"),
    "an empty encoding": encoded(b"Transfer-Encoding:"),
    "a quoted encoding": encoded(b'Transfer-Encoding: "chunked"'),
    "a space behind the encoding's name": encoded(b"Transfer-Encoding : chunked"),
    "a vertical tab before the encoding": encoded(b"Transfer-Encoding:\x0bchunked"),
    "NUL behind the encoding": encoded(b"Transfer-Encoding: chunked\0"),
    "a folded encoding": encoded(b"Transfer-Encoding:\r\n chunked"),
    "the encoding behind a bare CR": encoded(b"X: y\rTransfer-Encoding: chunked"),
    "chunks in HTTP/1.0": request("POST /predict HTTP/1.0", CHUNKED, b"Connection: keep-alive", body=b"0\r\n\r\n"),
    "a bare LF behind the last chunk": chunked(b"0\r\n\n"),
    "bare LF behind a trailer": chunked(b"0\r\nX: y\n\n"),
    "a bare LF between trailer and end": chunked(b"0\r\nX: y\n\r\n"),
    "a bare LF as the end": chunked(b"0\r\nX: y\r\n\n"),
    "a length as a trailer": chunked(b"0\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r\n"),
    "a bare LF behind a chunk's size": chunked(b"5\nhello\r\n0\r\n\r\n"),
    "a bare LF behind a chunk": chunked(b"5\r\nhello\n0\r\n\r\n"),
    "a bare LF in an extension": chunked(b"5;a\nhello\r\n0\r\n\r\n"),
    "a negative chunk": chunked(b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk's size with a sign": chunked(b"+5\r\nhello\r\n0\r\n\r\n"),
    "a chunk's size with 0x": chunked(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "a chunk's size behind a space": chunked(b" 5\r\nhello\r\n0\r\n\r\n"),
    "a chunk without a size": chunked(b"\r\nhello\r\n0\r\n\r\n"),
    "a chunk's size of 21 digits": chunked(b"100000000000000000005\r\nhello\r\n0\r\n\r\n"),
    "a chunk that is longer than it says": chunked(b"3\r\nhello\r\n0\r\n\r\n"),
    "a chunk that is shorter than it says": chunked(b"6\r\nhello\r\n0\r\n\r\n"),
    "NUL in a name": request(POST, b"X\0: y", b"Content-Length: 5", body=b"hello"),
    "NUL in a value": request(POST, b"X: \0", b"Content-Length: 5", body=b"hello"),
    "no name": request(POST, b": y", b"Content-Length: 5", body=b"hello"),
    "no colon": request(POST, NAME.encode(), b"Content-Length: 5", body=b"hello"),
    "two hosts": request("GET /livez HTTP/1.1", b"Host: y"),
    "no host": b"GET /livez HTTP/1.1\r\n\r\n",
    "NUL in the target": request(f"GET /livez\0{NAME} HTTP/1.1"),
    "letters beyond ASCII in the target": request("GET /\xe4 HTTP/1.1"),
    "a space in the target": request("GET /li vez HTTP/1.1"),
    "two spaces": request("GET  /livez HTTP/1.1"),
    "tabs": request("GET\t/livez\tHTTP/1.1"),
    "no version": b"GET /livez\r\n\r\n",
    "an empty line before": b"\r\n" + request("GET /livez HTTP/1.1"),
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version that there is not": b"GET /livez HTTP/9.9\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(500),
    "10 MB in one header": request("GET /livez HTTP/1.1", b"X: " + NAME.encode() * 1_500_000),
    "10 MB of headers": request("GET /livez HTTP/1.1", *[b"X-Name: " + NAME.encode()] * 600_000),
    "a target of 10 MB": request(f"GET /{NAME * 1_500_000} HTTP/1.1"),
    "a method of 10 MB": NAME.encode() * 1_500_000,
}  # fmt: skip


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_what_is_not_one_request_to_everybody_ends_its_connection(target: Watched, sent: bytes, pieces: int) -> None:
    """With 400, or hung up on where it sends on; what stands behind is never answered."""
    step = -(-len(sent + BEHIND) // pieces)
    answers = target.exchange(*[(sent + BEHIND)[start : start + step] for start in range(0, len(sent + BEHIND), step)])
    assert statuses(answers) in ([400], [] if len(sent) > 65536 else [400])
    assert b"behind" not in answers


WITHIN = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-ID: within\r\n\r\n"
LENGTH = b"Content-Length: %d" % len(WITHIN)
IN_CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(WITHIN), WITHIN)
TAKEN = {
    "a length twice, the same": request(POST, LENGTH, LENGTH, body=WITHIN),
    "a length twice in one": request(POST, LENGTH + b", %d" % len(WITHIN), body=WITHIN),
    "a length with zeros before": request(POST, b"Content-Length: 000%d" % len(WITHIN), body=WITHIN),
    "an encoding of another name": request(POST, b"Transfer_Encoding: chunked", LENGTH, body=WITHIN),
    "a chunk": chunked(IN_CHUNK),
    "a chunk with an extension": chunked(b'%x;a="b;c"\r\n%b\r\n0;d\r\n\r\n' % (len(WITHIN), WITHIN)),
    "a chunk with a trailer": chunked(b"%x\r\n%b\r\n0\r\nX-Name: y\r\n\r\n" % (len(WITHIN), WITHIN)),
    "an encoding in capitals": request(POST, b"TRANSFER-ENCODING:\tCHUNKED", body=IN_CHUNK),
    "a body of GET": request("GET /model HTTP/1.1", LENGTH, body=WITHIN),
    "a body of HEAD": request("HEAD /livez HTTP/1.1", LENGTH, body=WITHIN),
    "chunks of GET": request("GET /livez HTTP/1.1", CHUNKED, body=IN_CHUNK),
    "an unknown expectation": request(POST, b"Expect: within", LENGTH, body=WITHIN),
    "an offer of websockets": request(POST, b"Connection: Upgrade", b"Upgrade: websocket", LENGTH, body=WITHIN),
}  # fmt: skip


@pytest.mark.parametrize("sent", TAKEN.values(), ids=TAKEN)
def test_a_request_within_a_body_is_never_answered(target: Watched, sent: bytes) -> None:
    """The one behind the body is, on the same connection."""
    answers = target.exchange(sent, BEHIND)
    assert b"within" not in answers
    assert len(statuses(answers)) == 2
    assert answers.count(b"x-request-id: behind") == 1


@pytest.mark.parametrize(
    "sent",
    [
        chunked(b"FFFFFFFFFFFFFFFFFFFF\r\n" + WITHIN * 20_000),
        chunked(b"%x\r\n%b\r\n" % (len(WITHIN), WITHIN) * 20_000 + b"0\r\n\r\n"),
        chunked(b"%x;%b\r\n%b\r\n" % (len(WITHIN), b"a" * 60, WITHIN) * 20_000 + b"0\r\n\r\n"),
    ],
    ids=["one endless chunk", "many chunks", "long extensions"],
)
def test_a_body_over_the_limit_ends_its_connection(target: Watched, sent: bytes) -> None:
    """Nothing within is taken for a request."""
    answers = target.exchange(sent, BEHIND)
    assert statuses(answers) == [413]
    assert b"within" not in answers
    assert b"behind" not in answers


def test_a_body_that_is_longer_than_it_says_is_cut_there(target: Watched) -> None:
    """The film is refused, and the rest is no request."""
    cut = len(FILM) - 100
    assert statuses(target.exchange(request(POST, b"Content-Length: %d" % cut, body=FILM), BEHIND)) == [422, 400]


def test_a_chunk_that_is_none_is_400_alone(target: Watched) -> None:
    """Also where the answer needs no body; the log has no error."""
    for line in ("POST /nowhere HTTP/1.1", "POST /predict?a=b HTTP/1.1", "GET /livez HTTP/1.1"):
        assert statuses(target.exchange(request(line, CHUNKED, body=b"zz\r\n"), BEHIND)) == [400]


@pytest.mark.parametrize("method", ["get", NAME, NAME * 5000, "TRACE"])
def test_another_method_is_405_and_logged_as_other(target: Watched, method: str) -> None:
    """It could be a name."""
    seen = len(target.served.later)
    assert statuses(target.exchange(request(f"{method} /livez HTTP/1.1"), BEHIND)) == [405, 200]
    wait_until(lambda: len(target.served.later) > seen)
    assert '"method": "other"' in target.served.later[seen]


@pytest.mark.parametrize("target_form", [f"http://{NAME}/predict", "*", f"{NAME}:80", f"//{NAME}/predict"])
def test_another_form_of_target_is_404(target: Watched, target_form: str) -> None:
    """An address with its host, an asterisk, a host with its port."""
    assert statuses(target.exchange(request(f"OPTIONS {target_form} HTTP/1.1"), BEHIND)) == [404, 200]
