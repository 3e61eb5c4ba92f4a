"""A page with films and names → a file that its owner alone may read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from app.errors import InvalidParameter
from training.data.layout import show_path


def check_page(path: Path) -> None:
    """Check early that `write_page` can write.

    Raises:
        InvalidParameter: the ending is another, the folder missing or not writable, or the path no file.
    """
    shown = show_path(str(path))
    if path.suffix.lower() not in (".html", ".htm"):
        raise InvalidParameter(f"Expected --html to end in .html. Received: {shown}.")
    is_other = path.exists() and not path.is_file()
    if is_other or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InvalidParameter(f"Expected --html to be a file in a writable folder. Received: {shown}.")


def describe_page(path: Path) -> str:
    """Return a line on a page that was written."""
    return f"Page: {show_path(str(path))} (X-ray images and file names: keep it as you keep the films)"


def write_page(path: Path, text: str) -> None:
    """Write a page with mode 0600 from the beginning, and put it in place once it is whole.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    descriptor, part = tempfile.mkstemp(prefix=".page-", suffix=".part", dir=path.parent)  # makes it 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
