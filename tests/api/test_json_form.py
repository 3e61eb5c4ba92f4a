"""A film as base64 in JSON: any JSON library's output is read, nothing is guessed."""

from __future__ import annotations

import base64
import json
import tracemalloc

import pytest

from app.api.json_form import MAX_VALUES
from app.api.upload import Upload, find_upload
from app.errors import MalformedForm, MissingFile
from tests.conftest import encode, film_pixels

FILM = encode(film_pixels(1))
BASE64 = base64.b64encode(FILM).decode()
WHOLE = f'{{"image": "{BASE64}"}}'
LINES = base64.encodebytes(FILM).decode()


def find(sent: bytes | str, content_type: str = "application/json") -> Upload:
    return find_upload(sent.encode() if isinstance(sent, str) else sent, content_type, "")


def test_the_film_has_every_kind_of_character() -> None:
    """Both that base64 has beside letters and digits, and padding: else the cases below show nothing."""
    assert {"/", "+", "="} <= set(BASE64)


@pytest.mark.parametrize(
    "sent",
    [
        WHOLE,
        json.dumps({"image": BASE64}, indent=4),
        " \r\n\t" + WHOLE + "\n\n",
        "\ufeff" + WHOLE,
        WHOLE.replace("/", "\\/"),
        WHOLE.replace("+", "\\u002B").replace("=", "\\u003d"),
        WHOLE.replace("image", "\\u0069mage"),
        json.dumps({"image": LINES}),
        json.dumps({"image": LINES.replace("\n", "\r\n")}),
        '{"image": "' + LINES + '"}',
        '{"image": " data:image/jpeg;base64,' + BASE64 + ' "}',
        '{"image": "DATA:;BASE64,' + LINES + '"}',
        '{"image": "data:image/png;name=film;base64,' + BASE64 + '"}',
    ],
    ids=[
        "compact", "indented", "white space around", "byte order mark", "slashes escaped, as PHP does",
        "plus and equals escaped, as .NET does", "the name escaped", "lines", "CRLF lines", "raw lines, as shells do",
        "data URL", "data URL in capitals, without a type, in lines", "data URL with another type and a parameter",
    ],
)  # fmt: skip
def test_the_film_comes_out_byte_by_byte(sent: str) -> None:
    """However the field is written, without a file name."""
    assert find(sent) == Upload(FILM, None)


@pytest.mark.parametrize("declared", ["application/json; charset=utf-8", "Application/JSON ; x=y", " application/json"])
def test_parameters_of_the_content_type_play_no_part(declared: str) -> None:
    """Nor does its spelling."""
    assert find(WHOLE, declared) == Upload(FILM)


@pytest.mark.parametrize("image", [FILM, encode(film_pixels(1), ".png"), bytes(128) + b"DICM", b"[1]", b'"x"', b"\xff"])
def test_what_is_no_json_object_is_the_image_itself(image: bytes) -> None:
    """The first byte decides."""
    assert find(image) == Upload(image)


@pytest.mark.parametrize("declared", ["", "text/json", "application/vnd.api+json", "application/octet-stream"])
def test_json_of_another_type_is_left_to_the_decoder(declared: str) -> None:
    assert find(WHOLE, declared) == Upload(WHOLE.encode())


@pytest.mark.parametrize(
    "sent", ["{}", "{ }", '{"file": "x"}', '{"Image": "x"}', '{"image": ""}', '{"image": " \\n"}',
             '{"image": "data:image/jpeg;base64,"}', '{"instances": [{"image": "x"}]}', ""],
)  # fmt: skip
def test_json_without_an_image_is_a_missing_file(sent: str) -> None:
    """Also where the field is empty or nested."""
    with pytest.raises(MissingFile, match=r"Expected .*\. Received .*\."):
        find(sent)


