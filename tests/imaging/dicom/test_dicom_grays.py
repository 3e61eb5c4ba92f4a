"""Stored values → gray levels, in the standard's order."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from app.errors import UndecodableImage
from app.imaging.preprocess import Film, inspect_film, load_film
from tests.conftest import film_pixels
from tests.imaging.dicom.made import film_12_bit, lut, make_dataset, make_film, write

FILM = film_12_bit()
FULL = {"WindowCenter": "2048", "WindowWidth": "4096"}


def show(data: bytes) -> Film:
    return load_film(data, inspect_film(data), width=150, height=150, max_side=2048)


def shown(pixels: np.ndarray = FILM, bits: int | None = 12, **tags: Any) -> np.ndarray:
    gray = show(make_film(pixels, bits, **tags)).shown
    assert gray is not None
    return gray


def scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return values from low to high as 0 to 255."""
    return np.rint(np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def codes(data: bytes) -> list[str]:
    return [warning.code for warning in show(data).warnings]


def test_a_linear_window_is_that_of_the_standard() -> None:
    """From center - 0.5 - (width - 1) / 2 to center - 0.5 + (width - 1) / 2."""
    film = show(make_film(FILM, 12, WindowCenter="1000", WindowWidth="502"))
    np.testing.assert_array_equal(film.shown, scaled(FILM, 749, 1250))
    assert film.dicom is not None
    assert (film.dicom.voi, film.dicom.window) == ("linear", (1000, 502))


def test_a_linear_exact_window_reaches_from_end_to_end() -> None:
    gray = shown(WindowCenter="1000.25", WindowWidth="501", VOILUTFunction="LINEAR_EXACT")
    np.testing.assert_array_equal(gray, scaled(FILM, 749.75, 1250.75))


def test_a_sigmoid_window_is_that_of_the_standard() -> None:
    gray = shown(WindowCenter="2000", WindowWidth="900", VOILUTFunction="SIGMOID")
    expected = 255 / (1 + np.exp(-4 * (FILM.astype(float) - 2000) / 900))
    np.testing.assert_array_equal(gray, np.rint(expected))


def test_the_first_of_several_windows_counts() -> None:
    several = shown(WindowCenter=["1000", "3000"], WindowWidth=["502", "100"])
    np.testing.assert_array_equal(several, shown(WindowCenter="1000", WindowWidth="502"))


def test_without_a_window_the_range_of_the_pixels_is_shown() -> None:
    film = FILM // 2 + 700
    np.testing.assert_array_equal(shown(film), scaled(film, film.min(), film.max()))


@pytest.mark.parametrize(
    ("center", "width"), [("1000", "0"), ("1000", "-5"), ("1000", "0.5"), ("9000", "100"), ("", "100"), ("x", "100")]
)
def test_an_impossible_window_is_ignored_with_a_warning(center: str, width: str) -> None:
    """Of no width, beside all pixels, or no numbers."""
    data = make_film(FILM, 12, WindowCenter="1", WindowWidth="11")
    # Behind pydicom, which refuses to write it.
    data = (
        make_film(FILM, 12, **dict(zip(("WindowCenter", "WindowWidth"), (center, width), strict=True)))
        if center != "x"
        else data.replace(b"DS\2\x001 ", b"DS\2\0x ")
    )
    assert codes(data) == ["window-ignored"]
    np.testing.assert_array_equal(show(data).shown, scaled(FILM, 0, 4095))


def test_padding_is_taken_out_of_the_range_and_black() -> None:
    """Also as a range of values; in MONOCHROME1 too."""
    film = FILM // 2 + 700
    film[:20] = 4000
    film[20:30] = 3990
    expected = scaled(film, film[30:].min(), film[30:].max())
    for photometric in ("MONOCHROME2", "MONOCHROME1"):
        gray = shown(film, PhotometricInterpretation=photometric, PixelPaddingValue=4000, PixelPaddingRangeLimit=3990)
        assert gray[:30].max() == 0
        np.testing.assert_array_equal(gray[30:], expected[30:] if photometric == "MONOCHROME2" else 255 - expected[30:])


def test_a_film_of_padding_alone_is_shown_as_it_is() -> None:
    gray = shown(PixelPaddingValue=0, PixelPaddingRangeLimit=4095)
    np.testing.assert_array_equal(gray, scaled(FILM, 0, 4095))


@pytest.mark.parametrize("slope", ["2", "-2"])
def test_rescale_comes_before_the_window(slope: str) -> None:
    """Negative slopes exist."""
    gray = shown(RescaleSlope=slope, RescaleIntercept="100", WindowCenter="2100.5", WindowWidth="1000")
    if slope == "-2":
        gray = shown(RescaleSlope=slope, RescaleIntercept="8290", WindowCenter="2100.5", WindowWidth="1000")
    values = FILM * 2.0 + 100 if slope == "2" else 8290 - FILM * 2.0
    np.testing.assert_array_equal(gray, scaled(values, 1600.5, 2599.5))


def test_a_rescale_that_leaves_nothing_is_ignored() -> None:
    film = show(make_film(FILM, 12, RescaleSlope="0", RescaleIntercept="7"))
    np.testing.assert_array_equal(film.shown, scaled(FILM, 0, 4095))


def test_a_modality_table_replaces_the_rescale() -> None:
    table = (np.arange(4096) ** 2 // 4096).astype(np.uint16)
    gray = shown(ModalityLUTSequence=lut(table, 12), RescaleSlope="5", RescaleIntercept="0", **FULL)
    np.testing.assert_array_equal(gray, scaled(table[FILM], 0, 4095))


@pytest.mark.parametrize(
    ("top", "bits", "scale"), [(4095, 12, 4095), (4095, 16, 4095), (4095, 10, 4095), (3000, 12, 4095)]
)
def test_a_table_of_interest_is_scaled_by_its_bits_unless_they_lie(top: int, bits: int, scale: int) -> None:
    """Then by its own maximum; it goes before a window."""
    table = np.rint(np.linspace(0, 1, 4096) ** 2 * top).astype(np.uint16)
    film = show(make_film(FILM, 12, VOILUTSequence=lut(table, bits), WindowCenter="100", WindowWidth="10"))
    np.testing.assert_array_equal(film.shown, scaled(table[FILM], 0, scale))
    assert film.dicom is not None
    assert (film.dicom.voi, film.dicom.window) == ("table", None)


def test_values_beyond_a_table_have_its_ends() -> None:
    """It begins at its first value, which may be negative."""
    film = (FILM.astype(np.int16) - 2048).astype(np.int16)
    table = np.arange(1001, dtype=np.uint16)
    np.testing.assert_array_equal(
        shown(film, 12, VOILUTSequence=lut(table, 10, first=-500)), scaled(np.clip(film, -500, 500), -500, 523)
    )


@pytest.mark.parametrize("intercept", [-1, -60])
@pytest.mark.parametrize("has_background", [False, True])
def test_a_table_that_begins_high_is_not_taken_for_one_of_negative_values(intercept: int, has_background: bool) -> None:
    """Where a few possible values, or a background, become negative."""
    film = (FILM.astype(np.uint32) + 40000).astype(np.uint16)
    if has_background:
        film[:20] = 0
    table = lut(np.arange(4096, dtype=np.uint16), 12, first=40000 + intercept)
    gray = shown(film, 16, VOILUTSequence=table, RescaleSlope="1", RescaleIntercept=str(intercept))
    np.testing.assert_array_equal(gray, scaled(film, 40000, 44095))


@pytest.mark.parametrize(
    ("photometric", "shape", "is_inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", None, True),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME1", "IDENTITY", True),
    ],
)
def test_light_and_dark_are_exchanged_once(photometric: str, shape: str | None, is_inverted: bool) -> None:
    """MONOCHROME1 and the presentation's shape say the same."""
    tags = FULL | {"PhotometricInterpretation": photometric, "PixelIntensityRelationshipSign": -1}
    film = show(make_film(FILM, 12, **tags, **({"PresentationLUTShape": shape} if shape else {})))
    expected = scaled(FILM, 0, 4095)

    np.testing.assert_array_equal(film.shown, 255 - expected if is_inverted else expected)
    assert film.dicom is not None
    assert film.dicom.inverted is is_inverted


def test_inversion_comes_after_the_window() -> None:
    gray = shown(PhotometricInterpretation="MONOCHROME1", WindowCenter="1000", WindowWidth="502")
    np.testing.assert_array_equal(gray, np.rint(255 * (1 - np.clip((FILM - 749.0) / 501, 0, 1))))


def test_signed_values_keep_their_sign() -> None:
    film = (FILM.astype(np.int16) - 2048).astype(np.int16)
    np.testing.assert_array_equal(shown(film, 12), scaled(FILM, 0, 4095))


def test_bits_beside_the_stored_ones_are_no_pixels() -> None:
    """Neither above them, where an overlay may be, nor below."""
    above = FILM | 0xF000
    np.testing.assert_array_equal(shown(above, 12), scaled(FILM, 0, 4095))
    shifted = (FILM << 4) | 7
    np.testing.assert_array_equal(shown(shifted, 12, HighBit=15), scaled(FILM, 0, 4095))


@pytest.mark.parametrize("planar", [0, 1])
def test_a_colour_capture_becomes_gray_without_its_window(planar: int) -> None:
    """Its luma, with a warning where it is coloured."""
    colour = np.dstack([film_pixels(seed, 70, 90) for seed in range(3)])
    stored = colour if planar == 0 else np.ascontiguousarray(colour.transpose(2, 0, 1))
    dataset = make_dataset(colour, PlanarConfiguration=planar, WindowCenter="40", WindowWidth="5")
    dataset.PixelData = stored.tobytes()
    film = show(write(dataset))

    np.testing.assert_array_equal(film.shown, cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY))
    assert [warning.code for warning in film.warnings] == ["colour-image"]
    assert film.dicom is not None
    assert (film.dicom.voi, film.dicom.window) == (None, None)


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422"])
def test_luma_is_what_counts_of_ybr(photometric: str) -> None:
    luma = film_pixels(0, 70, 90)
    chroma = np.full_like(luma, 128)
    pixels = np.dstack([luma, chroma, chroma])
    dataset = make_dataset(pixels, PhotometricInterpretation=photometric)
    if photometric == "YBR_FULL_422":
        dataset.PixelData = (
            np.dstack([luma.reshape(-1, 2), chroma.reshape(-1, 2)[:, :2]])
            .reshape(-1, 2, 2)
            .transpose(0, 2, 1)
            .tobytes()
        )
    gray = show(write(dataset)).shown
    np.testing.assert_array_equal(gray, luma)


