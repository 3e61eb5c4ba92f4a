"""A DICOM file → its header, and its film as 8-bit gray: what a decoding process does."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import cast

import cv2
import numpy as np
from pydicom.dataelem import RawDataElement
from pydicom.encaps import generate_frames

from app.errors import UndecodableImage
from app.imaging.colour import Gray, Samples, turn_gray
from app.imaging.dicom.codecs import decode_frame
from app.imaging.dicom.elements import UNDEFINED_LENGTH, Elements, read_elements
from app.imaging.dicom.grayscale import Rendered, render_gray
from app.imaging.dicom.pixel_format import MONOCHROME, PixelFormat, read_pixel_format
from app.imaging.dicom.record import DicomFilm, DicomHeader, DicomReport
from app.imaging.dicom.suitability import judge
from app.notice import Notice


def read_header(data: bytes) -> DicomHeader:
    """Return a film's dimensions, decoding nothing.

    Raises:
        UnsupportedFormat, UnsuitableImage, UndecodableImage: see `elements`, `suitability` and `pixel_format`.
    """
    elements = read_elements(data)
    judge(elements.dataset)
    form = read_pixel_format(elements.dataset)
    return DicomHeader(form.columns, form.rows, form.samples, form.bits_allocated, form.aspect)


def read_film(data: bytes, allow: Callable[[int], None] = lambda _: None) -> tuple[DicomFilm, Gray]:
    """Return a film, and its pixels: uint8 (height, width), 0 black, square.

    Args:
        data: the file.
        allow: called with how many samples a codec may allocate, once they are known.

    Raises:
        UnsupportedFormat, UnsuitableImage, UndecodableImage: as `read_header`, `codecs` and `grayscale`.
    """
    elements = read_elements(data)
    dataset = elements.dataset
    subject = judge(dataset)
    form = read_pixel_format(dataset)
    allow(form.rows * form.columns * form.samples)
    values = decode_frame(_find_frame(elements, form), form, elements.syntax)
    warnings = list(subject.warnings)
    rendered: Rendered | None = None
    if form.photometric in MONOCHROME:
        rendered = render_gray(values, form, dataset)
        pixels = rendered.pixels
        warnings += rendered.voi.warnings
    else:
        pixels, coloured = _turn_gray(cast(Samples, values), form, elements)
        warnings += coloured
    if form.aspect != 1:
        pixels = _make_square(pixels, form.aspect)
        detail = f"A pixel is {form.aspect:.3g} times as high as wide: the film was resampled to square ones."
        warnings.append(Notice("non-square-pixels", detail))
    report = DicomReport(
        image=subject.image,
        transfer_syntax=elements.syntax.name,
        photometric_interpretation=form.photometric,
        body_part=subject.body_part,
        view=subject.view,
        modality_lut=rendered.modality_lut if rendered else "none",
        voi=rendered.voi.kind if rendered else None,
        window=rendered.voi.window if rendered else None,
        inverted=rendered is not None and rendered.inverted,
        pixel_aspect=round(form.aspect, 6),
    )
    height, width = pixels.shape
    return DicomFilm(width, height, report, tuple(warnings), subject.age), np.ascontiguousarray(pixels)


def _find_frame(elements: Elements, form: PixelFormat) -> bytes:
    """Return the one frame's bytes: native, or its codestream."""
    element = elements.read_pixels(form.native_bytes)
    if not isinstance(element, RawDataElement) or not element.value:
        raise UndecodableImage("Expected a DICOM file with pixels. Received one without.")
    is_encapsulated = element.length == UNDEFINED_LENGTH
    if is_encapsulated is (elements.syntax.codec == "native"):
        raise UndecodableImage(f"Expected pixels written as {elements.syntax.name}. Received them otherwise.")
    if not is_encapsulated:
        is_swapped = element.VR == "OW" and not elements.syntax.is_little_endian and form.bits_allocated == 8
        return _swap_pairs(element.value) if is_swapped else element.value
    try:
        frames = list(generate_frames(io.BytesIO(element.value), number_of_frames=1))
    except Exception as error:  # struct.error, ValueError, EOFError ...
        raise UndecodableImage("Expected pixels in whole fragments. Received broken ones.") from error
    if len(frames) != 1:
        raise UndecodableImage(f"Expected one frame of pixels. Received {len(frames)}.")
    return frames[0]


def _swap_pairs(value: bytes) -> bytes:
    """Return the bytes of big-endian words, of which each holds its first byte last (PS3.5, section 8.1.1)."""
    return np.frombuffer(value[: len(value) // 2 * 2], np.uint16).byteswap().tobytes()


def _turn_gray(values: Samples, form: PixelFormat, elements: Elements) -> tuple[Gray, tuple[Notice, ...]]:
    """Return a colour picture as gray; the source's window is not for it."""
    bits = form.bits_stored
    # JPEG's own codec has turned lossy colours, and JPEG 2000 its transformed ones, into RGB.
    is_luma_first = form.photometric.startswith("YBR_FULL") and (
        elements.syntax.codec != "jpeg" or elements.syntax.is_lossless
    )
    if is_luma_first:
        if values.dtype != np.uint8:
            raise UndecodableImage("Expected YBR of 8 bits. Received more.")
        values = cv2.cvtColor(values[..., [0, 2, 1]], cv2.COLOR_YCrCb2RGB).astype(np.uint8, copy=False)
    elif bits < 8:
        values = np.rint(values * (255 / ((1 << bits) - 1))).astype(np.uint8)
    return turn_gray(values, cv2.COLOR_RGB2GRAY, bits)


def _make_square(pixels: Gray, aspect: float) -> Gray:
    """Enlarge along the side on which pixels are longer."""
    height, width = pixels.shape
    size = (width, round(height * aspect)) if aspect > 1 else (round(width / aspect), height)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
