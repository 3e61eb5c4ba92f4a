"""Read lists of paths in the encodings and forms of common systems."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Sequence
from typing import TextIO

from batch.errors import CallError, NothingNamed, WrongList
from training.data.kinds import begins_like_film

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, its prefix
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# UTF-16 or UTF-32 read as bytes: names of at most one letter, side by side.
_WIDE_TEXT = re.compile(r"(?:^|\0)(?:[^\0]?\0){2}")
_NULS = (
    "Expected paths in UTF-8, one a line. Received NUL bytes among them. Where the list is in UTF-16, say "
    "--encoding utf-16-le (or -be); where a NUL ends each path, as `find -print0` writes it, say --null, and "
    "--encoding utf-8 too if names have one letter."
)


def expand_sources(
    sources: Sequence[str], stdin: TextIO | None, *, null: bool = False, encoding: str | None = None
) -> list[str]:
    """Return the paths of `sources`, the list on `stdin` in the place of `-`.

    `stdin` is None where it is closed; for `null` and `encoding` see `read_list`.

    Raises:
        WrongList, CallError: see `read_list`; or `null` or `encoding` came without `-`.
        NothingNamed: there is no path.
    """
    if "-" not in sources and (null or encoding is not None):
        option = "--null" if null else "--encoding"
        raise WrongList(f"Expected - among the sources: {option} tells how a list on standard input is written.")
    paths: list[str] = []
    for source in sources:
        if source != "-":
            paths.append(source)
            continue
        try:
            data = stdin.buffer.read() if stdin is not None else b""
        except OSError as error:
            raise WrongList(f"Expected a list of paths on standard input. Received: {error.strerror}.") from None
        paths += read_list(data, null=null, encoding=encoding)
    if not paths:
        raise NothingNamed("Expected paths on standard input, one a line. Received none.")
    return paths


def read_list(data: bytes, *, null: bool = False, encoding: str | None = None) -> list[str]:
    r"""Return the paths of a list, in its order.

    Lines end with LF, CR LF or, where there is no LF, CR; empty ones are skipped. Spaces, quotes (Explorer's "Copy as
    path") and a byte-order mark around a path are removed, unless a file is named so.

    Args:
        data: the list.
        null: each path ends with NUL (`find -print0`) and stays as it is; a list that can only be such is always read
            so.
        encoding: without a byte-order mark. None and UTF-8 keep bytes that are no valid UTF-8.

    Raises:
        WrongList: it is ambiguous, a film, or not in `encoding`.
        CallError: `encoding` is unknown.
    """
    if encoding is not None:
        _check_encoding(encoding)
    if begins_like_film(data):
        raise WrongList("Expected a list of paths on standard input. Received the bytes of a film: name its file.")
    marked = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), None)
    if marked is not None:
        data, encoding = data.removeprefix(marked[0]), marked[1]
    text = _decode(data, encoding)
    if "\0" in text and encoding is None and _WIDE_TEXT.search(text):
        raise WrongList(_NULS)
    if null or (encoding is None and _is_print0(text)):
        return [path for path in text.split("\0") if path]
    if "\0" in text:
        raise WrongList(_NULS)
    lines = text.split("\n" if "\n" in text else "\r")
    return [path for path in map(_as_named, lines) if path]


def exists(path: str) -> bool:
    """Return whether something may lie there: a broken link or an inaccessible file counts."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True


def _check_encoding(encoding: str) -> None:
    try:
        "a".encode(encoding)
    except (LookupError, ValueError):
        raise CallError(
            f"Expected --encoding to name a text encoding, such as utf-16-le or cp1252. Received: {encoding}."
        ) from None


def _decode(data: bytes, encoding: str | None) -> str:
    if encoding is None or codecs.lookup(encoding).name.startswith("utf-8"):
        return os.fsdecode(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        where = f" at byte {error.start} of {len(data)}" if isinstance(error, UnicodeDecodeError) else ""
        raise WrongList(
            f"Expected a list in {encoding}. Received bytes{where} that are none. Name another --encoding."
        ) from None


def _is_print0(text: str) -> bool:
    """Return whether only `find -print0` writes so: no line ends, no name like a letter in UTF-16."""
    return text.endswith("\0") and not re.search(r"[\r\n]|(?:^|\0)[^\0]?\0", text)


def _as_named(line: str) -> str:
    line = line.rstrip("\r")
    bare = line.strip(" \t\ufeff")
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        bare = bare[1:-1]
    return line if line == bare or exists(line) else bare
