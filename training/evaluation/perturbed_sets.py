"""Labelled films → a network's logits on them, unperturbed and on perturbed sets of the same films."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.augmentation.perturbations import UNPERTURBED, VALIDATION_PERTURBATIONS
from training.augmentation.style import StyleBank
from training.data.films import Films
from training.data.patients import Grouping

Logits = NDArray[np.float32]

STYLE_OF_ANOTHER = "style of another film"
"""Name of a set after style transfer, alone or before a perturbation's name."""


@dataclass(frozen=True)
class PerturbedSets:
    """A network's logits on films, one row a set; the first is unperturbed.

    Attributes:
        names: of the sets; `UNPERTURBED.name` first.
        logits: float32 of shape (sets, films).
        labels: 0 or 1 (PNEUMONIA), of shape (films,).
        patients: of the films.
    """

    names: tuple[str, ...]
    logits: Logits
    labels: NDArray[np.uint8]
    patients: Grouping

    @property
    def unperturbed(self) -> PerturbedSets:
        """The unperturbed films alone."""
        return PerturbedSets(self.names[:1], self.logits[:1], self.labels, self.patients)

    @property
    def perturbed(self) -> PerturbedSets | None:
        """The perturbed sets alone; None where there are none."""
        if len(self.names) == 1:
            return None
        return PerturbedSets(self.names[1:], self.logits[1:], self.labels, self.patients)

    def take(self, films: NDArray[np.bool_]) -> PerturbedSets:
        """Return these films of every set."""
        patients = Grouping(self.patients.groups[films], self.patients.rule)
        return PerturbedSets(self.names, self.logits[:, films], self.labels[films], patients)

    def pool(self) -> tuple[NDArray[np.uint8], Logits, Grouping]:
        """Return labels, logits and patients of all sets in one row, each of shape (sets × films,)."""
        times = len(self.names)
        groups = np.tile(self.patients.groups, times)
        return np.tile(self.labels, times), self.logits.ravel(), Grouping(groups, self.patients.rule)


def compute_perturbed_sets(
    compute: Callable[[NDArray[np.uint8]], Logits], films: Films, source: Films | None, patients: Grouping
) -> PerturbedSets:
    """Compute the logits of films unperturbed and, where larger ones are given, under `VALIDATION_PERTURBATIONS`.

    Each set comes a second time after style transfer, with another seed each: elsewhere style predicts the class
    differently or not at all, so a threshold must not rely on it.

    Args:
        compute: uint8 films (films, height, width) → logits (films,).
        films: at the network's size, as the service reads them.
        source: the same films at `films.SOURCE_SIDE`, which are perturbed; None: unperturbed films alone.
        patients: of the films.
    """
    height, width = films.pixels.shape[1:]
    names, logits = [UNPERTURBED.name], [compute(films.pixels)]
    if source is not None:
        for perturbation in VALIDATION_PERTURBATIONS:
            names.append(perturbation.name)
            logits.append(compute(perturbation.apply(source.pixels, width=width, height=height)))
        styles = StyleBank(source.pixels, source.labels)
        for seed, perturbation in enumerate((UNPERTURBED, *VALIDATION_PERTURBATIONS)):
            is_alone = perturbation is UNPERTURBED
            names.append(STYLE_OF_ANOTHER if is_alone else f"{STYLE_OF_ANOTHER}, {perturbation.name}")
            styled = styles.transfer(source.pixels, seed)
            logits.append(compute(perturbation.apply(styled, width=width, height=height)))
    return PerturbedSets(tuple(names), np.stack(logits), films.labels, patients)
