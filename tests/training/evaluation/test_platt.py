"""A fitted calibration predicts the proportion of positive films, on films left out of the fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.errors import ArtifactRefused
from tests.training.logit_sets import make_sets, sample_sets
from training.evaluation.calibration import cross_fit, fit_platt, fold_by_patient, record_fit, simulate_ece
from training.evaluation.metrics import binary_metrics


def test_platt_recovers_the_line_that_labels_were_sampled_by() -> None:
    """Of twenty thousand films, within their sampling error."""
    assert fit_platt(sample_sets(20_000, slope=1.7, intercept=-0.8)) == pytest.approx((1.7, -0.8), abs=0.08)


def test_platt_is_the_maximum_of_the_likelihood() -> None:
    """Of Platt's own targets: no line near it is likelier."""
    sets = sample_sets(200, slope=2.0)
    positives = sets.labels.sum()
    target = np.where(sets.labels == 1, (positives + 1) / (positives + 2), 1 / (200 - positives + 2))

    def loss(slope: float, intercept: float) -> float:
        z = slope * sets.logits.astype(float) + intercept
        return np.sum(np.logaddexp(0, z) - target * z)

    slope, intercept = fit_platt(sets)
    least = loss(slope, intercept)
    assert all(loss(slope + a, intercept + b) > least for a, b in [(0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01)])


def test_perturbed_sets_are_no_new_films() -> None:
    """The same set three times fits as it does once."""
    once = sample_sets(100).unperturbed
    thrice = replace(once, names=("a", "b", "c"), logits=np.repeat(once.logits, 3, axis=0))
    assert fit_platt(thrice) == pytest.approx(fit_platt(once), abs=1e-6)


def test_separable_classes_have_a_finite_fit() -> None:
    """As if either class had one more film."""
    slope, intercept = fit_platt(make_sets([0, 0, 1, 1], [-2, -1, 1, 2]))
    assert 0 < slope < 10
    assert abs(intercept) < 1


def test_a_logit_that_falls_with_pneumonia_is_refused() -> None:
    """Its calibration would turn the classes round."""
    with pytest.raises(ArtifactRefused, match="rises with pneumonia"):
        fit_platt(make_sets([1, 1, 0, 0], [-2, -1, 1, 2]))


def test_no_patient_is_calibrated_by_their_own_films() -> None:
    """Every film is held out once, with all films of its patient; turning its label changes its own fold's line not."""
    sets = sample_sets(100)
    folds = fold_by_patient(sets.patients)
    assert np.array_equal(np.sum(folds, axis=0), np.ones(100))
    assert all(held_out[0::2].tolist() == held_out[1::2].tolist() for held_out in folds)
    turned = sets.labels.copy()
    turned[:2] = 1 - turned[:2]
    before, after = cross_fit(sets), cross_fit(replace(sets, labels=turned))
    own = next(held_out for held_out in folds if held_out[0])
    assert np.allclose(before[:, own], after[:, own])
    assert not np.allclose(before[:, ~own], after[:, ~own])


@pytest.mark.long
def test_a_good_fit_reaches_the_wanted_error() -> None:
    """One of labels that no line fits does not."""
    sets = sample_sets(4000)
    described = record_fit(sets)
    assert described.is_reached
    assert described.out_of_fold_ece.model_fields_set == {"unperturbed", "perturbed"}
    plateau = (sets.logits[0] > 0) & (np.random.default_rng(0).random(4000) < 0.5)
    misfit = record_fit(replace(sets, labels=plateau.astype(np.uint8)))
    assert not misfit.is_reached
    assert misfit.out_of_fold_ece.unperturbed.value > misfit.wanted_ece


def test_simulated_error_is_that_of_labels_sampled_from_the_probabilities() -> None:
    """Its mean agrees with the errors that `metrics` finds on such labels; more films show less of it."""
    rng = np.random.default_rng(1)
    p = rng.random(101)
    groups = np.arange(101)
    sampled = [binary_metrics(rng.random(101) < p, p, p > 0.5, groups, n_bootstrap=0)["ece"].value for _ in range(300)]
    found = simulate_ece(p)
    assert found["mean"] == pytest.approx(np.mean(sampled), abs=0.006)
    assert found["low"] < found["mean"] < found["high"]
    assert simulate_ece(rng.random(5000))["mean"] < found["mean"] / 3
