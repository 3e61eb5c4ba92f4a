"""What a decoding process tells of a DICOM file: facts about the picture, none about the patient but the age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from app.notice import Notice


@dataclass(frozen=True)
class DicomHeader:
    """Columns and rows as stored, samples a pixel, and how many times a pixel is as high as wide."""

    width: int
    height: int
    channels: int
    bit_depth: int
    pixel_aspect: float


@dataclass(frozen=True)
class DicomReport:
    """What was read and done, for the answer.

    Attributes:
        image: the kind of image: CR, DX (for presentation) or SC (secondary capture).
        transfer_syntax: its name.
        photometric_interpretation: as the file says.
        body_part: CHEST, THORAX, or None where the file does not say.
        view: PA, AP, frontal, or None.
        modality_lut: how stored values became values of the modality.
        voi: what chose the gray levels: a table of the file, its window's function, or the `range` of the pixels. None
            for colour.
        window: center and width, where `voi` is a function.
        inverted: whether light and dark were exchanged.
        pixel_aspect: how many times a stored pixel is as high as wide; the film was resampled unless it is 1.
    """

    image: Literal["CR", "DX", "SC"]
    transfer_syntax: str
    photometric_interpretation: str
    body_part: Literal["CHEST", "THORAX"] | None
    view: Literal["PA", "AP", "frontal"] | None
    modality_lut: Literal["none", "rescale", "table"]
    voi: Literal["table", "linear", "linear-exact", "sigmoid", "range"] | None
    window: tuple[float, float] | None
    inverted: bool
    pixel_aspect: float


@dataclass(frozen=True)
class DicomFilm:
    """A decoded film without its pixels: width and height as shown, `age` in completed years where known."""

    width: int
    height: int
    report: DicomReport
    warnings: tuple[Notice, ...]
    age: int | None


@dataclass(frozen=True)
class Refusal:
    """The name of an `ImageError`, and its message."""

    error: str
    message: str


HEADER, FILM, REFUSAL = TypeAdapter(DicomHeader), TypeAdapter(DicomFilm), TypeAdapter(Refusal)
"""How the records travel between the processes."""
