"""The population stability index of a running service."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from app.inference.score_drift import FEWEST_FILMS, WINDOW_FILMS, ScoreDrift, read_reference

REFERENCE = np.random.default_rng(0).normal(0, 2, 2000)


def drift_of(logits: np.ndarray) -> float:
    drift = ScoreDrift(REFERENCE)
    for logit in logits.tolist():
        drift.observe(logit)
    return drift.index()


def test_scores_like_the_references_are_no_drift() -> None:
    assert drift_of(np.random.default_rng(1).normal(0, 2, 1000)) < 0.05


@pytest.mark.parametrize(("mean", "least"), [(1.0, 0.15), (4.0, 1.0)])
def test_a_shift_of_scores_is_told_by_its_size(mean: float, least: float) -> None:
    assert drift_of(np.random.default_rng(1).normal(mean, 2, 1000)) > least


def test_few_films_tell_nothing() -> None:
    logits = np.random.default_rng(1).normal(4, 2, FEWEST_FILMS)
    assert math.isnan(drift_of(logits[:-1]))
    assert drift_of(logits) > 0.25


def test_only_the_last_films_count() -> None:
    """A drift that is over is forgotten."""
    rng = np.random.default_rng(1)
    logits = np.concatenate([rng.normal(4, 2, 3000), rng.normal(0, 2, WINDOW_FILMS)])
    assert drift_of(logits) < 0.05


def test_without_reference_there_is_no_index() -> None:
    drift = ScoreDrift(None)
    for _ in range(FEWEST_FILMS):
        drift.observe(1.0)
    assert math.isnan(drift.index())


@pytest.mark.parametrize("content", ["", "[]", '{"logits": "a"}', '{"logits": [1, "b"]}', '{"logits": [NaN]}', "{}"])
def test_an_unreadable_reference_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "validation_scores.json").write_text(content)
    assert read_reference(tmp_path) is None


def test_the_reference_is_the_entrys_validation_scores(tmp_path: Path) -> None:
    assert read_reference(tmp_path) is None
    (tmp_path / "validation_scores.json").write_text(json.dumps({"logits": [1.5, -2.0], "labels": [1, 0]}))
    assert read_reference(tmp_path).tolist() == [1.5, -2.0]
