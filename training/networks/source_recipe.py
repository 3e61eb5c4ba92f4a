"""How a network is trained on the films of several sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import keras

from app.inference.manifest import Ages
from app.notice import Notice
from training.augmentation.localisation import Localisation
from training.augmentation.source_pool import SourceSampling

Builder = Callable[[int, int], keras.Model]
"""(height, width) → a network."""


@dataclass(frozen=True)
class SourceRecipe:
    """How a network is trained on the folder and further sources.

    Batches hold as many films of either class, whatever `Recipe.is_balanced` says.

    Attributes:
        epochs: of `films_an_epoch` sampled films.
        films_an_epoch: between two checkpoints.
        sampling: of population, form, source and style.
        localisation: of every sampled film, before style transfer and augmentation.
        notices: in every answer's warnings, in place of the recipe's.
        ages: of the patients, in place of the recipe's.
        teachers: builders of the networks that it learns from beside the labels; see `fitting.distillation`.
    """

    epochs: int
    films_an_epoch: int
    sampling: SourceSampling = field(default_factory=SourceSampling)
    localisation: Localisation = field(default_factory=Localisation)
    notices: tuple[Notice, ...] = ()
    ages: Ages | None = None
    teachers: tuple[Builder, ...] = ()

    def describe(self) -> dict[str, float]:
        """Return the probabilities, for the run's settings and `model.json`."""
        return {"films_an_epoch": self.films_an_epoch} | self.sampling.describe() | self.localisation.describe()
