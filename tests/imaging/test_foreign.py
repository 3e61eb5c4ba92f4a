"""What is neither JPEG, PNG nor DICOM is named, with what to do."""

from __future__ import annotations

import base64
import gzip
import io
import json
import time
import zipfile

import numpy as np
import pytest

from app.errors import UnsupportedFormat
from app.imaging.foreign import HEAD_BYTES
from app.imaging.formats import read_header
from tests.conftest import encode, film_pixels

FILM = film_pixels(0, 80, 100)
JPEG, PNG = encode(FILM), encode(FILM, ".png")
BASE64 = base64.b64encode(JPEG)
EXPORT = "export the film as JPEG or PNG"
AS_BYTES = 'send the bytes of the file, or {"image": "<base64>"} as application/json'


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("film.jpeg", JPEG)
    return packed.getvalue()


def saved(array: np.ndarray) -> bytes:
    packed = io.BytesIO()
    np.save(packed, array)
    return packed.getvalue()


KINDS = [
    (encode(FILM, ".tiff"), "a TIFF image", EXPORT),
    (b"MM\0*\0\0\0\x08", "a TIFF image", EXPORT),
    (b"II+\0\x08\0\0\0", "a TIFF image", EXPORT),
    (encode(FILM, ".webp"), "a WebP image", EXPORT),
    (encode(FILM, ".bmp"), "a BMP image", EXPORT),
    (b"GIF89a" + bytes(20), "a GIF image", EXPORT),
    (b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "a HEIC image", EXPORT),
    (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "a HEIC image", EXPORT),
    (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "an AVIF image", EXPORT),
    (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video", "send one picture of it"),
    (encode(FILM, ".jp2"), "a JPEG 2000 image", EXPORT),
    (b"\xff\x4f\xff\x51\0\x29", "a JPEG 2000 image", EXPORT),
    (b"\xff\x0a\xfa\x7f", "a JPEG XL image", EXPORT),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image", EXPORT),
    (encode(FILM, ".pgm"), "a Netpbm image", EXPORT),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "a PDF document", EXPORT),
    (b"\xff\xd8\0\0" + JPEG[2:], "a JPEG with a broken beginning", EXPORT),
    (saved(FILM), "a NumPy array", "save it as PNG"),
    (zipped(), "a ZIP archive", "unpack it"),
    (gzip.compress(JPEG), "gzip data", "send the film uncompressed"),
    (b"\0\5\x16\7\0\2\0\0Mac OS X", "the companion that macOS keeps", "send the file itself"),
    (bytes(3000), "nothing but zeros", "copied or downloaded whole"),
    (BASE64, "base64 text", AS_BYTES),
    (base64.encodebytes(PNG), "base64 text", AS_BYTES),
    (base64.urlsafe_b64encode(JPEG), "base64 text", AS_BYTES),
    (json.dumps(BASE64.decode()).encode(), "base64 text", AS_BYTES),
    (base64.b64encode(bytes(128) + b"DICM" + bytes(200)), "base64 text", AS_BYTES),
    (b"data:image/jpeg;base64," + BASE64, "a data: URL", AS_BYTES),
    (JPEG.hex().encode(), "hexadecimal text", AS_BYTES),
    (json.dumps({"image": BASE64.decode()}).encode(), "JSON text", AS_BYTES),
    (b'\xef\xbb\xbf [{"image": ""}]', "JSON text", AS_BYTES),
    (b"\n<!DOCTYPE html>\n<html><head><title>Doe, Jane</title>", "an HTML page", "send the file itself"),
    (b"<html lang='de'>", "an HTML page", "send the file itself"),
    (b"<!-- saved -->\n<HTML>", "an HTML page", "send the file itself"),
    (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', "an SVG drawing", EXPORT),
    (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML text", "send the file itself"),
    (b"https://example.org/film.jpeg", "an address", "send the file that lies there"),
    (b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n" + JPEG, "a form", "multipart/form-data"),
    (b"name;age\nDoe;4\n", "text", AS_BYTES),
    ("Müller, Jänne".encode(), "text", AS_BYTES),
    ("é".encode() * HEAD_BYTES, "text", AS_BYTES),
    (b"x" + "é".encode() * HEAD_BYTES, "text", AS_BYTES),
    ("path\nfilm".encode("utf-16"), "text", AS_BYTES),
    (JPEG.decode("utf-8", "replace").encode(), "an image that a program took for text", "as bytes, never as text"),
    (PNG.decode("utf-8", "replace").encode(), "an image that a program took for text", "as bytes, never as text"),
    (JPEG.decode("latin-1").encode(), "an image that a program took for text", "as bytes, never as text"),
    (PNG.decode("latin-1").encode(), "an image that a program took for text", "as bytes, never as text"),
    (PNG.replace(b"\r\n", b"\n"), "an image that a program took for text", "as bytes, never as text"),
    (b"\r\n" + JPEG, "an image behind other bytes", "send it without these"),
    (bytes(range(7, 200)), "something else", "send the film as JPEG or PNG"),
    (b"M\xfcller;4\n", "text", AS_BYTES),
    (b"", "something else", "send the film as JPEG or PNG"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "what", "step"), KINDS, ids=[f"{n} {what}" for n, (_, what, _) in enumerate(KINDS)])
def test_the_answer_says_what_came_and_what_to_do(data: bytes, what: str, step: str) -> None:
    """And nothing of the bytes themselves."""
    with pytest.raises(UnsupportedFormat) as refused:
        read_header(data)
    message = str(refused.value)
    assert message.startswith(f"Expected the bytes of a JPEG, PNG or DICOM image. Received {len(data)} bytes of {what}")
    assert step in message
    assert "Doe" not in message


def test_a_large_body_is_named_at_once() -> None:
    """By its beginning alone."""
    begun = time.process_time()
    for start in (b"", b" " * 10_000_000, b"<!--" * 1_000_000, b"--" + b"a" * 10_000_000, b"A" * 10_000_000):
        with pytest.raises(UnsupportedFormat):
            read_header(start + b"\1" * 20_000_000)
    assert time.process_time() - begun < 0.5
