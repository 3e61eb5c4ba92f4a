"""Logits of films in three sets, made so that what is right of them is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.data.patients import Grouping
from training.evaluation.perturbed_sets import PerturbedSets

NAMES = ("unperturbed", "first", "second")


def sample_sets(films: int = 600, slope: float = 1.0, intercept: float = 0.0, seed: int = 0) -> PerturbedSets:
    """Sample films with P(PNEUMONIA) = sigmoid(slope × logit + intercept), two a patient; little noise perturbs."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.5, 3, films)
    labels = rng.random(films) < 1 / (1 + np.exp(-(slope * logits + intercept)))
    sets = np.stack([logits, logits + rng.normal(0, 0.05, films), logits + rng.normal(0, 0.1, films)])
    patients = Grouping(np.arange(films) // 2, "by patient, as sampled")
    return PerturbedSets(NAMES, sets.astype(np.float32), labels.astype(np.uint8), patients)


def make_sets(labels: Sequence[int], *logits: Sequence[float]) -> PerturbedSets:
    """Make sets of films by hand, each film a patient."""
    patients = Grouping(np.arange(len(labels)), "by image")
    return PerturbedSets(NAMES[: len(logits)], np.array(logits, np.float32), np.array(labels, np.uint8), patients)
