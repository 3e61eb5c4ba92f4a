"""A network that trains in seconds, registered nowhere."""

from __future__ import annotations

import keras
from keras import layers

from training.augmentation.affine import AffineAugmentation
from training.networks.recipes import Recipe


def build_tiny(height: int, width: int) -> keras.Model:
    """Two small convolutions and a dense head; learns drawn films in a few epochs."""
    film = keras.Input((height, width, 1))
    x = layers.Rescaling(1 / 255)(film)
    for number, filters in enumerate((8, 16), start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        x = layers.MaxPooling2D(4)(x)
    x = layers.Dropout(0.1)(layers.Flatten()(x))
    logit = layers.Dense(1, name="logit")(layers.Dense(16, activation="relu")(x))
    return keras.Model(film, layers.Activation("sigmoid", name="probability")(logit))


TINY = Recipe(
    network="tiny",
    entry="tiny-cnn",
    build=build_tiny,
    optimizer=lambda _steps: keras.optimizers.Adam(3e-3),
    augmentation=AffineAugmentation(5.0, 0.05, 0.02),
    batch_size=16,
    epochs=8,
    width=64,
    height=64,
)


class Killed(BaseException):
    """Ends a training as a kill does."""
