"""Logits of unperturbed and perturbed films → the metrics in `model.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.inference.metrics_record import (
    ChanceEce,
    Evaluation,
    PerturbationMetrics,
    PerturbedMetrics,
    Rates,
    RiskCoverage,
)
from training.evaluation.abstention import measure_abstention, record_abstention, risk_coverage
from training.evaluation.assessment import Assessment, assess, predict
from training.evaluation.calibration import simulate_ece
from training.evaluation.decision_rule import DecisionRule
from training.evaluation.metrics import binary_metrics
from training.evaluation.perturbed_sets import PerturbedSets


@dataclass(frozen=True)
class Performance:
    """A finished model on labelled films, unperturbed and perturbed."""

    rule: DecisionRule
    sets: PerturbedSets
    unperturbed: Assessment
    perturbed: Assessment | None

    def to_record(self) -> Evaluation:
        """Return it for `model.json`: unperturbed films, and all perturbed sets together under `perturbed`."""
        parts = self._record(self.unperturbed, self.sets.unperturbed)
        parts["chance_ece"] = ChanceEce(**simulate_ece(self.unperturbed.probabilities))
        if self.perturbed is not None and self.sets.perturbed is not None:
            parts["perturbed"] = PerturbedMetrics(
                **self._record(self.perturbed, self.sets.perturbed),
                perturbations=list(self.sets.perturbed.names),
                by_perturbation=self._record_sets(),
            )
        return Evaluation(**parts)

    def _record(self, assessment: Assessment, sets: PerturbedSets) -> dict[str, Any]:
        """Return the fields of `FilmMetrics`; `abstention` only with a band."""
        threshold, record = self.rule.operating_points[self.rule.default], assessment.to_record()
        parts = {name: getattr(record, name) for name in record.model_fields_set}
        parts["risk_coverage"] = RiskCoverage(**risk_coverage(sets, threshold))
        if self.rule.refer_band is not None:
            parts["abstention"] = record_abstention(measure_abstention(sets, threshold, self.rule.refer_band))
        return parts

    def _record_sets(self) -> dict[str, PerturbationMetrics]:
        """Return each set's AUC, and sensitivity and specificity at each operating point."""
        labels, one_each = self.sets.labels, np.arange(len(self.sets.labels))
        recorded = {}
        for name, logits in zip(self.sets.names, self.sets.logits, strict=True):
            points, auc = {}, None
            for point, threshold in self.rule.operating_points.items():
                found = binary_metrics(labels, logits, predict(logits, threshold), one_each, n_bootstrap=0)
                auc, sensitivity, specificity = (
                    found[key].to_record().value for key in ("auc", "sensitivity", "specificity")
                )
                points[point] = Rates(sensitivity=sensitivity, specificity=specificity)
            recorded[name] = PerturbationMetrics(auc=auc, operating_points=points)
        return recorded


def measure_performance(sets: PerturbedSets, rule: DecisionRule) -> Performance:
    """Compute the metrics of a model with its decision rule."""

    def assess_pool(part: PerturbedSets) -> Assessment:
        return assess(
            *part.pool(), calibrate=rule.calibrate, operating_points=rule.operating_points, default=rule.default
        )

    perturbed = None if sets.perturbed is None else assess_pool(sets.perturbed)
    return Performance(rule, sets, assess_pool(sets.unperturbed), perturbed)
