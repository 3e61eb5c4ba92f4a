"""A Keras network from elsewhere → the same numbers in the service's form.

It takes gray films (N, height, width, 1) in 0 to 255, and ends in a Dense(1) `logit` and the sigmoid `probability` of
PNEUMONIA.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from app.errors import ArtifactRefused
from app.inference.keras_graph import Layer, Network, Tensor
from training.publishing.foreign_head import Class, inline, pack, read_head

Scale = Literal["none", "0-1", "-1-1", "torch", "caffe"]
Floats = NDArray[np.float32]

MAX_SIDE = 4096
"""Pixels a side of an entry's films; see `InputSpec`."""

_MEAN, _DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
# Factor and offset of a Rescaling. The last two are ImageNet's, from keras.applications.imagenet_utils, by channel;
# that `caffe` also turns RGB into BGR changes nothing on gray films.
_SCALES: dict[Scale, tuple[float | list[float], float | list[float]]] = {
    "0-1": (1 / 255, 0.0),
    "-1-1": (1 / 127.5, -1.0),
    "torch": ((1 / (255 * _DEVIATION)).tolist(), (-_MEAN / _DEVIATION).tolist()),
    "caffe": ([1.0, 1.0, 1.0], [-103.939, -116.779, -123.68]),
}


@dataclass(frozen=True)
class Conventions:
    """What a network's file does not say.

    Attributes:
        pneumonia_is: PNEUMONIA's class number: the index of one of two outputs, or what one output counts.
        scale: of pixels before the network: `none` leaves 0 to 255; `torch` and `caffe` are ImageNet's.
        size: (height, width) of films, pixels; None: its input's.
        is_logit: trained from logits, with no sigmoid or softmax at the end.
    """

    pneumonia_is: Class = 1
    scale: Scale = "none"
    size: tuple[int, int] | None = None
    is_logit: bool = False


def read_size(text: str | None) -> tuple[int, int] | None:
    """Read HEIGHTxWIDTH, or one number for both, 1 to 4096 pixels.

    Raises:
        ArtifactRefused: another text.
    """
    if text is None:
        return None
    sides = re.fullmatch(r"([0-9]{1,4})(?:x([0-9]{1,4}))?", text)
    if sides is None or not all(1 <= int(side) <= MAX_SIDE for side in sides.groups(sides[1])):
        raise ArtifactRefused(f"Expected a size such as 224x224, up to {MAX_SIDE} pixels a side. Received {text!r}.")
    return int(sides[1]), int(sides[2] or sides[1])


class Adapted(NamedTuple):
    """A network in the service's form.

    `answer` computes P(PNEUMONIA) (N,) of films (N, height, width, 1) by the original network; `notes` are sentences on
    what was taken for what.
    """

    network: Network
    answer: Callable[[Floats], Floats]
    notes: list[str]


def adapt(foreign: Network, conventions: Conventions) -> Adapted:
    """Rewrite a network without changing an answer.

    It is Sequential or functional, with one input (N, height, width, 1 or 3) and one output; its weights stay shared,
    its layers may be renamed.

    Raises:
        ArtifactRefused: it cannot be rewritten exactly.
    """
    height, width, channels = _read_input(foreign, conventions)
    film = keras.Input((height, width, 1), name="film")
    pixels = film if channels == 1 else keras.layers.Concatenate(name="three_channels")([film] * channels)
    if conventions.scale != "none":
        pixels = keras.layers.Rescaling(*_SCALES[conventions.scale], name="scaled")(pixels)
    output = inline(foreign, pixels)
    head = read_head(output, is_logit=conventions.is_logit)
    logit = head.make_logit(conventions.pneumonia_is)
    probability = keras.layers.Activation("sigmoid", name="probability")(logit)
    _name_apart(probability)
    front = keras.Model(film, pixels)

    def answer(films: Floats) -> Floats:
        outputs = keras.tree.flatten(foreign(pack(foreign, front(films)), training=False))[0]
        return head.read_probability(np.asarray(outputs, np.float32), conventions.pneumonia_is)

    notes = [
        f"Input: {height} × {width} pixels{', the gray film in three channels' if channels == 3 else ''}, "
        f"{'0 to 255' if conventions.scale == 'none' else f'scaled as --scale {conventions.scale} says'}.",
        head.describe(conventions.pneumonia_is),
    ]
    scales_itself = _scales(foreign.outputs[0])
    if conventions.scale == "none" and not scales_itself:
        notes.append(
            "No layer seems to scale the pixels. If they were divided by 255 before training, add --scale 0-1."
        )
    if conventions.scale != "none" and scales_itself:
        notes.append("A layer seems to scale the pixels once more. If the network takes 0 to 255, leave --scale out.")
    return Adapted(keras.Model(film, probability), answer, notes)


def _read_input(foreign: Network, conventions: Conventions) -> tuple[int, int, int]:
    """Return height, width and channels of a network's films."""
    inputs, outputs = getattr(foreign, "inputs", None), getattr(foreign, "outputs", None)
    if not inputs or not outputs:
        raise ArtifactRefused("Expected a Sequential or functional network with weights. This one was saved unbuilt.")
    if len(inputs) != 1 or len(outputs) != 1:
        raise ArtifactRefused(
            f"Expected a network with one input and one output. This one has {len(inputs)} and {len(outputs)}."
        )
    shape = inputs[0].shape
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise ArtifactRefused(f"Expected an input (N, height, width, 1) or (N, height, width, 3). Received {shape}.")
    sides = conventions.size or shape[1:3]
    if None in sides:
        raise ArtifactRefused(f"Expected --size, as the network's input {shape} leaves it open.")
    if any(own not in (None, side) for own, side in zip(shape[1:3], sides, strict=True)):
        raise ArtifactRefused(f"Expected the size of the network's input, {shape}. Received {sides[0]} × {sides[1]}.")
    if max(sides) > MAX_SIDE:
        raise ArtifactRefused(f"Expected a network for films of up to {MAX_SIDE} pixels a side. Received {shape}.")
    if conventions.scale in ("torch", "caffe") and shape[3] == 1:
        raise ArtifactRefused(f"Expected a network with three channels for --scale {conventions.scale}. It has one.")
    if conventions.scale != "none" and not keras.backend.is_float_dtype(inputs[0].dtype):
        raise ArtifactRefused(f"Expected an input of floats for --scale. This network's is {inputs[0].dtype}.")
    return sides[0], sides[1], shape[3]


def _operations(tensor: Tensor) -> Iterator[Layer]:
    """Yield the operations behind a symbolic tensor, last first, each call once."""
    seen: set[int] = set()
    waiting = [tensor]
    while waiting:
        history = waiting.pop()._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if id(node) not in seen:
            seen.add(id(node))
            yield history.operation
            waiting.extend(node.input_tensors)


def _name_apart(tensor: Tensor) -> None:
    """Rename operations until all names differ, as Keras requires; the last keep theirs."""
    named: dict[str, Layer] = {}
    for operation in _operations(tensor):
        name, number = operation.name, 1
        while named.setdefault(operation.name, operation) is not operation:
            number += 1
            operation.name = f"{name}_{number}"


def _scales(tensor: Tensor) -> bool:
    """Return whether an operation behind a symbolic tensor seems to scale pixels."""
    for operation in _operations(tensor):
        if isinstance(operation, (keras.layers.Rescaling, keras.layers.Normalization)):
            return True
        if type(operation).__name__ in ("Divide", "TrueDivide"):
            return True
        if isinstance(operation, keras.Model) and _scales(operation.outputs[0]):
            return True
    return False
