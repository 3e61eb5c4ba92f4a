"""Labelled films, as they were sent and altered → a network's logits on every view of them."""

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

STYLE_OF_ANOTHER = "another's look"
"""What the views are called, alone or before an alteration, in which every film has borrowed a look beforehand."""


@dataclass(frozen=True)
class PerturbedSets:
    """A network's logits on films, one row a view; the first is of the films as they were sent.

    Attributes:
        names: of the views; `UNPERTURBED.name` first.
        logits: float32 of shape (views, films).
        labels: 0 or 1 (PNEUMONIA), of shape (films,).
        patients: of the films.
    """

    names: tuple[str, ...]
    logits: Logits
    labels: NDArray[np.uint8]
    patients: Grouping

    @property
    def unperturbed(self) -> PerturbedSets:
        """The films as they were sent alone."""
        return PerturbedSets(self.names[:1], self.logits[:1], self.labels, self.patients)

    @property
    def perturbed(self) -> PerturbedSets | None:
        """The altered views alone; None where there are none."""
        if len(self.names) == 1:
            return None
        return PerturbedSets(self.names[1:], self.logits[1:], self.labels, self.patients)

    def take(self, films: NDArray[np.bool_]) -> PerturbedSets:
        """Answer the views of these films alone."""
        patients = Grouping(self.patients.groups[films], self.patients.rule)
        return PerturbedSets(self.names, self.logits[:, films], self.labels[films], patients)

    def pool(self) -> tuple[NDArray[np.uint8], Logits, Grouping]:
        """Answer labels, logits and patients of all views in one row, each of shape (views × films,)."""
        times = len(self.names)
        groups = np.tile(self.patients.groups, times)
        return np.tile(self.labels, times), self.logits.ravel(), Grouping(groups, self.patients.rule)


def compute_perturbed_sets(
    compute: Callable[[NDArray[np.uint8]], Logits], films: Films, source: Films | None, patients: Grouping
) -> PerturbedSets:
    """Compute the logits of films unperturbed and, where there are larger ones, under `VALIDATION_PERTURBATIONS`.

    Each view comes a second time, of films that borrowed a look first, each view another one: elsewhere a look tells
    nothing of the class, or something else, so a threshold must not lean on it.

    Args:
        compute: uint8 films (films, height, width) → logits (films,).
        films: at the network's size, as the service reads them.
        source: the same films at `films.SOURCE_SIDE`, in whose pixels alterations are measured; None: as sent
            alone.
        patients: of the films.
    """
    height, width = films.pixels.shape[1:]
    names, logits = [UNPERTURBED.name], [compute(films.pixels)]
    if source is not None:
        for view in VALIDATION_PERTURBATIONS:
            names.append(view.name)
            logits.append(compute(view.apply(source.pixels, width=width, height=height)))
        styles = StyleBank(source.pixels, source.labels)
        for seed, view in enumerate((UNPERTURBED, *VALIDATION_PERTURBATIONS)):
            names.append(STYLE_OF_ANOTHER if view is UNPERTURBED else f"{STYLE_OF_ANOTHER}, {view.name}")
            logits.append(compute(view.apply(styles.transfer(source.pixels, seed), width=width, height=height)))
    return PerturbedSets(tuple(names), np.stack(logits), films.labels, patients)
