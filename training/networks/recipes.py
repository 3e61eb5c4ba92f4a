"""The networks that can be trained, each with its recipe: add a builder and a line in `RECIPES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import keras
import numpy as np
from keras import layers
from keras.optimizers import AdamW, Optimizer, RMSprop
from keras.optimizers.schedules import CosineDecay
from numpy.typing import NDArray

from app.notice import Notice
from training.augmentation.acquisition import AcquisitionAugmentation
from training.augmentation.affine import AffineAugmentation
from training.augmentation.style import StyleTransfer
from training.networks.pneumonet import build_pneumonet

Builder = Callable[[int, int], keras.Model]

INTENDED_USE = (
    "Research and teaching: estimating how likely a frontal chest radiograph shows pneumonia. Not a medical device; "
    "not for diagnosis, triage or any decision about a patient."
)


class Augmentation(Protocol):
    """Changes one training film at random; the result has the network's size."""

    def __call__(self, pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Answer the changed film, uint8 (height, width)."""
        ...

    def describe(self) -> dict[str, float]:
        """Answer the ranges by name."""
        ...


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained.

    Attributes:
        network: its name on the command line.
        entry: the default name in the model store.
        build: (height, width) → model from (N, height, width, 1) in 0..255 to `probability`, with a layer `logit`.
        optimizer: (steps in all) → a new one.
        augmentation: applied to every training film anew each epoch; None for none.
        batch_size: films a step.
        epochs: passes over the training films.
        source_side: films are read at this many pixels a side; the augmentation brings training films to the input's
            size, and validation and test films are seen altered too. None: they are read at the input's size.
        style_transfer: of other training films, before the augmentation; needs `source_side`. None: none.
        is_balanced: draw as many films of either class, the rarer one more often; else each film once an epoch.
        mixup: parameter of the Beta distribution that mixes pairs of films (Zhang et al. 2018); 0: none.
        smoothing: share of each label that is spread over both classes.
        width: of the input, pixels.
        height: of the input, pixels.
        operating_points: names that the finished model offers, from `operating_points.CHOICES`.
        default_operating_point: one of them.
        calibration: `platt` is fitted on validation films; `identity` takes the sigmoid of the logit as it is.
        abstains: whether a band of logits around the default operating point is chosen in which a human is asked for.
        intended_use: for `/model` and the card.
        notices: what every answer warns of.
        source: where the network and its recipe come from, for the model card.
    """

    network: str
    entry: str
    build: Builder
    optimizer: Callable[[int], Optimizer]
    augmentation: Augmentation | None
    batch_size: int
    epochs: int
    source_side: int | None = None
    style_transfer: StyleTransfer | None = None
    is_balanced: bool = False
    mixup: float = 0.0
    smoothing: float = 0.0
    width: int = 150
    height: int = 150
    operating_points: tuple[str, ...] = ("half", "balanced")
    default_operating_point: str = "balanced"
    calibration: Literal["identity", "platt"] = "identity"
    abstains: bool = False
    intended_use: str = INTENDED_USE
    notices: tuple[Notice, ...] = ()
    source: str = ""

    @property
    def is_blended(self) -> bool:
        """Labels are mixed or smoothed in training, so that no film is simply right or wrong there."""
        return bool(self.mixup or self.smoothing)


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


def decay_by_cosine(steps: int) -> AdamW:
    """Make AdamW whose rate rises over a twentieth of all steps to 0.002 and falls along a cosine to a hundredth.

    The weights that are kept are the running average of those of the last few hundred steps.
    """
    warmup = max(1, steps // 20)
    rate = CosineDecay(1e-5, max(1, steps - warmup), warmup_target=2e-3, warmup_steps=warmup, alpha=0.01)
    return AdamW(rate, weight_decay=0.02, use_ema=True, ema_momentum=0.995, ema_overwrite_frequency=None)


CHILDREN_ONLY = Notice(
    code="children-only",
    detail="This model was trained on children of 1 to 5 years from one hospital: do not trust it for other patients.",
)

RECIPES = {
    recipe.network: recipe
    for recipe in (
        Recipe(
            network="article",
            entry="article-cnn",
            build=build_article,
            optimizer=lambda _steps: RMSprop(),
            augmentation=AffineAugmentation(rotation=30.0, zoom=0.2, shift=0.1),
            batch_size=100,
            epochs=12,
            source="a published article's CNN for the Kaggle set chest-xray-pneumonia, whole: layers, augmentation, "
            "optimizer, batch size and epochs",
        ),
        Recipe(
            network="pneumonet",
            entry="pneumonet",
            build=build_pneumonet,
            optimizer=decay_by_cosine,
            augmentation=AcquisitionAugmentation(),
            batch_size=64,
            epochs=60,
            source_side=224,
            style_transfer=StyleTransfer(),
            is_balanced=True,
            mixup=0.2,
            smoothing=0.05,
            operating_points=("high-sensitivity", "balanced", "high-specificity"),
            calibration="platt",
            abstains=True,
            intended_use=INTENDED_USE.replace("chest radiograph", "chest radiograph of a child of 1 to 5 years"),
            notices=(CHILDREN_ONLY,),
            source="this project's own residual network, trained from scratch on films as the world sends them",
        ),
    )
}
