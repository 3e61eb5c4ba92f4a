"""The trainable networks: add a builder, and its recipe to `RECIPES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from keras.optimizers import AdamW, Optimizer, RMSprop
from keras.optimizers.schedules import CosineDecay
from numpy.typing import NDArray

from app.imaging.preprocess import DEFAULT_RESIZE_RULE, ResizeRule
from app.inference.manifest import Ages, InputSpec
from app.notice import Notice
from training.augmentation.acquisition import AcquisitionAugmentation
from training.augmentation.affine import AffineAugmentation
from training.augmentation.source_pool import SourceSampling
from training.augmentation.style import StyleTransfer
from training.data.films import SOURCE_SIDE, InputSize, input_size
from training.networks.article import build_article
from training.networks.pneumonet import build_pneumonet, build_teacher
from training.networks.source_recipe import Builder, SourceRecipe

INTENDED_USE = (
    "Research and teaching: estimating how likely a frontal chest radiograph shows pneumonia. Not a medical device; "
    "not for diagnosis, triage or any decision about a patient."
)


class Augmentation(Protocol):
    """A random change of one training film, to the network's size."""

    def __call__(self, pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return uint8 (height, width)."""
        ...

    def describe(self) -> dict[str, float]:
        """Return the ranges by name."""
        ...


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained.

    Attributes:
        network: name on the command line.
        entry: default name in the model store.
        build: (height, width) → model from (N, height, width, 1) in 0..255 to `probability`, with a layer `logit`.
        optimizer: total steps → optimizer.
        augmentation: of training films, anew each epoch.
        batch_size: films a step.
        epochs: passes over the training films.
        source_side: pixels a side at which films are read; the augmentation brings training films to the input's size,
            and validation and test films are perturbed too. None: read at the input's size.
        style_transfer: before the augmentation; needs `source_side`.
        is_balanced: sample both classes equally often; else each film once an epoch.
        mixup: Beta parameter for mixing pairs of films (Zhang et al. 2018); 0: none.
        smoothing: proportion of each label spread over both classes.
        sources: the training with `--sources`; needs `source_side` and `augmentation`. None: the network takes none.
        width: pixels.
        height: pixels.
        resize: rule by which films are read.
        operating_points: from `operating_points.CHOICES`.
        default_operating_point: one of them.
        calibration: `platt` is fitted on validation films; `identity` is the sigmoid of the logit.
        abstains: with an abstention band around the default operating point.
        has_gate: whether films outside the training films' domain are refused; needs `source_side` and ReLU layers.
        intended_use: for `/model` and the card.
        notices: in every answer's warnings.
        ages: of the patients, for `model.json`.
        source: for the model card.
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
    sources: SourceRecipe | None = None
    width: int = 150
    height: int = 150
    resize: ResizeRule = DEFAULT_RESIZE_RULE
    operating_points: tuple[str, ...] = ("half", "balanced")
    default_operating_point: str = "balanced"
    calibration: Literal["identity", "platt"] = "identity"
    abstains: bool = False
    has_gate: bool = False
    intended_use: str = INTENDED_USE
    notices: tuple[Notice, ...] = ()
    ages: Ages | None = None
    source: str = ""

    @property
    def input(self) -> InputSpec:
        """The network's input, for `model.json`."""
        return InputSpec(width=self.width, height=self.height, resize=self.resize)

    @property
    def sizes(self) -> tuple[InputSize, InputSize | None]:
        """How films are read: for the network, and at `source_side`, where it is set."""
        return input_size(self.input), input_size(self.input, self.source_side) if self.source_side else None

    @property
    def is_blended(self) -> bool:
        """Whether labels are mixed or smoothed, which leaves training accuracy undefined."""
        return bool(self.mixup or self.smoothing)


def decay_by_cosine(steps: int) -> AdamW:
    """Return AdamW: its rate rises to 0.002 over a twentieth of the steps, then falls along a cosine to a hundredth.

    The final weights are the exponential moving average over the last few hundred steps.
    """
    warmup = max(1, steps // 20)
    rate = CosineDecay(1e-5, max(1, steps - warmup), warmup_target=2e-3, warmup_steps=warmup, alpha=0.01)
    return AdamW(rate, weight_decay=0.02, use_ema=True, ema_momentum=0.995, ema_overwrite_frequency=None)


CHILDREN_ONLY = Notice(
    code="children-only",
    detail="This model was trained on children of 1 to 5 years from one hospital: do not trust it for other patients.",
)

LIMITED_EVIDENCE = Notice(
    code="limited-evidence",
    detail="Calibrated and validated on children of 1 to 5 years from one hospital. Trained on adults, too, for whom "
    "there is little evidence; for other ages there is none.",
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
            source_side=SOURCE_SIDE,
            style_transfer=StyleTransfer(),
            is_balanced=True,
            mixup=0.2,
            smoothing=0.05,
            sources=SourceRecipe(
                epochs=40,
                films_an_epoch=51_200,
                sampling=SourceSampling(p_child=0.65, p_lungs=0.4),
                notices=(LIMITED_EVIDENCE,),
                ages=[(1, 5), (18, None)],
                teachers=(build_teacher,) * 3,
            ),
            operating_points=("high-sensitivity", "balanced", "high-specificity"),
            calibration="platt",
            abstains=True,
            has_gate=True,
            resize="scaled-jpeg-squeeze-inter-area",
            intended_use=INTENDED_USE.replace("chest radiograph", "chest radiograph of a child of 1 to 5 years"),
            notices=(CHILDREN_ONLY,),
            ages=[(1, 5)],
            source="this project's own residual network, trained from scratch under acquisition variation",
        ),
    )
}
