"""Cut, crossed and inflating files, and hostile names, through a socket."""

from __future__ import annotations

import gzip
import json
import zlib
from functools import cache
from typing import Any

import httpx
import pytest
from pydicom import uid

from tests.api.watched import FILM, NAME, Watched
from tests.conftest import encode, film_pixels
from tests.imaging.crafted import chunk, gradient, insert_segments, png, segment
from tests.imaging.dicom.made import make_film

PNG = png(gradient())
DICOM = make_film(film_pixels(1, 80, 100))
ZIP = b"PK\x03\x04" + bytes(40) + b"PK\x05\x06" + bytes(18)
HTML = f"<html><script>alert('{NAME}')</script></html>".encode()
BOMB_BYTES = 64 << 20
MAX_SECONDS = 10
"""On a busy machine."""


@cache
def bomb(wbits: int = 15) -> bytes:
    """Return 64 KB that inflate to 64 MB."""
    packer = zlib.compressobj(9, wbits=wbits)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(BOMB_BYTES >> 20)) + packer.flush()


def deflated_dicom() -> bytes:
    """Return a DICOM file whose deflated data set is one element without end."""
    whole = make_film(syntax=uid.DeflatedExplicitVRLittleEndian)
    start = 144 + int.from_bytes(whole[140:144], "little")
    packer = zlib.compressobj(9, wbits=-15)
    element = b"\x09\0\x01\0OB\0\0" + (BOMB_BYTES << 2).to_bytes(4, "little")
    return whole[:start] + packer.compress(element) + packer.flush(zlib.Z_FULL_FLUSH) + bomb(-15)


def send(target: Watched, data: bytes, **headers: str) -> httpx.Response:
    return target.client.post("/predict", content=data, headers=headers)


def assert_refused(answer: httpx.Response, *statuses: int) -> None:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert NAME not in answer.text


@pytest.mark.parametrize("film", [FILM, encode(film_pixels(1, 80, 100), ".png"), DICOM], ids=["JPEG", "PNG", "DICOM"])
def test_a_file_cut_anywhere_is_refused_unless_all_its_pixels_are_there(target: Watched, film: bytes) -> None:
    """At each of its first and last bytes, and now and then between them; a JPEG may lack its end marker."""
    whole = send(target, film).json()["probability"]
    for end in sorted({*range(1, 12), *range(12, len(film), len(film) // 25), *range(len(film) - 8, len(film))}):
        answer = send(target, film[:end])
        if answer.status_code == 200 and end >= len(film) - 2:
            assert answer.json()["probability"] == whole
            assert answer.json()["warnings"][0]["code"] == "sloppy-file"
        else:
            assert_refused(answer, 415, 422)


CROSSED = {
    "a JPEG with a ZIP behind": (FILM + ZIP, FILM),
    "a JPEG with HTML within": (insert_segments(FILM, segment(0xFE, HTML)), FILM),
    "a PNG with HTML within": (png(gradient(), before=[chunk(b"tEXt", b"Comment\0" + HTML)]), PNG),
    "a PNG with HTML behind": (PNG + HTML, PNG),
    "a PNG with a JPEG behind": (PNG + FILM, PNG),
    "a DICOM file with TIFF as its preamble": (b"II*\0" + DICOM[4:], DICOM),
    "a DICOM file with HTML as its preamble": (HTML.ljust(128) + DICOM[128:], DICOM),
}


@pytest.mark.parametrize(("crossed", "plain"), CROSSED.values(), ids=CROSSED)
def test_a_file_of_two_kinds_is_what_its_first_bytes_say(target: Watched, crossed: bytes, plain: bytes) -> None:
    """The other kind changes no answer, which is JSON to every browser."""
    answer = send(target, crossed, **{"Content-Type": "text/html"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["probability"] == send(target, plain).json()["probability"]
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + FILM,
        b"GIF89a" + HTML,
        ZIP + FILM,
        HTML + FILM,
        b"%PDF-1.7\n" + FILM,
        b"\xff\xd8\xff\xe0" + DICOM[4:],
        PNG[:8] + DICOM[8:],
        b"BM" + FILM,
        b"RIFF\0\0\0\0WEBP" + PNG,
    ],
    ids=["GIF", "GIF and HTML", "ZIP", "HTML", "PDF", "JPEG and DICOM", "PNG and DICOM", "BMP", "WebP"],
)
def test_a_film_behind_the_beginning_of_something_else_is_not_looked_for(target: Watched, data: bytes) -> None:
    assert_refused(send(target, data), 415, 422)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (lambda: png(gradient(), compressed=bomb()), 422),
        (lambda: png(gradient(), before=[chunk(b"iCCP", NAME.encode() + b"\0\0" + bomb())]), 200),
        (lambda: png(gradient(), before=[chunk(b"zTXt", b"Raw profile type exif\0\0" + bomb())] * 7), 200),
        (lambda: png(gradient(), before=[chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb())] * 7), 200),
        (lambda: png(gradient(), after=[chunk(b"zTXt", NAME.encode() + b"\0\0" + bomb())] * 7), 200),
        (deflated_dicom, 422),
    ],
    ids=["IDAT", "iCCP", "zTXt", "iTXt", "an unread zTXt", "deflated DICOM"],
)
def test_what_inflates_without_end_costs_little(target: Watched, data: Any, status: int) -> None:
    """Pixels are inflated as far as the header says, texts to 256 KB, the rest not at all; see `MAX_GROWTH_BYTES`."""
    sent = data()
    answer = send(target, sent)
    assert answer.status_code == status, answer.text
    assert answer.elapsed.total_seconds() < MAX_SECONDS
    assert len(answer.content) < 10_000


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity, gzip", NAME])
def test_a_compressed_body_is_never_inflated(target: Watched, encoding: str) -> None:
    assert_refused(send(target, gzip.compress(FILM), **{"Content-Encoding": encoding}), 415)


