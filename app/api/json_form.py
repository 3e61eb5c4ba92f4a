"""`{"image": "<base64>"}` → the bytes of the image."""

from __future__ import annotations

import binascii
import codecs
import json
import re

from app.errors import MalformedForm, MissingFile

FIELD = "image"
MEDIA_TYPE = "application/json"
MAX_VALUES = 100
"""Parsed, a body of tiny values takes twenty times its size in memory."""

# Allowed before the first brace: white space, a byte order mark, UTF-16's zero bytes.
_BEFORE = b" \t\r\n\0" + codecs.BOM_UTF8 + codecs.BOM_UTF16
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_TYPES = {str: "a string", bool: "true or false", int: "a number", float: "a number", list: "an array or object"}


def has_json_form(body: bytes, content_type: str) -> bool:
    """Return whether a body is a JSON object, by declared type and first byte."""
    declared = content_type.partition(";")[0].strip().lower()
    return declared == MEDIA_TYPE and body[:1024].lstrip(_BEFORE).startswith(b"{")


def decoded_bytes(body: bytes, content_type: str) -> int:
    """Return the most bytes that a decoded image takes beside its body; 0 for other bodies."""
    return len(body) * 3 // 4 if has_json_form(body, content_type) else 0


def read_encoded(body: bytes) -> str:
    """Return the base64 text of a JSON body.

    Unescaped line breaks are accepted: the command `base64` writes them.

    Raises:
        MalformedForm: broken JSON, other fields, `image` twice, or no string.
        MissingFile: no `image`.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    if not body.isascii() or b"\0" in body:
        raise MalformedForm(f"Expected JSON in UTF-8 with {FIELD!r} alone, so ASCII characters. Received others.")
    # Each value needs one of these; base64 has none.
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise MalformedForm(f"Expected JSON with the field {FIELD!r} alone. Received over {MAX_VALUES} values.")
    try:
        fields: list[tuple[str, object]] = json.loads(body.decode("ascii"), object_pairs_hook=list, strict=False)
    except json.JSONDecodeError as error:
        raise MalformedForm(f"Expected a JSON object. Received broken JSON: {error}.") from None
    except ValueError:
        raise MalformedForm(f"Expected JSON with the field {FIELD!r} alone. Received a number too long.") from None
    images = [value for name, value in fields if name == FIELD]
    if not images:
        raise MissingFile(f"Expected JSON with the field {FIELD!r}. Received {len(fields)} fields of other names.")
    if len(fields) > 1:
        raise MalformedForm(f"Expected JSON with the field {FIELD!r} alone, once. Received {len(fields)} fields.")
    if not isinstance(images[0], str):
        received = _TYPES.get(type(images[0]), "null")
        raise MalformedForm(f"Expected the field {FIELD!r} to be a string of base64. Received {received}.")
    return images[0]


def decode_image(encoded: str) -> bytes:
    """Decode base64, with or without line breaks and a data URL's prefix.

    Else strictly (RFC 4648, section 4): a guess could change the film.

    Raises:
        MalformedForm: no base64, another alphabet, or no padding.
        MissingFile: empty.
    """
    for space in "\n\r \t":  # a text without them is not copied
        encoded = encoded.replace(space, "")
    if prefix := _DATA_URL.match(encoded):
        encoded = encoded[prefix.end() :]
    try:
        image = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        raise MalformedForm(
            f"Expected the field {FIELD!r} to be base64 of the standard alphabet, with its padding. "
            f"Received {len(encoded)} characters that are not: {error}."
        ) from None
    if not image:
        raise MissingFile(f"Expected the bytes of an image in the field {FIELD!r}. Received an empty one.")
    return image
