"""A lung network learns from pairs, and its Dice coefficient is that of the films held out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from tests.training.drawn_sources import draw, draw_lungs
from training.augmentation.lungs import mask_of_lungs, shrink_to_mask
from training.data.lung_pairs import LungPairs
from training.fitting.lungs import LungTraining, compute_dice, fit_lungs
from training.networks.lungs import find_masks

PAIRS = LungPairs(
    np.stack([draw(number % 2, number) for number in range(12)]),
    np.stack([draw(number % 2, number, "lungs") for number in range(12)]),
    np.arange(12) >= 8,
)
SHORT = LungTraining(steps=15, batch_size=6, steps_a_line=10)


def test_dice_is_twice_the_shared_area_by_both() -> None:
    """The mean over films; two empty masks share nothing."""
    masks = np.zeros((3, 4, 4), np.uint8)
    found = masks.copy()
    masks[0, :2], found[0, 1:3] = 255, 128
    masks[1], found[1] = 255, 255
    found[1, 0, 0] = 127
    assert compute_dice(masks, found) == pytest.approx((0.5 + 30 / 31 + 0) / 3)


@pytest.mark.long
def test_a_lung_network_learns_to_find_lungs() -> None:
    """The printed Dice coefficient is that of the validation films, after the last step."""
    console = Console(record=True, file=io.StringIO(), width=120)
    network, dice = fit_lungs(PAIRS, seed=1, training=SHORT, console=console)
    masks = np.stack([mask_of_lungs(film) for film in PAIRS.lungs])
    found = find_masks(network, PAIRS.whole)
    assert dice == pytest.approx(compute_dice(masks[8:], found[8:]), abs=1e-3)
    lines = console.export_text().splitlines()
    assert [line.split(":")[0] for line in lines] == ["Step 10 of 15", "Step 15 of 15"]
    assert f"validation Dice {dice:.4f}" in lines[-1]
    lungs, outside = (
        np.mean(
            [float(mask[(shrink_to_mask(draw_lungs(n % 2, n)) > 127) == side].mean()) for n, mask in enumerate(found)]
        )
        for side in (True, False)
    )
    assert lungs > outside + 15
