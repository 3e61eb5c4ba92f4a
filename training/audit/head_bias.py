"""The bias of a piecewise linear head, from its weights alone: what a map has to leave unexplained of the logit."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from app.inference.keras_graph import find_head

_BATCH = 16


def compute_head_biases(network: Any, films: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the bias of a network's head for each film, (films,), in logits.

    Features of 0 pass through the head's Dense layers, with those ReLUs open that the film opens. Of a head of one
    Dense it is that layer's bias weight, the same for all films. No map enters, unlike into the serving graph's bias,
    which is the logit less the map's sum whatever the map.

    Args:
        network: a Keras network.
        films: uint8 (films, height, width).

    Raises:
        ValueError: the head is not piecewise linear.
    """
    head = find_head(network)
    if head is None:
        raise ValueError("Expected a network with a piecewise linear head. Received another.")
    hidden = []
    if head.hidden:
        given = films[..., np.newaxis].astype(np.float32)
        hidden = keras.Model(network.inputs, list(head.hidden)).predict(given, batch_size=_BATCH, verbose=0)
        hidden = hidden if isinstance(hidden, list) else [hidden]
    passed = np.zeros((len(films), head.dense[0].kernel.shape[0]))
    for number, dense in enumerate(head.dense):
        passed = passed @ np.asarray(dense.kernel, np.float64)
        if dense.use_bias:
            passed = passed + np.asarray(dense.bias, np.float64)
        if number < len(hidden):
            passed = passed * (hidden[number] > 0)
    return np.asarray(passed[:, 0], np.float64)
