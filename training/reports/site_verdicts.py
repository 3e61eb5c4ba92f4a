"""The first lines of a hospital's own page: what was found on its films, in plain words, with no figure computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.inference.manifest import Manifest
from app.inference.metrics_record import Estimate
from app.names import LABELS
from training.evaluation.assessment import Assessment
from training.evaluation.drift import ClassDrift
from training.evaluation.metrics import Metric
from training.reports.site_figures import CalibrationCheck, Referral

FEW_FILMS = 100
"""Films of a class under which its figures are called loose."""

Level = Literal["good", "look", "unknown"]


@dataclass(frozen=True)
class SiteFindings:
    """All that is told of a site's films; `drift` is None where the model's folder has no scores to compare with."""

    manifest: Manifest
    assessment: Assessment
    calibration: CalibrationCheck
    drift: list[ClassDrift] | None
    referral: Referral | None
    unreadable: int


@dataclass(frozen=True)
class Verdict:
    """One finding: whether to look closer, its subject, and the sentences, as plain text."""

    level: Level
    subject: str
    words: str


def judge(findings: SiteFindings) -> list[Verdict]:
    """Answer the findings, the most important first."""
    return [
        _judge_class(findings, "PNEUMONIA"),
        _judge_class(findings, "NORMAL"),
        _judge_ranking(findings),
        *_judge_count(findings.assessment),
        judge_drift(findings.drift),
        _judge_calibration(findings),
        *_judge_referral(findings),
        *_judge_unreadable(findings),
    ]


def judge_drift(drift: list[ClassDrift] | None) -> Verdict:
    """Say whether the films score as the training site's did."""
    if drift is None:
        words = (
            "No comparison is possible: this model came without the scores of its own validation films "
            "(validation_scores.json in its folder)."
        )
        return Verdict("unknown", "Drift", words)
    shifted = [found for found in drift if found.verdict in ("slight", "moderate", "strong")]
    if shifted:
        parts = [
            f"{found.label} films score {'higher' if found.medians[1] > found.medians[0] else 'lower'} "
            f"({'a slight' if found.verdict == 'slight' else f'a {found.verdict}'} shift)"
            for found in shifted
        ]
        words = (
            f"Your films score differently from the training site's: {', and '.join(parts)}. Thresholds chosen there "
            "may not fit here: go by the figures of your own films."
        )
        return Verdict("look", "Drift", words)
    tested = [found for found in drift if found.verdict != "too few"]
    if not tested:
        return Verdict("unknown", "Drift", "Too few patients to tell whether your films score as the training site's.")
    least = max(found.noticeable for found in tested)
    names = " and ".join(found.label for found in tested)
    words = (
        f"No drift was seen: your {names} films score as the training site's did. Of so many patients, only a "
        f"shift that moves about {percent(least)} of the films past some score would have been seen."
    )
    untested = [found.label for found in drift if found.verdict == "too few"]
    return Verdict("good", "Drift", words + (f" Too few {untested[0]} films to tell." if untested else ""))


def percent(share: float) -> str:
    """Show a share in percent: whole numbers, and a decimal near 0 and 100, where it matters."""
    shown = 100 * share
    # A number and its sign stay on one line.
    return f"{shown:.0f}\N{NO-BREAK SPACE}%" if 1 <= shown <= 99 or shown in (0, 100) else to_tenths(share)


