"""Weights are randomised from the top, one layer a step, and never twice the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.progress import Progress

from app.inference.artifact import Entry, find_entry
from tests.conftest import film_pixels
from training.audit.randomisation import DRAWS, list_steps, measure_randomisation, randomise
from training.networks.pneumonet import build_pneumonet

STEPS = [["logit"], ["stage1_block1_b_norm", "stage1_block1_b_conv"], ["stage1_block1_a_norm", "stage1_block1_a_conv"]]
STEPS += [["stem_norm", "stem_conv"]]


@pytest.fixture
def network() -> Any:
    """A small residual network whose weights are all 7."""
    small = build_pneumonet(40, 40, stem=4, stages=((4, 1),))
    small.set_weights([np.full_like(weight, 7) for weight in small.get_weights()])
    return small


def test_the_steps_go_from_the_logit_to_the_first_convolution(network: Any) -> None:
    """A normalisation goes with its convolution; the fixed blur is no step."""
    assert list_steps(network) == STEPS


def test_each_step_randomises_its_own_layers_alone(network: Any) -> None:
    """And keeps those of the steps before; what was not trained stays."""
    for done, _ in enumerate(randomise(network, STEPS, seed=1), start=1):
        random = {name for step in STEPS[:done] for name in step}
        for layer in network.layers:
            for weight in layer.get_weights():
                assert (weight == 7).all() == (layer.name not in random)


def test_another_seed_gives_other_weights(network: Any) -> None:
    """The same one the same."""
    kernels = []
    for seed in (1, 1, 2):
        list(randomise(network, STEPS, seed))
        kernels.append(network.get_layer("stem_conv").get_weights()[0])
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.allclose(kernels[0], kernels[2])


@pytest.fixture
def entry(tiny_store: Path) -> Entry:
    """An untrained network that is pooled."""
    return find_entry(tiny_store, "pooled")


@pytest.mark.long
def test_the_maps_of_a_randomised_network_are_compared_with_the_original(entry: Entry) -> None:
    """Every step, over all draws; absolute means are no smaller than signed ones."""
    films = np.stack([film_pixels(seed, 150, 150) for seed in range(4)])
    found = measure_randomisation(
        entry.folder / "model.keras", entry.manifest.maps, films, np.arange(4), Progress(disable=True)
    )
    assert (found.films, found.draws) == (4, DRAWS)
    assert [step.layers[-1] for step in found.steps] == ["logit", "conv2", "conv1"]
    for step in found.steps:
        for name in ("rank_correlation", "ssim"):
            signed, absolute = getattr(step, name), getattr(step, f"absolute_{name}")
            assert abs(signed.value) <= absolute.value <= 1
            assert signed.low < signed.high
        assert step.is_below == (max(step.absolute_rank_correlation.value, step.absolute_ssim.value) < 0.3)
