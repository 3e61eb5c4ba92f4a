"""Maps: their geometry, colours and content."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from app.inference.engine import Maps
from app.inference.explain import OCCLUSION_CELLS, ActivationMap, Evidence, occlude, plot_cam, plot_layer
from tests.conftest import film_pixels

FILM = film_pixels(0, 150, 150)


def picture(plot: ActivationMap) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(plot.png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert (plot.width, plot.height) == (pixels.shape[1], pixels.shape[0])
    return pixels


def plasma(gray: Any) -> np.ndarray:
    return cv2.applyColorMap(np.asarray(gray, np.uint8), cv2.COLORMAP_PLASMA)


def cam_over(film: np.ndarray, cam: Any) -> np.ndarray:
    return picture(plot_cam(film, Evidence(np.asarray(cam, np.float32), 1.0, "m"))).astype(int)


@pytest.mark.parametrize(
    ("channels", "bands", "across"), [(1, 1, 1), (8, 1, 8), (16, 1, 16), (17, 2, 16), (20, 2, 16), (64, 4, 16)]
)
def test_channels_stand_sixteen_a_row_in_their_order(channels: int, bands: int, across: int) -> None:
    """Standardised, × 64 + 128, clipped, in plasma; spare tiles are gray 0."""
    rng = np.random.default_rng(0)
    activations = rng.gamma(0.3, 2.0, (5, 7, channels)).astype(np.float32)
    sheet = picture(plot_layer("conv", activations))
    assert sheet.shape == (bands * 5, across * 7, 3)
    for place in range(bands * across):
        row, column = place // 16 * 5, place % 16 * 7
        shown = sheet[row : row + 5, column : column + 7]
        if place < channels:
            channel = activations[..., place].astype(np.float64)
            gray = np.clip((channel - channel.mean()) / channel.std() * 64 + 128, 0, 255)
            near = [plasma(np.clip(np.floor(gray + offset), 0, 255)) for offset in (-1e-3, 1e-3)]
            assert all(
                np.array_equal(shown[y, x], near[0][y, x]) or np.array_equal(shown[y, x], near[1][y, x])
                for y in range(5)
                for x in range(7)
            )
        else:
            assert np.array_equal(shown, plasma(np.zeros((5, 7))))


@pytest.mark.parametrize("value", [0.0, 0.1, 3.3, -7.7, 1e-6, 1e6])
def test_a_channel_that_is_the_same_everywhere_is_mid_gray(value: float) -> None:
    """Whatever its value, rounding makes no pattern of it."""
    activations = np.full((38, 38, 3), value, np.float32)
    activations[0, 0, 1] += 1 + abs(value)
    sheet = picture(plot_layer("conv", activations))
    for place in (0, 2):
        assert np.array_equal(sheet[:, place * 38 : place * 38 + 38], plasma(np.full((38, 38), 128)))
    assert len(np.unique(sheet[:, 38:76].reshape(-1, 3), axis=0)) == 2


def test_a_layer_tells_its_name_and_no_values() -> None:
    plot = plot_layer("conv2", np.zeros((4, 4, 8), np.float32))
    assert (plot.kind, plot.method, plot.layer) == ("layer", "activations", "conv2")
    assert plot.evidence is None


def test_a_cam_has_the_size_of_its_film_and_names_its_method() -> None:
    evidence = Evidence(np.ones((2, 3), np.float32), 1.0, "m", "conv", -0.25)
    plot = plot_cam(film_pixels(0, 120, 180), evidence)
    assert picture(plot).shape == (120, 180, 3)
    assert (plot.kind, plot.method, plot.layer) == ("cam", "m", "conv")
    assert plot.evidence is evidence


def test_a_zero_map_leaves_the_film_bare() -> None:
    assert np.array_equal(cam_over(FILM, np.zeros((9, 9))), np.dstack([FILM] * 3))


def test_a_part_without_weight_stays_bare() -> None:
    cam = np.zeros((10, 10))
    cam[:3, :3] = 1
    plot = cam_over(FILM, cam)
    assert np.array_equal(plot[90:, 90:], np.dstack([FILM] * 3)[90:, 90:])
    assert np.abs(plot[15, 15] - FILM[15, 15]).max() > 10


def test_orange_speaks_for_pneumonia_and_blue_against_it() -> None:
    film = np.full((150, 150), 128, np.uint8)
    blue, _, red = np.moveaxis(cam_over(film, [[1, 1, -1, -1]] * 4), -1, 0)
    assert (red[:, :50] > blue[:, :50]).all()
    assert (blue[:, 100:] > red[:, 100:]).all()


def test_a_colour_means_the_same_evidence_on_every_film() -> None:
    """A hundredth of the evidence gives a hundredth of the cover; what is beyond the scale shows the film through."""
    film = np.full((150, 150), 200, np.uint8)
    covered = cam_over(film, np.ones((9, 9)))
    expected = 200 * 0.35 + np.array((0, 94, 213)) * 0.65
    assert np.abs(covered - expected).max() <= 0.5
    assert np.array_equal(cam_over(film, np.full((9, 9), 40.0)), covered)
    assert np.abs(cam_over(film, np.full((9, 9), 0.01)) - 200).max() <= 2


class OnePlace:
    """An engine whose logit is the brightness of one place; it counts its films."""

    name = "openvino"

    def __init__(self, rows: slice | int, columns: slice | int) -> None:
        self.place = (slice(None), rows, columns)
        self.largest_batch = 0

    def logits(self, films: np.ndarray) -> np.ndarray:
        assert films.dtype == np.uint8
        self.largest_batch = max(self.largest_batch, len(films))
        return films[self.place].mean(axis=(1, 2)).astype(np.float32) / 255

    def maps(self, films: np.ndarray, *, cam: bool, layers: bool) -> Maps:
        raise NotImplementedError


@pytest.mark.parametrize(("row", "column"), [(0, 0), (4, 7), (9, 9), (9, 0)])
def test_occlusion_finds_the_one_place_that_matters(row: int, column: int) -> None:
    film = np.full((150, 150), 40, np.uint8)
    rows, columns = (slice(at * 15, at * 15 + 15) for at in (row, column))
    film[rows, columns] = 240
    engine = OnePlace(rows, columns)
    fall = occlude(engine, film).cam
    assert fall.shape == (OCCLUSION_CELLS, OCCLUSION_CELLS)
    assert np.unravel_index(fall.argmax(), fall.shape) == (row, column)
    # Covered whole with the film's mean gray, 42: from 240/255 to 42/255.
    assert fall.max() == pytest.approx((240 - 42) / 255, abs=1e-6)
    far = np.ones_like(fall, bool)
    far[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = False
    assert np.unique(fall[far]).tolist() == [0.0]
    assert engine.largest_batch <= 16


def test_occlusion_covers_films_of_any_size_to_the_edge() -> None:
    """Also where sides are no multiple of the cells."""
    film = np.full((133, 97), 10, np.uint8)
    film[-1, -1] = 250
    fall = occlude(OnePlace(slice(-1, None), slice(-1, None)), film).cam
    assert np.unravel_index(fall.argmax(), fall.shape) == (9, 9)


def test_occlusion_of_a_uniform_film_is_zero() -> None:
    fall = occlude(OnePlace(slice(None), slice(None)), np.full((150, 150), 77, np.uint8)).cam
    assert np.array_equal(fall, np.zeros((10, 10)))
