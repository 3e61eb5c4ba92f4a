"""Logits of films in three views, drawn so that what is right of them is known."""

from __future__ import annotations

import numpy as np

from training.data.patients import Grouping
from training.evaluation.perturbed_sets import PerturbedSets


def sample_sets(films: int = 600, slope: float = 1.0, intercept: float = 0.0, seed: int = 0) -> PerturbedSets:
    """Draw films with P(PNEUMONIA) = sigmoid(slope × logit + intercept), two a patient, in three views.

    The altered views differ from the films as sent by a little noise.
    """
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.5, 3, films)
    labels = rng.random(films) < 1 / (1 + np.exp(-(slope * logits + intercept)))
    views = np.stack([logits, logits + rng.normal(0, 0.05, films), logits + rng.normal(0, 0.1, films)])
    patients = Grouping(np.arange(films) // 2, "by patient, as drawn")
    return PerturbedSets(("as sent", "blurred", "flat"), views.astype(np.float32), labels.astype(np.uint8), patients)


def make_sets(labels: list[int], *logits: list[float]) -> PerturbedSets:
    """Make views of films by hand, each film a patient."""
    names = ("as sent", "first", "second")[: len(logits)]
    groups = np.arange(len(labels))
    return PerturbedSets(names, np.array(logits, np.float32), np.array(labels, np.uint8), Grouping(groups, "by image"))
