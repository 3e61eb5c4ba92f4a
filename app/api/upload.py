"""A request's body → the one image in it, without touching the disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.api.json_form import decode_image, has_json_form, read_encoded
from app.errors import MalformedForm, MissingFile, UnsupportedFormat

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD = "file"
MAX_PART_HEADER_BYTES = 16 * 1024
_MAX_PARTS = 16
_MAX_TYPE_CHARACTERS = 1024
"""Of a Content-Type; its parser takes a time that grows with the square."""


@dataclass(frozen=True)
class Upload:
    """The bytes of the image, and its name as sent, without folders, if there is one."""

    data: bytes
    filename: str | None = None


@dataclass
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    header_bytes: int = 0


def find_upload(body: bytes, content_type: str, content_encoding: str) -> Upload:
    """Return the image in a body.

    Args:
        body: as sent.
        content_type: a multipart form is parsed, a JSON object decoded; anything else is the image.
        content_encoding: empty or `identity`.

    Raises:
        MissingFile: no image, an empty one, or several.
        MalformedForm: a form without boundary or final boundary, with other parts or huge headers; broken JSON or
            base64, or other fields.
        UnsupportedFormat: the body is compressed.
    """
    if content_encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedFormat("Expected a body without Content-Encoding. Received a compressed one.")
    if has_json_form(body, content_type):
        encoded = read_encoded(body)
        del body  # else it is held beside text and image
        return Upload(decode_image(encoded))
    kind, options = parse_options_header(content_type[:_MAX_TYPE_CHARACTERS])
    if kind != b"multipart/form-data":
        if not body:
            raise MissingFile("Expected the bytes of an image as the body. Received an empty body.")
        return Upload(body)
    boundary = options.get(b"boundary", b"")
    return _only_file(_parse_form(body, boundary))


def _only_file(parts: list[_Part]) -> Upload:
    files: list[Upload] = []
    for part in parts:
        disposition, options = parse_options_header(part.headers.get(b"content-disposition", b""))
        if disposition == b"form-data" and options.get(b"name") == FIELD.encode():
            files.append(Upload(b"".join(part.chunks), _filename(options.get(b"filename", b""))))
    if len(files) != 1:
        raise MissingFile(f"Expected one part named {FIELD!r}. Received {len(files)} of this name.")
    if not files[0].data:
        raise MissingFile(f"Expected the bytes of an image in the part {FIELD!r}. Received an empty part.")
    if len(parts) != 1:
        raise MalformedForm(f"Expected the part {FIELD!r} alone. Received {len(parts)} parts.")
    return files[0]


def _filename(raw: bytes) -> str | None:
    # Some browsers send whole paths.
    name = raw.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    return name or None


def _parse_form(body: bytes, boundary: bytes) -> list[_Part]:
    if not boundary:
        raise MalformedForm("Expected a boundary in the Content-Type of the form. Received none.")
    # Each costs the parser as much as a kilobyte, and the rest of it a piece of memory.
    if body.count(b"\r\n--" + boundary) > _MAX_PARTS:
        raise MalformedForm(f"Expected the part {FIELD!r} alone. Received over {_MAX_PARTS} boundaries.")
    parts: list[_Part] = []
    name, value = bytearray(), bytearray()
    ended = False

    def part_begin() -> None:
        if len(parts) == _MAX_PARTS:
            raise MalformedForm(f"Expected the part {FIELD!r} alone. Received over {_MAX_PARTS} parts.")
        parts.append(_Part())

    def header_piece(target: bytearray, data: bytes, start: int, end: int) -> None:
        parts[-1].header_bytes += end - start
        if parts[-1].header_bytes > MAX_PART_HEADER_BYTES:
            raise MalformedForm(f"Expected part headers of at most {MAX_PART_HEADER_BYTES} bytes. Received more.")
        target += data[start:end]

    def header_end() -> None:
        parts[-1].headers[bytes(name).lower()] = bytes(value)
        name.clear()
        value.clear()

    def end() -> None:
        nonlocal ended
        ended = True

    def part_data(data: bytes, start: int, stop: int) -> None:
        parts[-1].chunks.append(data[start:stop])

    callbacks: MultipartCallbacks = {
        "on_part_begin": part_begin,
        "on_part_data": part_data,
        "on_header_field": lambda data, start, stop: header_piece(name, data, start, stop),
        "on_header_value": lambda data, start, stop: header_piece(value, data, start, stop),
        "on_header_end": header_end,
        "on_end": end,
    }
    limits: dict[str, Any] = {"max_header_size": MAX_PART_HEADER_BYTES + 1024}
    try:
        MultipartParser(boundary, callbacks, **limits).write(body)
    except FormParserError:
        raise MalformedForm("Expected a multipart form as RFC 7578 describes it. Received a broken one.") from None
    if not ended:
        raise MalformedForm("Expected a form that ends with its final boundary. Received one that ends early.")
    return parts
