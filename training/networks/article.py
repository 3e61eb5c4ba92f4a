"""The article's network: six convolutions without batch normalisation."""

from __future__ import annotations

import keras
from keras import layers

_BLOCKS = ((32, 0.0, True), (64, 0.2, True), (64, 0.0, True), (128, 0.3, True), (256, 0.3, True), (512, 0.3, False))
"""Filters, dropout, whether pooling follows."""


def build_article(height: int, width: int) -> keras.Model:
    """Build the network, 2,653,761 parameters at 150×150."""
    film = keras.Input((height, width, 1), name="film")
    x = layers.Rescaling(1 / 255, name="scale")(film)
    for number, (filters, dropout, is_pooled) in enumerate(_BLOCKS, start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"drop{number}")(x)
        if is_pooled:
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, activation="relu", name="dense")(x)
    x = layers.Dropout(0.3, name="drop_dense")(x)
    logit = layers.Dense(1, name="logit")(x)
    return keras.Model(film, layers.Activation("sigmoid", name="probability")(logit), name="article")
