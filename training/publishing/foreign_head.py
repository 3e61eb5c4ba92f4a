"""A network's last layers → one logit of PNEUMONIA, by an exact rewrite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactRefused
from app.inference.keras_graph import Layer, Network, Tensor, origin_of, skip_inert

Class = Literal[0, 1]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """A network's end: `activation(features @ kernel + bias)`, a sigmoid, softmax or linear.

    `features` is symbolic (N, C), `kernel` (C, units), `bias` (units,), for one unit or two.
    """

    activation: str
    features: Tensor
    kernel: Floats
    bias: Floats

    @property
    def units(self) -> int:
        """Outputs, 1 or 2."""
        return int(self.bias.size)

    def make_logit(self, pneumonia_is: Class) -> Tensor:
        """Return the logit of PNEUMONIA, of a Dense(1) layer `logit`; `pneumonia_is` as in `Conventions`.

        The sigmoid of two logits' difference is their softmax; that of a negative logit is 1 - sigmoid.
        """
        if self.units == 2:
            kernel = self.kernel[:, pneumonia_is] - self.kernel[:, 1 - pneumonia_is]
            bias = self.bias[pneumonia_is] - self.bias[1 - pneumonia_is]
        else:
            sign = 1 if pneumonia_is == 1 else -1
            kernel, bias = sign * self.kernel[:, 0], sign * self.bias[0]
        dense = keras.layers.Dense(1, name="logit")
        logit = dense(self.features)
        dense.set_weights([kernel.reshape(-1, 1), bias.reshape(1)])
        return logit

    def read_probability(self, outputs: Floats, pneumonia_is: Class) -> Floats:
        """Return P(PNEUMONIA) (N,) from the network's own outputs (N, units)."""
        if self.activation == "linear":
            squash = keras.ops.sigmoid if self.units == 1 else keras.ops.softmax
            outputs = np.asarray(squash(outputs))
        if self.units == 2:
            return outputs[:, pneumonia_is]
        return outputs[:, 0] if pneumonia_is == 1 else 1 - outputs[:, 0]

    def describe(self, pneumonia_is: Class) -> str:
        """Return a sentence on which output is taken for PNEUMONIA."""
        other = 1 - pneumonia_is
        order = ("first", "second")[pneumonia_is]
        where = f"an output near {pneumonia_is}" if self.units == 1 else f"the {order} of its two outputs"
        return f"PNEUMONIA: class {pneumonia_is}, {where}. Where it is class {other}, add --pneumonia-is {other}."


def read_head(answer: Tensor, *, is_logit: bool) -> Head:
    """Find the last layers behind a network's symbolic output.

    Raises:
        ArtifactRefused: neither a sigmoid of one output nor a softmax of two nor, with `is_logit`, plain.
    """
    if len(answer.shape) != 2 or answer.shape[1] not in (1, 2):
        raise ArtifactRefused(
            "Expected a network that answers a film with one number, or with two for NORMAL and PNEUMONIA. "
            f"This one answers {' × '.join(str(side) for side in answer.shape[1:])}."
        )
    units = answer.shape[1]
    tensor = _enter(answer)
    layer, given = origin_of(tensor)
    activation = _name_activation(layer)
    if activation != ("linear" if is_logit else "sigmoid" if units == 1 else "softmax"):
        raise ArtifactRefused(_explain(activation, layer.name, units, is_logit=is_logit))
    of_dense = activation
    if activation != "linear" and not isinstance(layer, keras.layers.Dense):
        # The activation stands alone.
        tensor, of_dense = _enter(given), "linear"
        layer, given = origin_of(tensor)
    if isinstance(layer, keras.layers.Dense) and _name_activation(layer) == of_dense:
        bias = np.zeros(units, np.float32) if layer.bias is None else np.asarray(layer.bias, np.float32)
        return Head(activation, given, np.asarray(layer.kernel, np.float32), bias)
    return Head(activation, tensor, np.eye(units, dtype=np.float32), np.zeros(units, np.float32))


def inline(network: Network, tensor: Tensor) -> Tensor:
    """Call a network so that its layers, not itself, join the graph, and return its output.

    As at inference: some of Keras' augmentation layers take a plain call for training.
    """
    return keras.tree.flatten(network.call(pack(network, tensor), training=False))[0]


def pack(network: Network, tensor: Tensor) -> Any:
    """Put a network's one input into its structure: a dict or list of one, say."""
    if isinstance(network, keras.Sequential):
        return tensor
    return keras.tree.pack_sequence_as(network.input, [tensor])


def _enter(tensor: Tensor) -> Tensor:
    """Walk back over inert layers, into networks that are layers, to the operation that decides the answer."""
    tensor = skip_inert(tensor)
    layer, given = origin_of(tensor)
    while isinstance(layer, keras.Model) and given is not None and len(layer.outputs) == 1:
        tensor = skip_inert(inline(layer, given))
        layer, given = origin_of(tensor)
    return tensor


def _name_activation(layer: Layer) -> str:
    # Operations of keras.ops; softmax is a layer too.
    name = type(layer).__name__.lower()
    if name in ("sigmoid", "softmax"):
        return name
    activation = getattr(layer, "activation", None) or keras.activations.linear
    return getattr(activation, "__name__", type(activation).__name__)


def _explain(activation: str, layer: str, units: int, *, is_logit: bool) -> str:
    if is_logit:
        return f"Expected no activation at the end, as --logits says. The layer {layer!r} has {activation}."
    wanted = "a sigmoid at the end" if units == 1 else "a softmax at the end of two outputs"
    if activation == "linear":
        return f"Expected {wanted}. Received plain outputs of {layer!r}: where they are logits, add --logits."
    why = {
        (1, "softmax"): ", and a softmax of one output is 1 whatever the film",
        (2, "sigmoid"): ", and two sigmoids need not sum to 1",
    }.get((units, activation), "")
    return f"Expected {wanted}. The layer {layer!r} has {activation}{why}."
