"""Labelled films → a network's logits, unperturbed and on perturbed sets."""

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
"""Names a set after style transfer, alone or before a perturbation."""


@dataclass(frozen=True)
class PerturbedSets:
    """A network's logits on films, one row a set.

    Attributes:
        names: of sets, `UNPERTURBED.name` first.
        logits: (sets, films).
        labels: 0 or 1 (PNEUMONIA), (films,).
        patients: of films.
    """

    names: tuple[str, ...]
    logits: Logits
    labels: NDArray[np.uint8]
    patients: Grouping

    @property
    def unperturbed(self) -> PerturbedSets:
        """The first set alone."""
        return PerturbedSets(self.names[:1], self.logits[:1], self.labels, self.patients)

    @property
    def perturbed(self) -> PerturbedSets | None:
        """The other sets, if any."""
        if len(self.names) == 1:
            return None
        return PerturbedSets(self.names[1:], self.logits[1:], self.labels, self.patients)

    def take(self, films: NDArray[np.bool_]) -> PerturbedSets:
        """Return these films of every set."""
        patients = Grouping(self.patients.groups[films], self.patients.rule)
        return PerturbedSets(self.names, self.logits[:, films], self.labels[films], patients)

    def pool(self) -> tuple[NDArray[np.uint8], Logits, Grouping]:
        """Return labels, logits and patients of all sets in one row, each (sets × films,)."""
        times = len(self.names)
        groups = np.tile(self.patients.groups, times)
        return np.tile(self.labels, times), self.logits.ravel(), Grouping(groups, self.patients.rule)


def compute_perturbed_sets(
    compute: Callable[[NDArray[np.uint8]], Logits], films: Films, source: Films | None, patients: Grouping
) -> PerturbedSets:
    """Compute the logits of films, unperturbed and under `VALIDATION_PERTURBATIONS`.

    Each set comes again after style transfer, with its own seed: elsewhere style predicts the class otherwise or not at
    all, so no threshold may rely on it.

    Args:
        compute: uint8 (films, height, width) → logits (films,).
        films: at the network's size, as the service reads them.
        source: the same at `films.SOURCE_SIDE`, to be perturbed; None: no perturbed sets.
        patients: of films.
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
