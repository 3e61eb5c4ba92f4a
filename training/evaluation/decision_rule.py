"""Logits of validation films → calibration, operating points, abstention band, and the evidence for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app.inference.calibration import AbstentionBand, CalibrationDraft
from app.inference.metrics_record import BandChoice, CalibrationFit, Choices, OutOfFoldAbstention
from training.evaluation.abstention import (
    LEAST_REFERRED,
    WANTED_ACCURACY,
    choose_band,
    cross_fit_band,
    record_abstention,
)
from training.evaluation.calibration import fit_platt, record_fit
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
) -> tuple[CalibrationDraft, DecisionRule, Choices]:
    """Choose calibration, operating points and abstention band as a recipe asks; return evidence for them, too.

    Args:
        recipe: what is offered.
        sets: of validation films.
        prevalence: proportion of PNEUMONIA among training films, at which an identity calibration holds.

    Raises:
        ArtifactRefused: the logit does not rise with the proportion of PNEUMONIA.
    """
    calibration = CalibrationDraft(method="identity", prevalence=prevalence)
    if recipe.calibration == "platt":
        slope, intercept = fit_platt(sets)
        # Its probabilities are those of the films fitted on.
        prevalence = float(np.mean(sets.labels))
        calibration = CalibrationDraft(method="platt", slope=slope, intercept=intercept, prevalence=prevalence)
    points = choose_points(recipe.operating_points, sets)
    default = recipe.default_operating_point
    band = choose_band(sets, points[default]) if recipe.abstains else None
    return calibration, DecisionRule(calibration.probability, points, default, band), _record(recipe, sets, band)


def _record(recipe: Recipe, sets: PerturbedSets, band: AbstentionBand | None) -> Choices:
    chosen: dict[str, CalibrationFit | BandChoice] = {}
    if recipe.calibration == "platt":
        chosen["calibration"] = record_fit(sets)
    if recipe.abstains:
        left_out = cross_fit_band(sets, recipe.default_operating_point) if band else None
        parts = {part: record_abstention(measured) for part, measured in (left_out or {}).items()}
        chosen["abstention"] = BandChoice(
            wanted_accuracy=WANTED_ACCURACY,
            least_referred=LEAST_REFERRED,
            out_of_fold=OutOfFoldAbstention(**parts) if parts else None,
        )
    return Choices.model_validate({"perturbations": list(sets.names), **chosen})
