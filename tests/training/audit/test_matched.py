"""Matched films do not differ in brightness, contrast and sharpness."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

import training.audit.matched
from training.audit.matched import Matched, TooFewPairs, measure_matched
from training.audit.matched_text import conclude, print_matched, write_outside
from training.audit.matching import Pairs, best_balanced, match_pairs, mean_differences
from training.data.films import Films
from training.data.patients import Grouping
from training.evaluation.metrics import Metric

COUNT = 240
Noisy = tuple[Films, NDArray[np.float64]]
Confounded = tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.int64]]


@pytest.fixture(scope="module")
def confounded() -> Confounded:
    """Statistics, the first two confounders; labels; patients of two films each."""
    rng = np.random.default_rng(0)
    labels = (np.arange(600) % 2).astype(np.uint8)
    statistics = rng.normal(0, 1, (600, 4))
    statistics[:, :2] += labels[:, np.newaxis] * [1.0, -0.7]
    return statistics, labels, rng.permutation(600) // 2


@pytest.fixture(scope="module")
def films() -> Noisy:
    """Films whose noise differs by class and overlaps; one a patient."""
    rng = np.random.default_rng(1)
    labels = (np.arange(COUNT) % 2).astype(np.uint8)
    noise = rng.normal(20, 5, COUNT) + 5 * labels
    smooth = [cv2.resize(rng.uniform(60, 190, (6, 6)).astype(np.float32), (150, 150)) for _ in range(COUNT)]
    pixels = [gray + rng.normal(0, 1, gray.shape) * amount for gray, amount in zip(smooth, noise, strict=True)]
    sizes = np.column_stack([np.full(COUNT, 150), np.full(COUNT, 150), rng.integers(5000, 9000, COUNT)])
    names = tuple(f"{'PNEUMONIA' if label else 'NORMAL'}/{number}.png" for number, label in enumerate(labels))
    digests = tuple(f"{number:064x}" for number in range(COUNT))
    stacked = np.clip(np.stack(pixels), 0, 255).astype(np.uint8)
    return Films(names, stacked, labels, digests, sizes.astype(np.int64)), noise


@pytest.fixture(autouse=True)
def few_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.audit.matched, "ORDERS", 4)


def test_matching_balances_a_planted_confounder(confounded: Confounded) -> None:
    """A standard deviation becomes less than a tenth."""
    statistics, labels, groups = confounded
    pairs = best_balanced(statistics, labels, [match_pairs(statistics, labels, groups, seed) for seed in range(10)])
    before, after = mean_differences(statistics, labels, pairs)
    assert np.abs(before).max() > 0.8
    assert np.abs(after).max() < 0.1
    assert len(pairs) > 50


def test_pairs_are_one_to_one_with_one_film_a_patient(confounded: Confounded) -> None:
    statistics, labels, groups = confounded
    pairs = match_pairs(statistics, labels, groups, 1)
    every = np.concatenate([pairs.normal, pairs.pneumonia])
    assert len(set(every.tolist())) == len(set(groups[every].tolist())) == 2 * len(pairs)
    assert labels[pairs.normal].tolist() == [0] * len(pairs)
    assert labels[pairs.pneumonia].tolist() == [1] * len(pairs)


def test_the_same_seed_matches_alike(confounded: Confounded) -> None:
    """Another one does not."""
    first, again, other = (match_pairs(*confounded, seed) for seed in (3, 3, 4))
    assert first.normal.tolist() == again.normal.tolist()
    assert first.normal.tolist() != other.normal.tolist()


def test_classes_that_are_wholly_apart_have_no_pairs(confounded: Confounded) -> None:
    """None is within the caliper."""
    statistics, labels, groups = confounded
    apart = statistics + 100 * labels[:, np.newaxis]
    assert len(match_pairs(apart, labels, groups)) == 0


@pytest.mark.long
def test_a_model_that_relies_on_noise_claims_nothing(films: Noisy) -> None:
    """Its AUC is high on all films, at chance on matched ones."""
    shown, noise = films
    found = measure_matched(shown, noise.astype(np.float32), Grouping(np.arange(COUNT), "by image"))
    assert found.model_unmatched.value > 0.7
    assert found.baseline_unmatched.value > 0.65
    assert found.model.low < 0.5 < found.model.high
    assert not found.is_claim
    assert "Nothing is claimed" in conclude(found, "noise/1")


@pytest.mark.long
def test_a_model_that_sees_more_than_statistics_may_claim_it(films: Noisy, tmp_path: Path) -> None:
    """Metrics are kept as text, columns and rows, without file names."""
    shown, _ = films
    rng = np.random.default_rng(4)
    logits = (rng.normal(0, 1, COUNT) + 2.0 * shown.labels).astype(np.float32)
    found = measure_matched(shown, logits, Grouping(np.arange(COUNT), "by image"))
    assert found.is_balanced
    assert found.is_claim
    assert found.gain.value == pytest.approx(found.model.value - found.baseline.value)
    write_outside(
        found, shown, "elsewhere", {"model": "seer/1", "model_sha256": "0", "data_fingerprint": "1"}, tmp_path
    )
    outside = json.loads((tmp_path / "outside.json").read_text())
    assert outside["model"] == "seer/1"
    assert outside["claim"] is True
    for section in outside["sections"]:
        assert set(section) == {"title", "text", "columns", "rows"}
        assert all(len(row) == len(section["columns"]) for row in section["rows"])
    assert ".png" not in json.dumps(outside)
    printed = StringIO()
    print_matched(found, shown, "elsewhere", "seer/1", Console(width=160, file=printed))
    assert "all films: no claim" in printed.getvalue()


def test_films_of_one_class_cannot_be_matched(films: Noisy) -> None:
    shown, noise = films
    normal = shown.take(np.flatnonzero(shown.labels == 0))
    with pytest.raises(TooFewPairs, match="both classes"):
        measure_matched(normal, noise[: len(normal)].astype(np.float32), Grouping(np.arange(len(normal)), "by image"))


def claim(model: float, gain: float, difference: float = 0.1, with_file_size: float = 0.6) -> tuple[bool, bool]:
    """Return what these lower ends of intervals and this largest mean difference allow."""
    pairs = Pairs(np.arange(20), np.arange(20))
    auc, other = Metric(0.7, model, 0.9), Metric(0.7, 0.6, 0.8)
    differences = (np.array([1.0, -1.0]), np.array([difference, -difference]))
    sized = (20, Metric(0.7, with_file_size, 0.9))
    found = Matched(pairs, differences, auc, other, Metric(0.1, gain, 0.2), other, sized, (0.6, 0.7, 0.8), other, other)
    return found.is_claim, found.holds_with_file_size


@pytest.mark.parametrize(
    ("lower_ends", "is_claim"),
    [
        ((0.51, 0.01), True),
        ((0.5, 0.01), False),
        ((0.51, 0.0), False),
        ((0.51, 0.01, 0.11), False),
    ],
)
def test_a_claim_needs_balance_and_two_intervals(lower_ends: tuple[float, ...], is_claim: bool) -> None:
    """The model's above chance, its gain above none."""
    assert claim(*lower_ends)[0] is is_claim


@pytest.mark.parametrize(("lower_end", "holds"), [(0.51, True), (0.5, False)])
def test_a_claim_holds_with_file_size_above_chance_alone(lower_end: float, holds: bool) -> None:
    assert claim(0.6, 0.1, with_file_size=lower_end)[1] is holds


def test_a_handful_of_films_cannot_be_matched(films: Noisy) -> None:
    """Nine pairs are fewer than ten."""
    shown, noise = films
    few = np.arange(18)
    with pytest.raises(TooFewPairs, match="at least 10 pairs"):
        measure_matched(shown.take(few), noise[few].astype(np.float32), Grouping(few, "by image"))
