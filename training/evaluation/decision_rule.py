"""Logits of validation films → calibration, operating points, abstention band, and the evidence for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.inference.calibration import AbstentionBand, Calibration
from training.evaluation.abstention import LEAST_REFERRED, WANTED_ACCURACY, choose_band, cross_fit_band, show_abstention
from training.evaluation.calibration import describe_fit, fit_platt
from training.evaluation.operating_points import choose_points
from training.evaluation.perturbed_sets import PerturbedSets
from training.networks.recipes import Recipe


@dataclass(frozen=True)
class DecisionRule:
    """What turns a logit into an answer, chosen on validation films.

    Attributes:
        calibrate: logit → probability.
        operating_points: name → threshold on the logit.
        default: one of them.
        refer_band: around the default; None: the model never abstains.
    """

    calibrate: Callable[[float], float]
    operating_points: dict[str, float]
    default: str
    refer_band: AbstentionBand | None = None


def fit_decision_rule(
    recipe: Recipe, sets: PerturbedSets, prevalence: float
) -> tuple[dict[str, Any], DecisionRule, dict[str, Any]]:
    """Choose calibration, operating points and abstention band as a recipe asks.

    Args:
        recipe: what is offered.
        sets: of validation films.
        prevalence: proportion of PNEUMONIA among training films, at which an identity calibration holds.

    Returns:
        the calibration for `ManifestDraft`, the rule, and the evidence for it.

    Raises:
        ArtifactRefused: the logit does not rise with the proportion of PNEUMONIA.
    """
    calibration: dict[str, Any] = {"method": "identity", "prevalence": prevalence}
    if recipe.calibration == "platt":
        slope, intercept = fit_platt(sets)
        # Its probabilities are those of the films fitted on.
        prevalence = float(np.mean(sets.labels))
        calibration = {"method": "platt", "slope": slope, "intercept": intercept, "prevalence": prevalence}
    points = choose_points(recipe.operating_points, sets)
    default = recipe.default_operating_point
    band = choose_band(sets, points[default]) if recipe.abstains else None
    # The weights are hashed when saved.
    calibrate = Calibration(**calibration, weights_sha256="").probability
    return calibration, DecisionRule(calibrate, points, default, band), _describe(recipe, sets, band)


def _describe(recipe: Recipe, sets: PerturbedSets, band: AbstentionBand | None) -> dict[str, Any]:
    described: dict[str, Any] = {"perturbations": list(sets.names)}
    if recipe.calibration == "platt":
        described["calibration"] = describe_fit(sets)
    if recipe.abstains:
        left_out = cross_fit_band(sets, recipe.default_operating_point) if band else None
        described["abstention"] = {
            "wanted_accuracy": WANTED_ACCURACY,
            "least_referred": LEAST_REFERRED,
            "out_of_fold": {part: show_abstention(found) for part, found in left_out.items()} if left_out else None,
        }
    return described
