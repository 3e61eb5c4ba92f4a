"""The attributes of patient and study that results share with their film, without what is invalid.

Films carry dates that are none, texts that are too long and undecodable characters; a result with them would be
refused by archives, or end the library that writes it.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable
from datetime import date

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")  # with dots: ACR-NEMA 300, PS3.5 section 6.2
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(\.\d{1,6})?)?)?")
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_LONGEST_UID = 64
_NAME_GROUPS, _NAME_COMPONENTS, _LONGEST_NAME_GROUP = 3, 5, 64


def clean_date(text: str) -> str:
    """Return a date as YYYYMMDD; empty where there is no such day."""
    found = _DATE.fullmatch(text.strip())
    try:
        year, month, day = (int(part) for part in found.groups()) if found else (0, 0, 0)
        date(year, month, day)
    except ValueError:
        return ""
    return f"{year:04}{month:02}{day:02}"  # strftime does not pad years


def clean_time(text: str) -> str:
    """Return a time as HH, HHMM, HHMMSS or HHMMSS.F; empty where there is no such time."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return ""
    hour, minute, second, fraction = found.groups()
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 59:
        return ""
    return hour + (minute or "") + (second or "") + (fraction or "")


def clean_text(longest: int) -> Callable[[str], str]:
    """Return what cleans a text of one value: trimmed, or empty where it is too long or has control characters."""

    def clean(text: str) -> str:
        text = text.strip(" \0")
        # Not isprintable(), which takes the wide space of Japanese names for none.
        has_control = any(unicodedata.category(letter)[0] == "C" for letter in text)
        is_valid = len(text) <= longest and not has_control and "\\" not in text and "\ufffd" not in text
        return text if is_valid else ""

    return clean


def clean_name(text: str) -> str:
    """Return a person's name; empty where a group is too long, or there are too many groups or components."""
    text = text.strip(" \0")
    groups = text.split("=")
    is_valid = len(groups) <= _NAME_GROUPS and all(
        clean_text(_LONGEST_NAME_GROUP)(group) == group.strip() and group.count("^") < _NAME_COMPONENTS
        for group in groups
    )
    return text if is_valid else ""


def clean_uid(text: str) -> str:
    """Return a UID of digits and dots; else an empty one.

    Leading zeros, which are invalid and not rare, stay: another UID would be another study.
    """
    text = text.strip(" \0")
    return text if len(text) <= _LONGEST_UID and _UID.fullmatch(text) else ""


def clean_sex(text: str) -> str:
    """Return M, F or O; else an empty text."""
    text = text.strip(" \0")
    return text if text in {"M", "F", "O"} else ""


COPIED: dict[str, Callable[[str], str]] = {
    "PatientName": clean_name,
    "PatientID": clean_text(64),
    "PatientBirthDate": clean_date,
    "PatientSex": clean_sex,
    "StudyInstanceUID": clean_uid,
    "StudyDate": clean_date,
    "StudyTime": clean_time,
    "ReferringPhysicianName": clean_name,
    "StudyID": clean_text(16),
    "AccessionNumber": clean_text(16),
}
"""The attributes of patient and study, and what cleans each."""


def read_text(film: Dataset, keyword: str) -> str:
    """Return an attribute as text, several values with backslashes between; empty where it is absent or unreadable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings repeat values
        try:
            value = film.get(keyword)
        except Exception:  # what pydicom raises of a broken value is not limited to a kind
            return ""
    if isinstance(value, str | UID):
        return str(value)
    if value is None or isinstance(value, bytes):
        return ""
    return "\\".join(str(each) for each in value) if isinstance(value, MultiValue) else str(value)


def copy_study(film: Dataset) -> Dataset:
    """Return patient and study of a film, cleaned: every attribute present, empty where the film's is invalid.

    Text beyond ASCII is written as UTF-8 (ISO_IR 192), whatever the film's own character set.
    """
    study = Dataset()
    values = {keyword: clean(read_text(film, keyword)) for keyword, clean in COPIED.items()}
    if not all(value.isascii() for value in values.values()):
        study.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in values.items():
        setattr(study, keyword, value)
    return study
