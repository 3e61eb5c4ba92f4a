"""Metrics by source and view."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from app.inference.gate import Assessment
from training.data.source_table import SourceRow
from training.evaluation.by_source import measure_by_source


def make(count: int, source: str, view: str, label: int, **more: str) -> list[SourceRow]:
    return [
        SourceRow(f"{source}{view}{label}{number}", label, source, f"{source}{number}", "adult", view, **more)  # type: ignore[arg-type]
        for number in range(count)
    ]


def test_auc_is_the_mean_of_those_within_each_view() -> None:
    """Where the view tells the class, the AUC of all films together would be higher."""
    rows = make(30, "s", "AP", 1) + make(10, "s", "AP", 0) + make(10, "s", "PA", 1) + make(30, "s", "PA", 0)
    rng = np.random.default_rng(0)
    labels = np.array([row.label for row in rows])
    is_ap = np.array([row.view == "AP" for row in rows])
    logits = (rng.normal(size=80) + 0.5 * labels + 3 * is_ap).astype(np.float32)
    both, ap, pa = measure_by_source(rows, logits, {"half": 1.0}, None)
    within = [roc_auc_score(labels[part], logits[part]) for part in (is_ap, ~is_ap)]
    assert ap.auc is not None and pa.auc is not None and both.auc is not None  # noqa: PT018
    assert [ap.auc.value, pa.auc.value] == pytest.approx(within, abs=1e-6)
    assert both.auc.value == pytest.approx(np.mean(within), abs=1e-6)
    assert both.auc.value < roc_auc_score(labels, logits) - 0.05
    assert both.auc.low is not None and both.auc.low < both.auc.value  # noqa: PT018
    assert [part.films for part in (both, ap, pa)] == [
        {"NORMAL": 40, "PNEUMONIA": 40},
        {"NORMAL": 10, "PNEUMONIA": 30},
        {"NORMAL": 30, "PNEUMONIA": 10},
    ]
    assert both.gate_flagged is None
    expected = float(np.mean(logits[labels == 1] >= 1.0))
    assert both.operating_points["half"].sensitivity.value == pytest.approx(expected, abs=1e-6)


def test_a_source_of_one_class_has_no_auc() -> None:
    """Its specificity alone; films of lungs are left out, and the gate's proportion is of the source's own films."""
    rows = make(4, "a", "PA", 0) + make(2, "b", "", 1) + make(3, "c", "AP", 1, form="lungs")
    logits = np.array([-1, -1, -1, 1, 1, 1, 1, 1, 1], np.float32)
    usual, far = Assessment("usual", None, 1.0), Assessment("unusual", None, 2.0)
    found = measure_by_source(rows, logits, {"half": 0.0}, [far, usual, usual, usual, usual, usual, far, far, far])
    assert [(part.source, part.view) for part in found] == [("a", ""), ("a", "PA"), ("b", "")]
    assert [part.auc for part in found] == [None, None, None]
    assert [part.gate_flagged for part in found] == [0.25, 0.25, 0]
    assert found[0].operating_points["half"].specificity.value == 0.75
    assert found[0].operating_points["half"].sensitivity.value is None


def test_a_tie_counts_half() -> None:
    """As everywhere."""
    rows = make(2, "s", "", 1) + make(2, "s", "", 0)
    (part,) = measure_by_source(rows, np.array([1, 0, 1, -1], np.float32), {"half": 0.0}, None)
    assert part.auc is not None
    assert part.auc.value == pytest.approx((0.5 + 1 + 0 + 1) / 4)
