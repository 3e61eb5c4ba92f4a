"""A network's logits on films as sent and altered → every figure that `model.json` tells of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from app.inference.calibration import AbstentionBand
from training.evaluation.assessment import Assessment, assess
from training.evaluation.calibration import simulate_ece
from training.evaluation.perturbed_sets import Views
from training.evaluation.referral import measure_referral, risk_coverage, show_referral


@dataclass(frozen=True)
class Chosen:
    """What was chosen on the validation films: all that turns a logit into an answer.

    Attributes:
        calibrate: logit → probability.
        operating_points: name → threshold on the logit.
        default: one of them.
        refer_band: around the default; None where nothing is referred.
    """

    calibrate: Callable[[float], float]
    operating_points: dict[str, float]
    default: str
    refer_band: AbstentionBand | None = None


@dataclass(frozen=True)
class Measured:
    """A finished model on labelled films: as they were sent and, where there are such views, altered."""

    chosen: Chosen
    views: Views
    as_sent: Assessment
    altered: Assessment | None

    def to_json(self) -> dict[str, Any]:
        """Answer it for `model.json`: the figures as sent, and under `altered` the same of all altered views."""
        figures = {
            **self.as_sent.to_json(),
            "ece_if_perfect": simulate_ece(self.as_sent.probabilities),
            **self._describe_rest(self.views.as_sent),
        }
        if self.altered is not None and self.views.altered is not None:
            figures["altered"] = {
                "views": list(self.views.altered.names),
                **self.altered.to_json(),
                **self._describe_rest(self.views.altered),
                "by_view": self._describe_views(),
            }
        return figures

    def _describe_rest(self, views: Views) -> dict[str, Any]:
        threshold = self.chosen.operating_points[self.chosen.default]
        described: dict[str, Any] = {"risk_coverage": risk_coverage(views, threshold)}
        if self.chosen.refer_band is not None:
            described["refer"] = show_referral(measure_referral(views, threshold, self.chosen.refer_band))
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


def measure(views: Views, chosen: Chosen) -> Measured:
    """Measure a model, with all that was chosen, on views of labelled films."""

    def assess_pool(part: Views) -> Assessment:
        return assess(
            *part.pool(),
            calibrate=chosen.calibrate,
            operating_points=chosen.operating_points,
            default=chosen.default,
        )

    altered = None if views.altered is None else assess_pool(views.altered)
    return Measured(chosen, views, assess_pool(views.as_sent), altered)
