"""Which files are films: by ending, else by first bytes."""

# ruff: noqa: PTH122
# Path would change the bytes of a path as named.

from __future__ import annotations

import os
import re
from collections.abc import Mapping

FILM_ENDINGS = (".jpg", ".jpeg", ".png", ".dcm", ".jpe", ".jfif", ".dicom")
SIGNATURE_BYTES = 512
MOST_KINDS = 12
# Thumbnails, resource forks, snapshots, deleted and recovered files.
_SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",
        "__macosx",
        "@recycle",
        "#recycle",
        "$recycle.bin",
        "#snapshot",
        "lost+found",
        "system volume information",
    }
)
_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
# Without preamble: an element of group 2 or 8, as tag and VR, or tag and length (DICOM PS3.5, section 7.1).
_BARE_DICOM = re.compile(
    rb"[\x02\x08]\x00.\x00(?:AE|CS|DA|LO|OB|SH|TM|UI|UL)|\x08\x00[\x00\x01\x05\x08\x10\x12\x16\x18]\x00.\x00\x00\x00",
    re.DOTALL,
)
_DICOM_DIRECTORY = b"1.2.840.10008.1.3.10"


def has_film_ending(name: str) -> bool:
    """Return whether a file is named as a film, in any case."""
    return name.lower().endswith(FILM_ENDINGS)


def is_system_folder(name: str) -> bool:
    """Return whether a folder is a system's own, unwanted films included."""
    return name.lower() in _SYSTEM_FOLDERS


def read_beginning(path: str) -> bytes:
    """Read a file's first `SIGNATURE_BYTES`, or raise OSError."""
    # Else opening a pipe would block.
    with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        return file.read(SIGNATURE_BYTES) or b""


def begins_like_film(beginning: bytes) -> bool:
    """Return whether bytes begin a JPEG, a PNG, or a DICOM file (with or without preamble) but no DICOMDIR."""
    if beginning.startswith((_JPEG, _PNG)):
        return True
    if beginning[128:132] != b"DICM" and not _BARE_DICOM.match(beginning):
        return False
    return _DICOM_DIRECTORY not in beginning[:SIGNATURE_BYTES]


def name_kind(name: str) -> str:
    """Return the kind of another file: its ending in lower case, or that it has none."""
    ending = os.path.splitext(name)[1].lower()
    is_kind = ending[1:].isalnum() and not ending[1:].isdigit() and len(ending) <= 10
    return ending if is_kind else "without an ending"


def describe_kinds(passed_over: Mapping[str, int]) -> str | None:
    """Return one line that counts what was passed over, frequent kinds first."""
    if not passed_over:
        return None
    ranked = sorted(passed_over.items(), key=lambda kind: (-kind[1], kind[0]))
    counts = [f"{count} {kind}" for kind, count in ranked[:MOST_KINDS]]
    rest = sum(count for _, count in ranked[MOST_KINDS:])
    return f"Passed over: {', '.join(counts)}{f', {rest} others' if rest else ''}."
