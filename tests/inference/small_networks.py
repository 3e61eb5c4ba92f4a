"""Small networks with every kind of head, and films of their size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

FILMS = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 1)).astype(np.float32)


def network(body: Callable[[Any], Any], seed: int = 4, **logit: float) -> Any:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((20, 24, 1))
    features = layers.Conv2D(3, 3, activation="relu", name="conv")(layers.Rescaling(1 / 255)(inputs))
    logit = layers.Dense(**({"units": 1, "name": "logit", "bias_initializer": "random_normal"} | logit))(body(features))
    model = keras.Model(inputs, layers.Activation("sigmoid", name="probability")(logit))
    # No weight, no bias and no running mean is left at the 0 or 1 that it begins with.
    rng = np.random.default_rng(1)
    model.set_weights([w + 0.1 * np.abs(rng.normal(size=w.shape)).astype(np.float32) for w in model.get_weights()])
    return model


BODIES = {
    "pooled": lambda x: layers.GlobalAveragePooling2D()(x),
    "flat": lambda x: layers.Flatten()(x),
    "pooled with dropout": lambda x: layers.Dropout(0.3)(
        layers.GlobalAveragePooling2D()(layers.SpatialDropout2D(0.3)(x))
    ),
    "pooled, two dense": lambda x: layers.Dense(4, "relu")(layers.Dense(5, "relu")(layers.GlobalAveragePooling2D()(x))),
    "flat, one dense": lambda x: layers.Dense(4, "relu", use_bias=False)(layers.Flatten()(layers.MaxPooling2D(2)(x))),
}