def form(disposition: bytes, film: bytes = FILM) -> bytes:
    return b"--b-1\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + film + b"\r\n--b-1--\r\n"


def send_form(target: Watched, body: bytes, boundary: str = "b-1") -> httpx.Response:
    return send(target, body, **{"Content-Type": f"multipart/form-data; boundary={boundary}"})


@pytest.mark.parametrize(
    ("body", "boundary"),
    [
        (form(b"form-data; name=file").replace(b"--b-1--", b"--b-1\r\nX: y\r\n\r\nz\r\n" * 10_000 + b"--b-1--"), "b-1"),
        (b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + b"\r\n--bX" * 170_000 + b"\r\n--b--", "b"),
        (form(b"form-data; name=file\r\n" + b"X: y\r\n" * 2000), "b-1"),
        (form(b"form-data; name=" + NAME.encode() * 140_000), "b-1"),
        (b"\r\n" * 500_000 + form(b"form-data"), "b-1"),
        (form(b"form-data; name=file"), '"b-1' + ";" * 60_000 + NAME),
        (form(b'form-data; name="file"; ' + b";" * 16_000 + b'"'), "b-2"),
    ],
    ids=["parts", "boundaries", "headers", "name", "lines before", "type", "parameters"],
)
def test_a_form_of_many_of_anything_is_refused_at_once(target: Watched, body: bytes, boundary: str) -> None:
    """10,000 parts, 170,000 boundaries, a name of a megabyte."""
    answer = send_form(target, body, boundary)
    assert_refused(answer, 400)
    assert answer.elapsed.total_seconds() < MAX_SECONDS


HOSTILE_NAMES = [
    f"../../../etc/{NAME}",
    f"..\\\\..\\\\windows\\\\{NAME}",
    f"/etc/passwd\0{NAME}.png",
    f"{NAME}\u202egnp.exe",
    f"{NAME}%00.png%0d%0aX-Evil: 1",
    f"{NAME}\nX-Evil: 1",
    f"{NAME}'; DROP TABLE films; --",
    f"<img src=x onerror=alert('{NAME}')>",
    f"{{{{7*7}}}}${{jndi:ldap://x/{NAME}}}",
    "C" * 10_000 + NAME,
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_a_hostile_file_name_goes_back_as_text_alone(target: Watched, name: str) -> None:
    """As a string of JSON, without folders."""
    answer = send_form(target, form(f'form-data; name="file"; filename="{name}"'.encode()))
    assert answer.status_code == 200
    assert "x-evil" not in answer.headers
    known = json.loads(answer.content)["filename"]
    assert known == name.replace("\\\\", "/").rpartition("/")[2]


def test_a_file_name_that_is_no_unicode_has_signs_in_its_place(target: Watched) -> None:
    answer = send_form(target, form(b'form-data; name="file"; filename="\xff\xfe\xed\xa0\x80.png"'))
    assert answer.json()["filename"] == "\ufffd" * 5 + ".png"


@pytest.mark.parametrize(
    "sent", [f"{NAME}'; --", f"{NAME} a", f"../{NAME}", f"{NAME}%0d%0a", NAME * 20, f"<{NAME}>", f"{NAME}\x01", "ä", ""]
)
def test_a_hostile_request_id_is_replaced(target: Watched, sent: str) -> None:
    """In answer and log; see `NAME`."""
    answer = target.client.get("/nowhere", headers={b"X-Request-ID": sent.encode()})
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]
    assert len(answer.headers["X-Request-ID"]) == 32


@pytest.mark.parametrize(
    "path",
    [
        f"/{NAME}",
        f"/{NAME}%00",
        f"/%0d%0aX-Evil:%20{NAME}",
        "/docs/assets/%00",
        "/docs/assets/..%2f..%2f..%2f..%2fpneumoserve.py",
        "/docs/assets/%2e%2e/%2e%2e/settings.py",
        "/docs/assets//etc/passwd",
        f"/docs/assets/{NAME * 700}",
        "/docs/assets/%ed%a0%80%ff",
        "/docs/assets/%zz",
        "/web/..%2findex.html",
        "/web/%2e%2e",
    ],
)
def test_a_hostile_path_leads_nowhere(target: Watched, path: str) -> None:
    """And is not repeated."""
    answer = target.client.build_request("GET", "/")
    answer.url = answer.url.copy_with(raw_path=path.encode())
    got = target.client.send(answer)
    assert_refused(got, 404)
    assert "x-evil" not in got.headers


@pytest.mark.parametrize(
    "query",
    [
        f"gate={NAME}",
        f"{NAME}=on",
        f"gate=on%00{NAME}",
        "gate=%ff",
        "&" * 30_000 + f"a={NAME}",
        f"operating_point={NAME}'--",
    ],
)
def test_a_hostile_query_is_not_repeated(target: Watched, query: str) -> None:
    assert_refused(target.client.post(f"/predict?{query}", content=FILM), 422)
