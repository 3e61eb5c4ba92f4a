"""A map that finds what the logit depends on wins over a random order, and over the centre first."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.progress import Progress

from app.inference.engine import Floats, Maps
from app.names import EngineName
from training.audit.deletion import ExplainedFilms, measure_curves, order_cells
from training.audit.explanations_record import Curve
from training.audit.explanations_text import judge

SIDE, CELLS = 40, 4
FILMS = np.random.default_rng(1).integers(0, 60, (6, SIDE, SIDE), np.uint8)
FILMS[:, :10, :10] = 250


class CornerEngine:
    """Its logit is the mean gray of the corner at the top left, which 4 × 4 cells have as their first; plus `bias`."""

    name: EngineName = "openvino"

    def __init__(self, sign: int) -> None:
        self._sign = sign

    def logits(self, films: NDArray[np.uint8]) -> Floats:
        """See `Engine.logits`."""
        return (films[:, :10, :10].mean(axis=(1, 2)) / 100 * self._sign).astype(np.float32)

    def maps(self, films: NDArray[np.uint8], *, cam: bool, layers: bool) -> Maps:
        """See `Engine.maps`."""
        raise NotImplementedError


def measure(engine: CornerEngine, place: tuple[int, int], *, is_pneumonia: bool) -> dict[tuple[str, str], Curve]:
    """Measure curves by maps with all evidence at one place."""
    maps = np.zeros((len(FILMS), CELLS, CELLS), np.float32)
    maps[:, *place] = 1 if is_pneumonia else -1
    explained = ExplainedFilms(FILMS, maps, np.full(len(FILMS), is_pneumonia), np.arange(len(FILMS)))
    curves = measure_curves(engine, explained, Progress(disable=True))
    return {(curve.kind, curve.replaced_by): curve for curve in curves}


@pytest.mark.parametrize("is_pneumonia", [True, False])
def test_the_right_place_wins_both_curves(is_pneumonia: bool) -> None:
    """For either class, with either replacement; the ends are those of the film and of the replaced film."""
    curves = measure(CornerEngine(1 if is_pneumonia else -1), (0, 0), is_pneumonia=is_pneumonia)
    assert len(curves) == 4
    for curve in curves.values():
        assert curve.predicted == ("PNEUMONIA" if is_pneumonia else "NORMAL")
        assert curve.intact == pytest.approx(2.5)
        assert curve.replaced < 2.2
        assert judge(curve, "random") == "wins"
        assert judge(curve, "centre first") == "wins"


def test_the_wrong_place_loses_to_the_centre() -> None:
    """Evidence where the logit falls the other way."""
    for curve in measure(CornerEngine(-1), (0, 0), is_pneumonia=True).values():
        assert judge(curve, "random") == "loses"
        assert judge(curve, "centre first") == "loses"


def test_the_area_is_a_mean_of_the_logit() -> None:
    """Deleted first, the corner counts for half of the first of ten parts alone; inserted first, for all but that."""
    curves = measure(CornerEngine(1), (0, 0), is_pneumonia=True)
    curve = curves["deletion", "its mean gray"]
    first = 2 / 16
    expected = curve.replaced + (curve.intact - curve.replaced) * first / 2
    assert curve.areas["map"].value == pytest.approx(expected, abs=1e-5)
    curve = curves["insertion", "its mean gray"]
    expected = curve.intact - (curve.intact - curve.replaced) * first / 2
    assert curve.areas["map"].value == pytest.approx(expected, abs=1e-5)


def test_every_order_has_each_cell_once() -> None:
    """By the map, the most evidence for the predicted class first; from the centre, its four cells first."""
    cam = np.random.default_rng(4).normal(size=(4, 4)).astype(np.float32)
    by_map, chance, centre = order_cells(cam, is_pneumonia=True, rng=np.random.default_rng(0))
    away, *_ = order_cells(cam, is_pneumonia=False, rng=np.random.default_rng(0))
    for order in (by_map, chance, centre, away):
        assert sorted(order.tolist()) == list(range(16))
    assert (np.diff(cam.ravel()[by_map]) <= 0).all()
    assert (np.diff(cam.ravel()[away]) >= 0).all()
    assert set(centre[:4].tolist()) == {5, 6, 9, 10}
