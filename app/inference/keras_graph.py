"""A Keras network → the same network with its maps as outputs.

Only the TensorFlow engine and training, which have Keras, import this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from app.errors import ArtifactRefused
from app.inference.manifest import MapsSpec

# Keras ships no types.
Network = Any
Layer = Any
Tensor = Any

_INERT = (
    keras.layers.Dropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
)


@dataclass(frozen=True)
class Head:
    """A piecewise linear head.

    `features` (N, rows, columns, channels) are `pooled` by global average, or flattened, into `dense`: Dense layers,
    all but the last with ReLU. `hidden` are the ReLU layers' outputs.
    """

    features: Tensor
    pooled: bool
    dense: tuple[Layer, ...]
    hidden: tuple[Tensor, ...]


def origin_of(tensor: Tensor) -> tuple[Layer, Tensor | None]:
    """Return the operation behind a symbolic tensor, and its input; None for several.

    A layer's own `input` and `output` fail where it is used twice, and a nested network's belong to its inside.
    """
    history = tensor._keras_history
    given = history.operation._inbound_nodes[history.node_index].input_tensors
    return history.operation, given[0] if len(given) == 1 else None


def skip_inert(tensor: Tensor) -> Tensor:
    """Return the tensor before operations, such as Dropout, that change nothing at inference."""
    operation, given = origin_of(tensor)
    while _is_inert(operation):
        tensor = given
        operation, given = origin_of(tensor)
    return tensor


def _is_inert(operation: Layer) -> bool:
    if isinstance(operation, keras.layers.Activation):
        return operation.activation is keras.activations.linear
    # Keras adds ConvertToTensor, which has no public name, where a network is called on a symbolic tensor.
    return isinstance(operation, _INERT) or type(operation).__name__ == "ConvertToTensor"


def find_head(network: Network) -> Head | None:
    """Return the head between feature maps and `logit`; None where it is not piecewise linear.

    Raises:
        ArtifactRefused: no layer `logit` that is Dense(1) without an activation.
    """
    try:
        layer = network.get_layer("logit")
    except ValueError:
        layer = None
    is_logit = isinstance(layer, keras.layers.Dense) and layer.units == 1
    if not is_logit or layer.activation is not keras.activations.linear:
        raise ArtifactRefused(
            "Expected a network with a layer named 'logit' that is Dense(1) without an activation. It has none."
        )
    dense: list[Layer] = [layer]
    hidden: list[Tensor] = []
    tensor = skip_inert(origin_of(layer.output)[1])
    layer, given = origin_of(tensor)
    while isinstance(layer, keras.layers.Dense) and layer.activation is keras.activations.relu:
        dense.insert(0, layer)
        hidden.insert(0, tensor)
        tensor = skip_inert(given)
        layer, given = origin_of(tensor)
    if not isinstance(layer, (keras.layers.Flatten, keras.layers.GlobalAveragePooling2D)):
        return None
    features = skip_inert(given)
    if not has_pixels(features) or layer.data_format != "channels_last":
        return None
    return Head(features, isinstance(layer, keras.layers.GlobalAveragePooling2D), tuple(dense), tuple(hidden))


def has_pixels(tensor: Tensor) -> bool:
    """Return whether a symbolic tensor is (N, rows, columns, channels) with several pixels."""
    shape = tensor.shape
    return len(shape) == 4 and None not in shape[1:] and shape[1] * shape[2] > 1


class NetworkWithMaps(keras.Model):  # type: ignore[misc]  # Keras ships no types
    """A network with outputs [logit, cam, cam_bias, *layers, channel_means], without what `maps` does not name."""

    def __init__(self, network: Network, maps: MapsSpec) -> None:
        super().__init__(name="network_with_maps")
        head = find_head(network) if maps.cam is not None else None
        if head is None and maps.cam is not None:
            raise ArtifactRefused("Expected a network whose logit can be attributed to its feature maps. It cannot.")
        hidden = [] if head is None else [head.features, *head.hidden]
        layers = [network.get_layer(name).output for name in maps.layers]
        if maps.channel_means:
            averaged = [
                keras.layers.GlobalAveragePooling2D()(network.get_layer(name).output) for name in maps.channel_means
            ]
            layers.append(keras.layers.Concatenate()(averaged))
        self._head, self._hidden = head, len(hidden)
        self.taps = keras.Model(network.inputs, [network.get_layer("logit").output, *hidden, *layers])

    def call(self, films: Any) -> list[Any]:
        """Return the outputs for films (N, height, width, 1), 0 to 255."""
        # For a single output Keras returns no list.
        logit, *rest = keras.tree.flatten(self.taps(films, training=False))
        if self._head is None:
            return [logit, *rest]
        (features, *hidden), layers = rest[: self._hidden], rest[self._hidden :]
        cam = _attribute(self._head, features, hidden)
        bias = keras.ops.reshape(logit, (-1,)) - keras.ops.sum(cam, axis=(1, 2))
        return [logit, cam, bias, *layers]


def _attribute(head: Head, features: Any, hidden: list[Any]) -> Any:
    """Return activation × gradient of the logit, summed over channels.

    The head is piecewise linear, so map and bias sum to the logit exactly; with one Dense on pooled features this is
    the class activation map of Zhou et al. 2016.
    """
    ops = keras.ops
    _, rows, columns, channels = features.shape
    gradient = ops.reshape(head.dense[-1].kernel, (1, -1))
    for dense, output in zip(head.dense[-2::-1], hidden[::-1], strict=True):
        active = ops.cast(output > 0, output.dtype)
        gradient = ops.matmul(gradient * active, ops.transpose(dense.kernel))
    if head.pooled:
        gradient = ops.reshape(gradient, (-1, 1, 1, channels)) / (rows * columns)
    else:
        gradient = ops.reshape(gradient, (-1, rows, columns, channels))
    return ops.sum(features * gradient, axis=-1)
