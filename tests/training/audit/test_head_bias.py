"""The bias of a head is computed from its weights, whatever the map."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from app.inference.keras_graph import NetworkWithMaps
from tests.inference.small_networks import BODIES, FILMS, network
from training.audit.explanations import check_sum
from training.audit.head_bias import compute_head_biases
from training.evaluation.logits import Cams
from training.publishing.maps import maps_of


@pytest.mark.parametrize("name", BODIES)
def test_a_map_fits_and_a_nonsense_map_does_not(name: str) -> None:
    """With the bias that the serving graph would answer, the nonsense map, twice as strong, would fit too."""
    model = network(BODIES[name])
    logits, cam, _, _ = (np.asarray(part) for part in NetworkWithMaps(model, maps_of(model))(FILMS))
    biases = compute_head_biases(model, FILMS[..., 0].astype(np.uint8))
    check = check_sum(Cams(logits[:, 0], cam), biases)
    assert check.largest_difference < 1e-4
    nonsense = check_sum(Cams(logits[:, 0], 2 * cam), biases)
    assert nonsense.largest_difference > nonsense.allowed


def test_the_bias_of_one_dense_is_its_weight() -> None:
    """For every film."""
    model = network(BODIES["pooled"])
    expected = model.get_layer("logit").bias.numpy()[0]
    assert compute_head_biases(model, FILMS[..., 0].astype(np.uint8)) == pytest.approx([expected] * len(FILMS))


def test_a_head_that_is_not_piecewise_linear_is_refused() -> None:
    model = network(lambda x: keras.layers.Dense(4, "tanh")(keras.layers.Flatten()(x)))
    with pytest.raises(ValueError, match="Expected a network with a piecewise linear head"):
        compute_head_biases(model, FILMS[..., 0].astype(np.uint8))
