"""Which maps a Keras network gets in its serving form."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from app.inference.keras_graph import Network, find_head, has_pixels, origin_of
from app.inference.manifest import CamSpec, MapsSpec


def maps_of(network: Network, layers: Sequence[str] | None = None, *, has_gate: bool = False) -> MapsSpec:
    """Return the maps of a Keras functional model with a layer `logit`.

    `layers` get activation maps; None: every Conv2D layer of several pixels that is used once. With `has_gate`, the
    channel means of every ReLU layer are an output too: those that the engine computes anyway.
    """
    means = [layer.name for layer in network.layers if isinstance(layer, keras.layers.ReLU)] if has_gate else []
    if layers is None:
        found = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
        layers = [layer.name for layer in found if len(layer._inbound_nodes) == 1 and has_pixels(layer.output)]
    head = find_head(network)
    if head is None:
        return MapsSpec(layers=list(layers), channel_means=means)
    linear = len(head.dense) == 1 and head.pooled
    method = "class activation map (Zhou 2016)" if linear else "gradient x activation through the dense head"
    cam = CamSpec(method=method, layer=origin_of(head.features)[0].name, exact=True)
    return MapsSpec(layers=list(layers), cam=cam, channel_means=means)
