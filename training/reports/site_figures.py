"""What a hospital's own page tells beyond an assessment: a threshold for there, calibration, referral, mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.inference.calibration import AbstentionBand, Calibration
from training.evaluation.assessment import Assessment
from training.evaluation.calibration import simulate_ece
from training.evaluation.metrics import Metric, binary_metrics
from training.evaluation.proportions import measure_proportions

_DRAWS = 500
Indices = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WantedThreshold:
    """The highest threshold that reaches a wanted sensitivity on these films.

    Attributes:
        wanted: the sensitivity, 0 to 1.
        logit: the threshold; it stands between two films.
        metrics: on these films, as `binary_metrics` answers them: flattered, since it was chosen on them.
        elsewhere: sensitivity and specificity expected on other films of this site; see `find_threshold`.
        reached: share of the repetitions in which films left out were caught as often as wanted, 0 to 1.
    """

    wanted: float
    logit: float
    metrics: dict[str, Metric]
    elsewhere: tuple[float, float] | None
    reached: float | None


@dataclass(frozen=True)
class CalibrationCheck:
    """How well the probabilities said fit the shares found.

    Attributes:
        ece: expected calibration error, with its interval.
        by_chance: what a perfectly calibrated model shows on so few films: `mean`, and `low` to `high`, 95 %.
        said: mean probability.
        found: share of PNEUMONIA.
        moved: the ECE with the model's prevalence set to `found`; None where that is 0 or 1.
    """

    ece: Metric
    by_chance: dict[str, float]
    said: float
    found: float
    moved: float | None


@dataclass(frozen=True)
class Referral:
    """Which films are in the refer band; the share `referred`, and of the rest the accuracy and what it is made of."""

    films: NDArray[np.bool_]
    metrics: dict[str, Metric]


def choose_threshold(labels: NDArray[np.uint8], logits: NDArray[np.float32], wanted: float) -> float:
    """Answer the highest threshold, halfway between two logits, that calls a share `wanted` of the sick PNEUMONIA.

    Raises:
        ValueError: no film is labelled PNEUMONIA.
    """
    sick = np.sort(logits[labels == 1].astype(np.float64))[::-1]
    if not sick.size:
        raise ValueError("Expected films of PNEUMONIA, to reach a sensitivity on. Received none.")
    # Less a hair: 0.95 × 20 must not become 20 by rounding.
    lowest = sick[max(1, int(np.ceil(wanted * sick.size - 1e-9))) - 1]
    below = logits[logits < lowest]
    return float((lowest + below.max()) / 2 if below.size else lowest)


def find_threshold(assessment: Assessment, groups: NDArray[np.int64], wanted: float) -> WantedThreshold | None:
    """Choose the threshold for a wanted sensitivity, and ask what it would be worth on films it wasn't chosen on.

    Patients are drawn with replacement, the threshold is chosen on the films of those drawn and measured on the
    films of the others (out-of-bag), 500 times.

    Args:
        assessment: of the site's films.
        groups: their patients.
        wanted: sensitivity, over 0, at most 1.

    Returns:
        None where no film is labelled PNEUMONIA.
    """
    labels, logits = assessment.labels, assessment.logits
    if not labels.any():
        return None
    logit = choose_threshold(labels, logits, wanted)
    metrics = binary_metrics(labels, assessment.probabilities, logits >= logit, groups)
    found = np.array(
        [
            [
                np.mean(logits[left][labels[left] == 1] >= threshold),
                np.mean(logits[left][labels[left] == 0] < threshold),
            ]
            for drawn, left in _draw(groups)
            if labels[drawn].any() and 0 < labels[left].sum() < left.size
            for threshold in (choose_threshold(labels[drawn], logits[drawn], wanted),)
        ]
    )
    if len(found) < _DRAWS / 2:
        return WantedThreshold(wanted, logit, metrics, None, None)
    elsewhere = (float(found[:, 0].mean()), float(found[:, 1].mean()))
    return WantedThreshold(wanted, logit, metrics, elsewhere, float(np.mean(found[:, 0] >= wanted - 1e-9)))


def check_calibration(assessment: Assessment, calibration: Calibration) -> CalibrationCheck:
    """Compare the ECE with that of a perfect model on so few films, and with the model told the prevalence here."""
    share = float(assessment.labels.mean())
    moved = None
    if 0 < share < 1:
        there = np.array([calibration.probability(logit, share) for logit in assessment.logits.tolist()])
        moved = _ece(assessment.labels, there)
    return CalibrationCheck(
        assessment.metrics[assessment.default]["ece"],
        simulate_ece(assessment.probabilities),
        float(assessment.probabilities.mean()),
        share,
        moved,
    )


def find_referral(assessment: Assessment, groups: NDArray[np.int64], band: AbstentionBand) -> Referral:
    """Tell which films the model would refer, and how good its default operating point is on the rest."""
    logits = assessment.logits.astype(np.float64)
    inside = band.contains(logits)
    rest, sick = ~inside, assessment.labels == 1
    right = assessment.predicted(assessment.default) == sick
    ratios = {
        "referred": (inside, np.ones(len(inside), bool)),
        "accuracy": (right & rest, rest),
        "sensitivity": (right & rest & sick, rest & sick),
        "specificity": (right & rest & ~sick, rest & ~sick),
    }
    return Referral(inside, measure_proportions(ratios, groups))


def most_confident_mistakes(assessment: Assessment, most: int) -> tuple[Indices, Indices]:
    """Answer the films of each kind of mistake at the default operating point, farthest from its threshold first.

    Returns:
        indices of false alarms, and of missed pneumonias; at most `most` of each.
    """
    said, logits = assessment.predicted(assessment.default), assessment.logits
    alarms = np.flatnonzero(said & (assessment.labels == 0))
    missed = np.flatnonzero(~said & (assessment.labels == 1))
    return (
        alarms[np.argsort(-logits[alarms], kind="stable")][:most],
        missed[np.argsort(logits[missed], kind="stable")][:most],
    )


def _draw(groups: NDArray[np.int64]) -> Iterator[tuple[Indices, Indices]]:
    """Yield the films of patients drawn with replacement, as often as they were drawn, and those of the others."""
    member = np.unique(groups, return_inverse=True)[1]
    patients = int(member.max()) + 1
    rng = np.random.default_rng(0)
    for _ in range(_DRAWS):
        times = np.bincount(rng.integers(patients, size=patients), minlength=patients)[member]
        yield np.repeat(np.arange(member.size), times), np.flatnonzero(times == 0)


def _ece(labels: NDArray[np.generic], probabilities: Floats) -> float:
    one_each = np.arange(probabilities.size)
    ece = binary_metrics(labels, probabilities, probabilities >= 0.5, one_each, n_bootstrap=0)["ece"].value
    return float("nan") if ece is None else ece
