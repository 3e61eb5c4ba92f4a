"""What a test reads of a page with films."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple


class Figure(NamedTuple):
    """A film on a page: the section that it stands in, its lines, and its picture's address, if any."""

    section: str
    lines: list[str]
    picture: str | None


class HtmlPage(HTMLParser):
    """A page's text in pieces, tags, addresses and films."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.figures: list[Figure] = []
        self._section, self._is_open = "", False
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        named = dict(attrs)
        self.addresses += [named[name] for name in ("src", "href") if name in named]
        if tag == "section":
            self._section = named["id"]
        elif tag == "figure":
            self.figures.append(Figure(self._section, [], None))
            self._is_open = True
        elif tag == "img" and self._is_open:
            self.figures[-1] = self.figures[-1]._replace(picture=named["src"])

    def handle_endtag(self, tag: str) -> None:
        self._is_open &= tag != "figure"

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split()):
            self.texts.append(text)
            if self._is_open:
                self.figures[-1].lines.append(text)

    def within(self, section: str) -> list[list[str]]:
        """Return the lines of a section's films."""
        return [figure.lines for figure in self.figures if figure.section == section]


@contextmanager
def watch_modes(folder: Path) -> Iterator[set[int]]:
    """Record the modes of a folder's files, but for those that read `old`, whenever this thread touches a file."""
    modes: set[int] = set()

    def look(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_return" and called.__name__ in {"open", "write", "flush", "close", "replace", "rename", "chmod"}:
            files = [path for path in folder.iterdir() if path.is_file() and path.read_bytes() != b"old"]
            modes.update(stat.S_IMODE(path.stat().st_mode) for path in files)

    sys.setprofile(look)
    try:
        yield modes
    finally:
        sys.setprofile(None)
