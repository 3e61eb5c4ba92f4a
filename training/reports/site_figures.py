"""What a hospital's page adds to an assessment: threshold, calibration, abstention, mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.inference.calibration import AbstentionBand, Calibration
from training.evaluation.abstention import measure_answered
from training.evaluation.assessment import Assessment
from training.evaluation.calibration import simulate_ece
from training.evaluation.metrics import Metric, binary_metrics

_RESAMPLES = 500
Indices = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WantedThreshold:
    """The highest threshold with a wanted sensitivity.

    Attributes:
        wanted: sensitivity, 0 to 1.
        logit: threshold, between two films.
        metrics: of `binary_metrics`; optimistic, since chosen on these films.
        elsewhere: sensitivity and specificity out of bag.
        reached: proportion of out-of-bag repetitions that reach `wanted`.
    """

    wanted: float
    logit: float
    metrics: dict[str, Metric]
    elsewhere: tuple[float, float] | None
    reached: float | None


@dataclass(frozen=True)
class CalibrationCheck:
    """How well predicted probabilities fit observed proportions.

    Attributes:
        ece: expected calibration error.
        by_chance: of a perfectly calibrated model on so few films: `mean`, and `low` to `high`, 95 %.
        predicted: mean probability.
        observed: proportion of PNEUMONIA.
        ece_at_prevalence: with the model's prevalence set to `observed`; None where that is 0 or 1.
    """

    ece: Metric
    by_chance: dict[str, float]
    predicted: float
    observed: float
    ece_at_prevalence: float | None

    @property
    def is_better_at_prevalence(self) -> bool:
        """Whether that prevalence lowers the ECE by more than 0.01."""
        before, after = self.ece.value, self.ece_at_prevalence
        return before is not None and after is not None and after < before - 0.01


@dataclass(frozen=True)
class Referral:
    """Which films are in the abstention band, and the metrics of `measure_answered`."""

    films: NDArray[np.bool_]
    metrics: dict[str, Metric]


def choose_threshold(labels: NDArray[np.uint8], logits: NDArray[np.float32], wanted: float) -> float:
    """Return the highest threshold, halfway between two logits, with a sensitivity of `wanted`.

    Raises:
        ValueError: no film is labelled PNEUMONIA.
    """
    positive = np.sort(logits[labels == 1].astype(np.float64))[::-1]
    if not positive.size:
        raise ValueError("Expected films of PNEUMONIA, to reach a sensitivity on. Received none.")
    # 0.95 × 20 must not become 20 by rounding.
    lowest = positive[max(1, int(np.ceil(wanted * positive.size - 1e-9))) - 1]
    below = logits[logits < lowest]
    return float((lowest + below.max()) / 2 if below.size else lowest)


def find_threshold(assessment: Assessment, groups: NDArray[np.int64], wanted: float) -> WantedThreshold | None:
    """Choose the threshold for a wanted sensitivity (over 0, at most 1), and measure it out of bag.

    500 times, patients are resampled; the threshold is chosen on their films and measured on the others'. None: no film
    is labelled PNEUMONIA.
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
            for sampled, left in _resample(groups)
            if labels[sampled].any() and 0 < labels[left].sum() < left.size
            for threshold in (choose_threshold(labels[sampled], logits[sampled], wanted),)
        ]
    )
    if len(found) < _RESAMPLES / 2:
        return WantedThreshold(wanted, logit, metrics, None, None)
    elsewhere = (float(found[:, 0].mean()), float(found[:, 1].mean()))
    return WantedThreshold(wanted, logit, metrics, elsewhere, float(np.mean(found[:, 0] >= wanted - 1e-9)))


def check_calibration(assessment: Assessment, calibration: Calibration) -> CalibrationCheck:
    """Compute the ECE, that of perfect calibration, and that at the prevalence here."""
    prevalence = float(assessment.labels.mean())
    ece_at_prevalence = None
    if 0 < prevalence < 1:
        shifted = np.array([calibration.probability(logit, prevalence) for logit in assessment.logits.tolist()])
        ece_at_prevalence = _ece(assessment.labels, shifted)
    return CalibrationCheck(
        assessment.metrics[assessment.default]["ece"],
        simulate_ece(assessment.probabilities),
        float(assessment.probabilities.mean()),
        prevalence,
        ece_at_prevalence,
    )


def find_referral(assessment: Assessment, groups: NDArray[np.int64], band: AbstentionBand) -> Referral:
    """Find the referred films, and the metrics on answered ones."""
    inside = band.contains(assessment.logits.astype(np.float64))
    correct = assessment.predicted(assessment.default) == (assessment.labels == 1)
    return Referral(inside, measure_answered(assessment.labels, inside, correct, groups))


def _resample(groups: NDArray[np.int64]) -> Iterator[tuple[Indices, Indices]]:
    """Yield films of patients resampled with replacement, and those of the others."""
    member = np.unique(groups, return_inverse=True)[1]
    patients = int(member.max()) + 1
    rng = np.random.default_rng(0)
    for _ in range(_RESAMPLES):
        times = np.bincount(rng.integers(patients, size=patients), minlength=patients)[member]
        yield np.repeat(np.arange(member.size), times), np.flatnonzero(times == 0)


def _ece(labels: NDArray[np.generic], probabilities: Floats) -> float:
    one_each = np.arange(probabilities.size)
    ece = binary_metrics(labels, probabilities, probabilities >= 0.5, one_each, n_bootstrap=0)["ece"].value
    return float("nan") if ece is None else ece
