"""Logits of unperturbed and perturbed films → the metrics in `model.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluation.abstention import measure_abstention, risk_coverage, show_abstention
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

    def to_json(self) -> dict[str, Any]:
        """Return it for `model.json`: unperturbed films, and all perturbed sets together under `perturbed`."""
        metrics = {
            **self.unperturbed.to_json(),
            "chance_ece": simulate_ece(self.unperturbed.probabilities),
            **self._describe_abstention(self.sets.unperturbed),
        }
        if self.perturbed is not None and self.sets.perturbed is not None:
            metrics["perturbed"] = {
                "perturbations": list(self.sets.perturbed.names),
                **self.perturbed.to_json(),
                **self._describe_abstention(self.sets.perturbed),
                "by_perturbation": self._describe_sets(),
            }
        return metrics

    def _describe_abstention(self, sets: PerturbedSets) -> dict[str, Any]:
        threshold = self.rule.operating_points[self.rule.default]
        described: dict[str, Any] = {"risk_coverage": risk_coverage(sets, threshold)}
        if self.rule.refer_band is not None:
            described["abstention"] = show_abstention(measure_abstention(sets, threshold, self.rule.refer_band))
        return described

    def _describe_sets(self) -> dict[str, Any]:
        """Return each set's AUC, and sensitivity and specificity at each operating point."""
        labels, one_each = self.sets.labels, np.arange(len(self.sets.labels))
        described: dict[str, Any] = {}
        for name, logits in zip(self.sets.names, self.sets.logits, strict=True):
            described[name] = {}
            for point, threshold in self.rule.operating_points.items():
                found = binary_metrics(labels, logits, predict(logits, threshold), one_each, n_bootstrap=0)
                values = {key: found[key].to_json()["value"] for key in ("auc", "sensitivity", "specificity")}
                described[name]["auc"] = values.pop("auc")
                described[name][point] = values
        return described


def measure_performance(sets: PerturbedSets, rule: DecisionRule) -> Performance:
    """Compute the metrics of a model with its decision rule."""

    def assess_pool(part: PerturbedSets) -> Assessment:
        return assess(
            *part.pool(), calibrate=rule.calibrate, operating_points=rule.operating_points, default=rule.default
        )

    perturbed = None if sets.perturbed is None else assess_pool(sets.perturbed)
    return Performance(rule, sets, assess_pool(sets.unperturbed), perturbed)
