"""Read the list of paths on standard input, in the encodings and forms that systems write."""

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
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark begins it
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# UTF-16 or UTF-32 read as one byte a letter: names of one letter or none, side by side.
_WIDE_TEXT = re.compile(r"(?:^|\0)(?:[^\0]?\0){2}")
_NULS = (
    "Expected paths in UTF-8, one a line. Received NUL bytes among them. Where the list is in UTF-16, say "
    "--encoding utf-16-le (or -be); where a NUL ends each path, as `find -print0` writes it, say --null, and "
    "--encoding utf-8 too if names have one letter."
)


def expand_sources(
    sources: Sequence[str], stdin: TextIO | None, *, null: bool = False, encoding: str | None = None
) -> list[str]:
    """Return the paths that `sources` name, with those of the list on `stdin` in the place of `-`.

    Args:
        sources: folders, files, or `-`.
        stdin: standard input; None where it is closed.
        null: see `read_list`.
        encoding: see `read_list`.

    Raises:
        WrongList: see `read_list`; or `null` or `encoding` is given and no list.
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

    Lines end with LF, CR LF or, where there is no LF, with CR; empty ones are skipped. Spaces, quotes (Explorer's "Copy
    as path") and a byte-order mark around a path are removed, unless a file has that very name.

    Args:
        data: the whole list.
        null: each path ends with NUL, as `find -print0` writes it, and is unchanged. A list that can be nothing else
            is read so anyway.
        encoding: of `data`, unless it begins with a byte-order mark. None and UTF-8 keep the bytes of each path, valid
            UTF-8 or not.

    Raises:
        WrongList: it is not clear which paths it names.
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
    """Return whether something may lie at `path`: a broken link does, and what is not accessible may."""
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
    """Return whether a list can only be `find -print0`'s: no line ends, and no name that could be UTF-16's letter."""
    return text.endswith("\0") and not re.search(r"[\r\n]|(?:^|\0)[^\0]?\0", text)


def _as_named(line: str) -> str:
    line = line.rstrip("\r")
    bare = line.strip(" \t\ufeff")
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'":
        bare = bare[1:-1]
    return line if line == bare or exists(line) else bare
