"""A network's logits on films as sent and altered → every figure that `model.json` tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from training.evaluation.abstention import measure_abstention, risk_coverage, show_referral
from training.evaluation.assessment import Assessment, assess
from training.evaluation.calibration import simulate_ece
from training.evaluation.decision_rule import DecisionRule
from training.evaluation.perturbed_sets import PerturbedSets


@dataclass(frozen=True)
class Performance:
    """A finished model on labelled films: as they were sent and, where there are such views, altered."""

    chosen: DecisionRule
    views: PerturbedSets
    unperturbed: Assessment
    perturbed: Assessment | None

    def to_json(self) -> dict[str, Any]:
        """Answer it for `model.json`: the figures as sent, and under `altered` the same of all altered views."""
        figures = {
            **self.unperturbed.to_json(),
            "ece_if_perfect": simulate_ece(self.unperturbed.probabilities),
            **self._describe_rest(self.views.unperturbed),
        }
        if self.perturbed is not None and self.views.perturbed is not None:
            figures["altered"] = {
                "views": list(self.views.perturbed.names),
                **self.perturbed.to_json(),
                **self._describe_rest(self.views.perturbed),
                "by_view": self._describe_views(),
            }
        return figures

    def _describe_rest(self, views: PerturbedSets) -> dict[str, Any]:
        threshold = self.chosen.operating_points[self.chosen.default]
        described: dict[str, Any] = {"risk_coverage": risk_coverage(views, threshold)}
        if self.chosen.refer_band is not None:
            described["refer"] = show_referral(measure_abstention(views, threshold, self.chosen.refer_band))
        return described

    def _describe_views(self) -> dict[str, Any]:
        """Answer, for every view, as sent included, its AUC, and what each operating point does there."""
        described: dict[str, Any] = {}
        labels = self.views.labels == 1
        for view, logits in zip(self.views.names, self.views.logits.astype(np.float64), strict=True):
            both = 0 < labels.sum() < len(labels)
            described[view] = {"auc": round(float(roc_auc_score(labels, logits)), 6) if both else None}
            for name, threshold in self.chosen.operating_points.items():
                said = logits >= threshold
                described[view][name] = {
                    "sensitivity": round(float(said[labels].mean()), 6) if labels.any() else None,
                    "specificity": round(float(1 - said[~labels].mean()), 6) if not labels.all() else None,
                }
        return described


def measure_performance(views: PerturbedSets, chosen: DecisionRule) -> Performance:
    """Measure a model, with all that was chosen, on views of labelled films."""

    def assess_pool(part: PerturbedSets) -> Assessment:
        return assess(
            *part.pool(),
            calibrate=chosen.calibrate,
            operating_points=chosen.operating_points,
            default=chosen.default,
        )

    altered = None if views.perturbed is None else assess_pool(views.perturbed)
    return Performance(chosen, views, assess_pool(views.unperturbed), altered)
