"""Which files are films, for every command: by their ending, else by their first bytes."""

# ruff: noqa: PTH122
# Paths stay the strings that were named, byte for byte; Path would change them.

from __future__ import annotations

import os
import re
from collections.abc import Mapping

FILM_ENDINGS = (".jpg", ".jpeg", ".png", ".dcm", ".jpe", ".jfif", ".dicom")
SIGNATURE_BYTES = 512
MOST_KINDS = 12
# What systems keep beside a user's files: thumbnails, resource forks, snapshots, deleted and recovered files.
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
# A data set without preamble begins with an element of group 2 or 8: tag and VR, or tag and length.
# Source: DICOM PS3.5, section 7.1.
_BARE_DICOM = re.compile(
    rb"[\x02\x08]\x00.\x00(?:AE|CS|DA|LO|OB|SH|TM|UI|UL)|\x08\x00[\x00\x01\x05\x08\x10\x12\x16\x18]\x00.\x00\x00\x00",
    re.DOTALL,
)
_DICOM_DIRECTORY = b"1.2.840.10008.1.3.10"


def has_film_ending(name: str) -> bool:
    """Return whether a file's name ends as a film's, in any case."""
    return name.lower().endswith(FILM_ENDINGS)


def is_system_folder(name: str) -> bool:
    """Return whether a folder of this name holds what a system keeps for itself, unwanted films included."""
    return name.lower() in _SYSTEM_FOLDERS


def read_beginning(path: str) -> bytes:
    """Read the first `SIGNATURE_BYTES` bytes of a file.

    Raises:
        OSError: it cannot be read.
    """
    # Without O_NONBLOCK, opening a pipe in the file's place would block.
    with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        return file.read(SIGNATURE_BYTES) or b""


def begins_like_film(beginning: bytes) -> bool:
    """Return whether bytes begin as a JPEG, a PNG or a DICOM file (with or without preamble) that is no DICOMDIR."""
    if beginning.startswith((_JPEG, _PNG)):
        return True
    if beginning[128:132] != b"DICM" and not _BARE_DICOM.match(beginning):
        return False
    return _DICOM_DIRECTORY not in beginning[:SIGNATURE_BYTES]


def name_kind(name: str) -> str:
    """Return the kind of a file that is no film: its ending in lower case, or that it has none."""
    ending = os.path.splitext(name)[1].lower()
    is_kind = ending[1:].isalnum() and not ending[1:].isdigit() and len(ending) <= 10
    return ending if is_kind else "without an ending"


def describe_kinds(passed_over: Mapping[str, int]) -> str | None:
    """Return one line with counts of what was passed over, frequent kinds first; None where nothing was."""
    if not passed_over:
        return None
    ranked = sorted(passed_over.items(), key=lambda kind: (-kind[1], kind[0]))
    counts = [f"{count} {kind}" for kind, count in ranked[:MOST_KINDS]]
    rest = sum(count for _, count in ranked[MOST_KINDS:])
    return f"Passed over: {', '.join(counts)}{f', {rest} others' if rest else ''}."
