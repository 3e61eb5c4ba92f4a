"""What to look at closer on a hospital's own page. The text is in `templates/site_verdicts.html.j2`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from app.inference.manifest import Manifest
from app.inference.record import Estimate
from app.names import LABELS
from training.evaluation.assessment import Assessment
from training.evaluation.drift import ClassDrift
from training.evaluation.metrics import Metric
from training.reports.site_figures import CalibrationCheck, Referral

FEW_FILMS = 100
"""Films of a class below which its intervals are called wide."""

Level = Literal["good", "look", "unknown"]
About = Literal["sensitivity", "specificity", "auc", "count", "drift", "calibration", "abstention", "unreadable"]


@dataclass(frozen=True)
class SiteFindings:
    """What was measured on a site's films; `drift` is None where the entry has no validation scores."""

    manifest: Manifest
    assessment: Assessment
    calibration: CalibrationCheck
    drift: list[ClassDrift] | None
    referral: Referral | None
    unreadable: int

    @property
    def few(self) -> dict[str, int]:
        """The films of each class below `FEW_FILMS`."""
        counts = self.assessment.confusion(self.assessment.default).sum(axis=1).tolist()
        return {label: count for label, count in zip(LABELS, counts, strict=True) if count < FEW_FILMS}


@dataclass(frozen=True)
class Verdict:
    """Whether to look closer at a finding; `there` is the same metric on the model's own validation films."""

    level: Level
    about: About
    there: float | None = None


def judge(findings: SiteFindings) -> list[Verdict]:
    """Return the verdicts, most important first."""
    verdicts = [_compare(findings, "sensitivity"), _compare(findings, "specificity"), _compare(findings, "auc")]
    if findings.few:
        verdicts.append(Verdict("look", "count"))
    verdicts += [Verdict(_judge_drift(findings.drift), "drift"), _judge_calibration(findings.calibration)]
    if findings.referral is not None:
        verdicts.append(_judge_abstention(findings, findings.referral))
    if findings.unreadable:
        verdicts.append(Verdict("look", "unreadable"))
    return verdicts


def _compare(findings: SiteFindings, metric: Literal["sensitivity", "specificity", "auc"]) -> Verdict:
    """Compare a metric at the default operating point with that on the unperturbed validation films, where recorded."""
    point, metrics = findings.assessment.default, findings.manifest.metrics
    here = findings.assessment.metrics[point][metric]
    if here.value is None or metrics is None or point not in metrics.validation.operating_points:
        return Verdict("unknown", metric)
    estimate: Estimate = getattr(metrics.validation.operating_points[point], metric)
    return Verdict(_judge(here, estimate.value), metric, estimate.value)


def _judge(here: Metric, there: float | None) -> Level:
    if there is None:
        return "unknown"
    return "look" if here.high is not None and here.high < there else "good"


def _judge_drift(drift: list[ClassDrift] | None) -> Level:
    if any(found.is_shifted for found in drift or []):
        return "look"
    return "good" if any(found.is_tested for found in drift or []) else "unknown"


def _judge_calibration(check: CalibrationCheck) -> Verdict:
    if check.ece.value is None:
        return Verdict("unknown", "calibration")
    return Verdict("good" if check.ece.value <= check.by_chance["high"] else "look", "calibration")


def _judge_abstention(findings: SiteFindings, referral: Referral) -> Verdict:
    accuracy = referral.metrics["accuracy"]
    if accuracy.value is None:
        return Verdict("look", "abstention")
    recorded = findings.manifest.metrics and findings.manifest.metrics.validation.abstention
    there = recorded.accuracy.value if recorded else None
    return Verdict(_judge(accuracy, there), "abstention", there)