@pytest.mark.parametrize(
    ("tags", "size"),
    [
        ({"PixelSpacing": ["0.3", "0.2"]}, (180, 160)),
        ({"ImagerPixelSpacing": ["0.2", "0.3"]}, (120, 240)),
        ({"PixelAspectRatio": ["2", "1"]}, (240, 160)),
        ({"PixelSpacing": ["0", "0"], "PixelAspectRatio": ["2", "1"]}, (240, 160)),
        ({"PixelSpacing": ["0.2", "0.2"], "PixelAspectRatio": ["2", "1"]}, (120, 160)),
        ({"ImagerPixelSpacing": ["1.2", "1.201"]}, (120, 160)),
    ],
)
def test_a_film_of_oblong_pixels_is_shown_in_square_ones(tags: dict[str, Any], size: tuple[int, int]) -> None:
    """Vertical comes first in each of the tags; a thousandth is no difference."""
    film = show(make_film(FILM, 12, **tags))

    assert film.shown is not None
    assert film.shown.shape == size
    assert [warning.code for warning in film.warnings] == (["non-square-pixels"] if size != (120, 160) else [])


@pytest.mark.parametrize(
    ("tags", "came"),
    [
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "8 or 16 bits allocated. Received 32"),
        ({"BitsStored": 17}, "Received 17, up to bit"),
        ({"HighBit": 3}, "Received 12, up to bit 3"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "Received PALETTE COLOR"),
        ({"PhotometricInterpretation": "DOE"}, "Received another"),
        ({"SamplesPerPixel": 4}, "Received 4"),
        ({"Rows": 0}, "Expected rows and columns"),
        ({"Rows": 121}, "Expected 38720 bytes of pixels. Received 38400"),
        ({"PixelData": b""}, "without"),
    ],
)
def test_pixels_that_contradict_their_tags_are_refused(tags: dict[str, Any], came: str) -> None:
    with pytest.raises(UndecodableImage, match=came):
        shown(**tags)
