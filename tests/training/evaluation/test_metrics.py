"""Metrics agree with scikit-learn; intervals resample patients."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as reference

from training.evaluation.metrics import METRICS, Metric, binary_metrics

Predictions = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]


@pytest.fixture
def answers() -> Predictions:
    """Labels, probabilities with ties, predictions."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 300)
    probabilities = np.round(1 / (1 + np.exp(-rng.normal(2 * labels - 1, 1.5))), 2)
    return labels, probabilities, probabilities >= 0.4


def test_metrics_agree_with_scikit_learn(answers: Predictions) -> None:
    """With ties."""
    labels, probabilities, predicted = answers
    found = binary_metrics(labels, probabilities, predicted, np.arange(300), n_bootstrap=10)
    expected = {
        "accuracy": reference.accuracy_score(labels, predicted),
        "sensitivity": reference.recall_score(labels, predicted),
        "specificity": reference.recall_score(1 - labels, ~predicted),
        "f1": reference.f1_score(labels, predicted),
        "auc": reference.roc_auc_score(labels, probabilities),
        "brier": reference.brier_score_loss(labels, probabilities),
    }
    assert {name: found[name].value for name in expected} == pytest.approx(expected)


def test_ece_of_equal_bins_by_hand() -> None:
    """15 bins of one film: the mean distance between probability and label."""
    labels = np.array([0] * 8 + [1] * 7)
    probabilities = np.linspace(0.05, 0.9, 15)
    found = binary_metrics(labels, probabilities, probabilities > 0.5, np.arange(15), n_bootstrap=2)
    assert found["ece"].value == pytest.approx(np.mean(np.abs(probabilities - labels)))


def test_resampling_patients_widens_the_interval(answers: Predictions) -> None:
    """Thirty patients of ten like films, against three hundred of one."""
    labels, probabilities, predicted = answers
    films = [np.repeat(values[:30], 10) for values in (labels, probabilities, predicted)]
    by_image = binary_metrics(*films, np.arange(300))["accuracy"]
    by_patient = binary_metrics(*films, np.repeat(np.arange(30), 10))["accuracy"]
    assert by_image.value == by_patient.value
    assert by_patient.high - by_patient.low > 2 * (by_image.high - by_image.low)


@pytest.mark.long
def test_interval_agrees_with_resampled_lists(answers: Predictions) -> None:
    """Weights stand for patients resampled one by one."""
    labels, probabilities, predicted = answers
    groups = np.arange(300) // 3
    found = binary_metrics(labels, probabilities, predicted, groups)["auc"]
    rng = np.random.default_rng(1)
    aucs = []
    for _ in range(1000):
        films = (rng.integers(100, size=100)[:, np.newaxis] * 3 + np.arange(3)).ravel()
        aucs.append(reference.roc_auc_score(labels[films], probabilities[films]))
    assert [found.low, found.high] == pytest.approx(np.percentile(aucs, [2.5, 97.5]), abs=0.005)


@pytest.mark.parametrize(("label", "undefined"), [(0, {"sensitivity", "f1", "auc"}), (1, {"specificity", "auc"})])
def test_one_class_leaves_metrics_undefined(label: int, undefined: set[str]) -> None:
    """None with a note; others have values."""
    found = binary_metrics(np.full(6, label), np.linspace(0, 1, 6), np.ones(6), np.arange(6), n_bootstrap=20)
    assert {name for name in METRICS if found[name].value is None} == undefined
    assert all("undefined without films of" in found[name].note for name in undefined)
    assert "note" not in found["accuracy"].to_json()


def test_every_value_lies_in_its_interval(answers: Predictions) -> None:
    """Also the ECE, which resampling only raises."""
    labels, probabilities, predicted = answers
    for metric in binary_metrics(labels, probabilities, predicted, np.arange(300), n_bootstrap=50).values():
        assert metric.low <= metric.value <= metric.high


def test_the_interval_of_a_small_ece_reaches_down_to_it() -> None:
    """Half of the films of either bin value are positive, as predicted: only resampling shows an error."""
    labels = np.tile([0, 1], 150)
    ece = binary_metrics(labels, np.full(300, 0.5), labels == 1, np.arange(300), n_bootstrap=50)["ece"]
    assert (ece.value, ece.low) == (pytest.approx(0, abs=1e-9), ece.value)
    assert ece.high is not None
    assert ece.high > 0.01


def test_a_proportion_of_all_is_not_certain() -> None:
    """Its interval is Wilson's over patients, not a point."""
    labels = np.array([0] * 4 + [1] * 6)
    groups = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 5])
    metrics = binary_metrics(labels, labels * 0.8 + 0.1, labels == 1, groups)
    sensitivity, specificity = metrics["sensitivity"], metrics["specificity"]
    assert (sensitivity.high, specificity.high) == (1.0, 1.0)
    assert sensitivity.low == pytest.approx(4 / (4 + 1.96**2), abs=1e-4)
    assert specificity.low == pytest.approx(2 / (2 + 1.96**2), abs=1e-4)
    missed = binary_metrics(labels, labels * 0.8 + 0.1, labels > 1, groups)["sensitivity"]
    assert (missed.low, missed.high) == (0.0, pytest.approx(1 - 4 / (4 + 1.96**2), abs=1e-4))


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        (Metric(0.9, 0.85, 0.9494), "0.900 (0.850 to 0.949)"),
        (Metric(0.9, None, None, "no interval: no draws"), "0.900"),
        (Metric(None, None, None, "undefined without films of NORMAL"), "undefined without films of NORMAL"),
        (Metric(None, None, None), "–"),
    ],
)
def test_a_metric_is_formatted_with_its_interval_or_its_note(metric: Metric, text: str) -> None:
    """With three decimals."""
    assert str(metric) == text
