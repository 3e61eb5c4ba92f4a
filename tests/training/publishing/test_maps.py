"""Which maps a Keras network gets in its serving form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from keras import layers

from app.inference.manifest import CamSpec, MapsSpec
from tests.inference.small_networks import BODIES, network
from training.publishing.maps import maps_of

GRADIENT = "gradient x activation through the dense head"


@pytest.mark.parametrize(
    ("name", "method", "layer"),
    [
        ("pooled", "class activation map (Zhou 2016)", "conv"),
        ("pooled with dropout", "class activation map (Zhou 2016)", "conv"),
        ("flat", GRADIENT, "conv"),
        ("pooled, two dense", GRADIENT, "conv"),
    ],
)
def test_the_method_is_named_after_the_head(name: str, method: str, layer: str) -> None:
    """One dense layer on pooled features is the map of Zhou 2016; anything longer goes by the gradient."""
    assert maps_of(network(BODIES[name])).cam == CamSpec(method=method, layer=layer, exact=True)


@pytest.mark.parametrize(
    "body",
    [
        lambda x: layers.Dense(4, "tanh")(layers.Flatten()(x)),
        lambda x: layers.GlobalMaxPooling2D()(x),
        lambda x: layers.Flatten()(layers.GlobalAveragePooling2D()(x)),
        lambda x: layers.Flatten()(layers.GlobalAveragePooling2D(keepdims=True)(x)),
        lambda x: layers.Flatten()(layers.Conv2D(2, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x))),
        lambda x: layers.Flatten(data_format="channels_first")(x),
        lambda x: layers.Concatenate()([layers.Flatten()(x), layers.Flatten()(x)]),
        lambda x: layers.BatchNormalization()(layers.GlobalAveragePooling2D()(x)),
    ],
)
def test_any_other_head_is_left_to_occlusion(body: Callable[..., Any]) -> None:
    """Nothing is claimed of it; its layers are offered all the same."""
    assert maps_of(network(body)) == MapsSpec(layers=["conv"], cam=None)