def to_tenths(share: float) -> str:
    """Show a share in percent with a decimal."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def between(figure: Metric) -> str:
    """Show the interval of a share: `89 to 98 %`; empty without one."""
    if figure.low is None or figure.high is None:
        return ""
    return show_range(figure.low, figure.high)


def show_range(low: float, high: float) -> str:
    """Show two shares: `4 to 10 %`."""
    return f"{percent(low)[:-2]} to {percent(high)}"


def _find_trained(manifest: Manifest, point: str, metric: Literal["sensitivity", "specificity", "auc"]) -> float | None:
    """Return a metric of the model on its own unperturbed validation films; None where it is not recorded."""
    if manifest.metrics is None or point not in manifest.metrics.validation.operating_points:
        return None
    estimate: Estimate = getattr(manifest.metrics.validation.operating_points[point], metric)
    return estimate.value


def _judge_class(findings: SiteFindings, label: str) -> Verdict:
    assessment, point = findings.assessment, findings.assessment.default
    is_sick = label == "PNEUMONIA"
    subject = "Pneumonia found" if is_sick else "Healthy films let through"
    name: Literal["sensitivity", "specificity"] = "sensitivity" if is_sick else "specificity"
    figure = assessment.metrics[point][name]
    if figure.value is None:
        return Verdict("unknown", subject, f"There are no films labelled {label}: nothing can be said of the {name}.")
    row = assessment.confusion(point)[LABELS.index(label)]
    verb = "found" if is_sick else "let through"
    words = (
        f"At “{point}” the model {verb} {row[LABELS.index(label)]} of your {row.sum()} films labelled {label}: "
        f"{percent(figure.value)} (95 % interval {between(figure)})."
    )
    there = _find_trained(findings.manifest, point, name)
    if there is None:
        return Verdict("unknown", subject, f"{words} What it reached at its training site is not known.")
    words += f" On its own validation films it was {percent(there)}."
    if figure.high is not None and figure.high < there:
        return Verdict("look", subject, f"{words} Here it is clearly less.")
    return Verdict("good", subject, words)


def _judge_ranking(findings: SiteFindings) -> Verdict:
    point = findings.assessment.default
    subject, auc = "Telling the two apart", findings.assessment.metrics[point]["auc"]
    if auc.value is None:
        return Verdict("unknown", subject, "The films are of one class: there is nothing to tell apart.")
    words = (
        f"Of a film with pneumonia and one without, the one with pneumonia scores higher {percent(auc.value)} of the "
        f"time ({between(auc)}; AUC): a coin would reach 50\N{NO-BREAK SPACE}%, whatever the threshold."
    )
    there = _find_trained(findings.manifest, point, "auc")
    if there is None:
        return Verdict("unknown", subject, words)
    words += f" On its own validation films it was {percent(there)}."
    if auc.high is not None and auc.high < there:
        return Verdict("look", subject, f"{words} Here it is clearly less.")
    return Verdict("good", subject, words)


def _judge_count(assessment: Assessment) -> list[Verdict]:
    few = [
        f"{count} {label}"
        for label, count in zip(LABELS, np.bincount(assessment.labels, minlength=2).tolist(), strict=True)
        if count < FEW_FILMS
    ]
    if not few:
        return []
    words = (
        f"Few films ({' and '.join(few)}): take the ends of the intervals as seriously as the middle. "
        f"{FEW_FILMS} of each class, or more, say more."
    )
    return [Verdict("look", "Size of the sample", words)]


def _judge_calibration(findings: SiteFindings) -> Verdict:
    check, trained = findings.calibration, findings.manifest.calibration.prevalence
    words = (
        f"The model was calibrated for films of which {percent(trained)} show pneumonia; of yours "
        f"{percent(check.found)} do. Its probabilities are {percent(check.said)} on average."
    )
    if check.ece.value is None:
        return Verdict("unknown", "Probabilities", words)
    chance = check.by_chance["high"]
    if check.ece.value <= chance:
        words += (
            f" They are off by {to_tenths(check.ece.value)} (ECE), which chance alone would do on so many films "
            f"(up to {to_tenths(chance)})."
        )
        return Verdict("good", "Probabilities", words)
    words += (
        f" They are off by {to_tenths(check.ece.value)} (ECE), more than chance would do on so many films "
        f"({to_tenths(chance)}): don't take them at their word here."
    )
    if check.moved is not None and check.moved < check.ece.value - 0.01:
        words += f" Set to your share of pneumonia, the error would be {to_tenths(check.moved)}."
    return Verdict("look", "Probabilities", words)


def _judge_referral(findings: SiteFindings) -> list[Verdict]:
    if findings.referral is None:
        return []
    metrics, films = findings.referral.metrics, findings.referral.films
    words = f"The model would ask for a human on {films.sum()} of {films.size} films"
    rest = metrics["accuracy"]
    if rest.value is None:
        return [Verdict("look", "Referral", f"{words}: all of them.")]
    words += f"; of the rest, {percent(rest.value)} are right ({between(rest)})."
    recorded = findings.manifest.metrics and findings.manifest.metrics.validation.abstention
    wanted = recorded.accuracy.value if recorded else None
    if wanted is not None:
        words += f" On its own validation films {percent(wanted)} were."
    level: Level = "unknown" if wanted is None else "good"
    if wanted is not None and rest.high is not None and rest.high < wanted:
        level = "look"
    return [Verdict(level, "Referral", words)]


def _judge_unreadable(findings: SiteFindings) -> list[Verdict]:
    if not findings.unreadable:
        return []
    words = f"{findings.unreadable} files could not be read and are in no figure here; index.csv says which and why."
    return [Verdict("look", "Unreadable files", words)]
