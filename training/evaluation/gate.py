"""The thresholds of a gate, chosen on validation films, and how often it refuses or flags films of each kind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from app.inference.gate_reference import GateSpec, Reason, Reference

Features = NDArray[np.float32]

FALSE_ALARMS = 0.006
"""Largest proportion of a population's unperturbed validation films that the distance may flag."""

MILD_FALSE_ALARMS = 0.012
"""Likewise of mildly perturbed ones."""

CLASSIFIER_FALSE_ALARMS = 0.001
"""Largest proportion of all of them, together, that the classifier may take for one reason; three reasons and the
distance keep under 1 % together."""

_BEYOND = 1.1
"""A film is unsuitable from this many times the distance of the farthest validation film."""


def choose_gate(
    reference: Reference,
    *,
    populations: list[str],
    reasons: list[Reason],
    unperturbed: Mapping[str, Features],
    perturbed: Features,
) -> GateSpec:
    """Choose the thresholds for the allowed false alarms; no unsuitable film is needed.

    Args:
        reference: fitted on training films.
        populations: of the reference, in its order.
        reasons: of its classifier, in its order.
        unperturbed: channel means of validation films by population, float32 (films, K); each alone must keep to
            `FALSE_ALARMS`, or to its one film where it has too few.
        perturbed: of the same films, mildly perturbed, one after the other.
    """
    standardised = [reference.standardise(features) for features in (*unperturbed.values(), perturbed)]
    *distances, mild = (reference.distance(x) for x in standardised)
    unusual = max(
        *(float(np.quantile(each, 1 - FALSE_ALARMS, method="higher")) for each in distances),
        float(np.quantile(mild, 1 - MILD_FALSE_ALARMS, method="higher")),
    )
    farthest = max(float(each.max()) for each in (*distances, mild))
    every = reference.probabilities(np.concatenate(standardised))[:, 1:]
    allowed = np.quantile(every, 1 - CLASSIFIER_FALSE_ALARMS, axis=0, method="higher")
    return GateSpec(
        # Just above: a film at the quantile itself is usual.
        unusual=float(np.nextafter(unusual, np.inf)),
        unsuitable=_BEYOND * max(farthest, unusual),
        reasons=reasons,
        least_probability=[float(max(0.5, np.nextafter(each, np.inf))) for each in allowed],
        populations=populations,
    )