def deep(depth: int) -> str:
    return '{"image": ' + "[" * depth + "]" * depth + "}"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ("{", "broken JSON"),
        (WHOLE[:-1], "broken JSON"),
        (WHOLE[:-2], "broken JSON"),
        (WHOLE + WHOLE, "broken JSON"),
        ("{'image': ''}", "broken JSON"),
        ('{"image": undefined}', "broken JSON"),
        ('{"image": "x", "note": "x"}', "alone, once. Received 2"),
        ('{"note": ["x"], "image": "x"}', "alone, once. Received 2"),
        (f'{{"image": "{BASE64}", "image": "{BASE64}"}}', "alone, once. Received 2"),
        ('{"image": null}', "string of base64. Received null"),
        ('{"image": true}', "Received true or false"),
        ('{"image": 1}', "Received a number"),
        ('{"image": NaN}', "Received a number"),
        ('{"image": 1e999999}', "Received a number"),
        ('{"image": ["x"]}', "Received an array or object"),
        ('{"image": {"data": "x"}}', "Received an array or object"),
        ('{"image": [255, 216, 255' + ", 0" * 200 + "]}", "Received over 100 values"),
        ('{"image": ' + "1" * 100_000 + "}", "a number too long"),
        (deep(60), "Received an array or object"),
        (deep(1000), "Received over 100 values"),
        (deep(100_000), "Received over 100 values"),
        ('{"image": "é"}', "ASCII"),
        (b'{"image": "\xff"}', "ASCII"),
        (WHOLE.encode("utf-16"), "ASCII"),
        (WHOLE.encode("utf-16-le"), "ASCII"),
        (WHOLE.encode("utf-16-be"), "ASCII"),
        (WHOLE.encode("utf-32"), "ASCII"),
    ],
)  # fmt: skip
def test_json_that_is_not_the_form_is_refused_with_what_came(sent: bytes | str, words: str) -> None:
    """Broken, of other fields or types, too large once parsed, or in another encoding."""
    with pytest.raises(MalformedForm, match=words):
        find(sent)


@pytest.mark.parametrize(
    "image",
    [
        "x",
        BASE64[:-1],
        BASE64.rstrip("="),
        BASE64 + "=",
        BASE64 + BASE64,
        BASE64.replace("+", "-").replace("/", "_"),
        BASE64[:400] + "!" + BASE64[401:],
        BASE64[:400] + "." + BASE64[400:],
        BASE64[:400] + "=" + BASE64[400:],
        BASE64[:400] + "\\u0000" + BASE64[400:],
        BASE64[:400] + "\\ud800" + BASE64[400:],
        f"b'{BASE64}'",
        "data:image/jpeg," + BASE64,
        "data:image/jpeg;base64;" + BASE64,
        FILM.hex() + ":",
    ],
)
def test_broken_base64_is_refused(image: str) -> None:
    """Cut, of another alphabet, with characters that a lenient decoder drops, or twice."""
    with pytest.raises(MalformedForm, match=r"Expected the field 'image' to be base64 .* Received .*"):
        find(f'{{"image": "{image}"}}')


def test_base64_that_was_cut_between_two_groups_gives_a_film_that_was_cut() -> None:
    """Whole base64: the image decoder sees the cut."""
    cut = find(f'{{"image": "{BASE64[:-8]}"}}').data
    assert FILM.startswith(cut)
    assert len(cut) < len(FILM)


def test_a_body_of_many_values_is_refused_before_it_is_parsed() -> None:
    """Empty lists take twenty times their size in memory."""
    sent = b'{"image": [' + b"[]," * 500_000 + b"0]}"
    tracemalloc.start()
    try:
        with pytest.raises(MalformedForm, match=f"over {MAX_VALUES} values"):
            find(sent)
        assert tracemalloc.get_traced_memory()[1] < len(sent)
    finally:
        tracemalloc.stop()


def test_a_film_is_never_held_more_than_three_times() -> None:
    """Body, text and its string; then string and image."""
    sent = b'{"image": "' + b"A" * 4_000_000 + b'"}'
    tracemalloc.start()
    try:
        assert len(find(sent).data) == 3_000_000
        assert tracemalloc.get_traced_memory()[1] < 2.1 * len(sent)
    finally:
        tracemalloc.stop()
