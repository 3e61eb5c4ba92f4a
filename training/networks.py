"""The networks that can be trained, each with its recipe: add a builder and a line in `RECIPES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers
from keras.optimizers import Optimizer, RMSprop

from training.augment import AffineAugmentation

Builder = Callable[[int, int], keras.Model]


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained.

    Attributes:
        network: its name on the command line.
        entry: the default name in the model store.
        build: (height, width) → model from (N, height, width, 1) in 0..255 to `probability`, with a layer `logit`.
        optimizer: makes a new one.
        augmentation: applied to every training film anew each epoch; None for none.
        batch_size: films a step.
        epochs: passes over the training films.
        width: of the input, pixels.
        height: of the input, pixels.
        operating_points: names that the finished model offers, from `operating_points.CHOICES`.
        default_operating_point: one of them.
        source: where the network and its recipe come from, for the model card.
    """

    network: str
    entry: str
    build: Builder
    optimizer: Callable[[], Optimizer]
    augmentation: AffineAugmentation | None
    batch_size: int
    epochs: int
    width: int = 150
    height: int = 150
    operating_points: tuple[str, ...] = ("half", "balanced")
    default_operating_point: str = "balanced"
    source: str = ""


def build_article(height: int, width: int) -> keras.Model:
    """Build the article's network: six convolutions without batch normalisation, 2,653,761 parameters at 150×150."""
    film = keras.Input((height, width, 1), name="film")
    x = layers.Rescaling(1 / 255, name="scale")(film)
    for number, (filters, dropout, is_pooled) in enumerate(
        [(32, 0.0, True), (64, 0.2, True), (64, 0.0, True), (128, 0.3, True), (256, 0.3, True), (512, 0.3, False)],
        start=1,
    ):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"drop{number}")(x)
        if is_pooled:
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(128, activation="relu", name="dense")(x)
    x = layers.Dropout(0.3, name="drop_dense")(x)
    logit = layers.Dense(1, name="logit")(x)
    probability = layers.Activation("sigmoid", name="probability")(logit)
    return keras.Model(film, probability, name="article")


RECIPES = {
    recipe.network: recipe
    for recipe in (
        Recipe(
            network="article",
            entry="article-cnn",
            build=build_article,
            optimizer=RMSprop,
            augmentation=AffineAugmentation(rotation=30.0, zoom=0.2, shift=0.1),
            batch_size=100,
            epochs=12,
            source="a published article's CNN for the Kaggle set chest-xray-pneumonia, whole: layers, augmentation, "
            "optimizer, batch size and epochs",
        ),
    )
}
