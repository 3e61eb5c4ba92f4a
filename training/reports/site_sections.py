"""The sections of a hospital's own page that show figures, as HTML."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.inference.calibration import Calibration
from app.names import LABELS
from training.evaluation.assessment import Assessment
from training.evaluation.drift import Scores
from training.reports.site_figures import WantedThreshold
from training.reports.site_html import number, short, show, show_p, show_table
from training.reports.site_plots import draw_reliability, draw_roc, draw_scores, label_colour, mark
from training.reports.site_verdicts import SiteFindings, judge_drift, percent, show_range, to_tenths

_METRICS = (
    ("sensitivity", "Sensitivity: found among PNEUMONIA"),
    ("specificity", "Specificity: let through among NORMAL"),
    ("accuracy", "Accuracy"),
    ("f1", "F1"),
)


def show_points(assessment: Assessment, calibration: Calibration) -> str:
    """Show every operating point's figures, with intervals."""
    names = list(assessment.operating_points)
    heads = [
        f"{mark(nth)}{escape(name)}{' (default)' if name == assessment.default else ''}"
        for nth, name in enumerate(names)
    ]
    rows = [
        (
            "PNEUMONIA from a probability of",
            [f"{calibration.probability(assessment.operating_points[name]):.3f}" for name in names],
        )
    ]
    rows += [(words, [show(assessment.metrics[name][metric]) for name in names]) for metric, words in _METRICS]
    for row, label in enumerate(LABELS):
        cells = [assessment.confusion(name)[row] for name in names]
        rows.append((f"{label}: said NORMAL / PNEUMONIA", [f"{cell[0]} / {cell[1]}" for cell in cells]))
    metrics = assessment.metrics[assessment.default]
    note = (
        f"Intervals: 95 % bootstrap, {assessment.intervals}; {assessment.patients} drawn. Whatever the threshold: AUC "
        f"{number(metrics['auc'])}, Brier score {number(metrics['brier'])}."
    )
    parts = [show_table(["", *heads], rows), f'<p class="soft">{escape(note)}</p>']
    values = [
        (
            f"{percent(float(prevalence))} pneumonia: {value.upper()}",
            [show(assessment.predictive[name][prevalence][value]) for name in names],
        )
        for prevalence in next(iter(assessment.predictive.values()), {})
        for value in ("ppv", "npv")
    ]
    if values:
        parts.append(
            "<h3>What an answer would be worth in use</h3><p>How often “PNEUMONIA” would be right (PPV) and “NORMAL” "
            "(NPV), by how frequent pneumonia is among the films that the model is used on; its share in this folder "
            "says nothing of that.</p>" + show_table(["", *heads], values)
        )
    return "".join(parts)


def show_roc(assessment: Assessment) -> str:
    """Show the ROC and the AUC."""
    auc = assessment.metrics[assessment.default]["auc"]
    if auc.value is None:
        return "<p>Undefined: the films are of one class.</p>"
    legend = "<br>".join(
        f"{mark(nth)}{escape(name)}: finds {short(metrics['sensitivity'])}, "
        f"false alarms {percent(1 - (metrics['specificity'].value or 0))}"
        for nth, (name, metrics) in enumerate(assessment.metrics.items())
    )
    return (
        f'<div class="side">{draw_roc(assessment)}<div><p>AUC {escape(number(auc))}: how often a film with pneumonia '
        "scores above a film without. 0.5 is a coin.</p>"
        f"<p>{legend}</p></div></div>"
    )


def show_threshold(found: WantedThreshold | None, calibration: Calibration) -> str:
    """Show the threshold for a wanted sensitivity, and what it is worth elsewhere."""
    if found is None:
        return "<p>No film is labelled PNEUMONIA: there is nothing to reach a sensitivity on.</p>"
    probability = calibration.probability(found.logit)
    rows = [(words, [show(found.metrics[metric])]) for metric, words in _METRICS[:2]]
    parts = [
        f"<p>To find {percent(found.wanted)} of the pneumonias among these films, call PNEUMONIA from a "
        f"<strong>probability of {probability:.4f}</strong> (logit {found.logit:.4f}). No setting is needed: compare "
        "<code>probability</code> in each answer with it.</p>",
        show_table(["", "on these films"], rows),
    ]
    if found.elsewhere is None or found.reached is None:
        parts.append("<p>Too few patients to say what this threshold would reach on other films.</p>")
    else:
        parts.append(
            f"<p><strong>It was chosen on these very films, which flatters it.</strong> Chosen on a part of your "
            f"patients and tried on the others, 500 times, such a threshold found {percent(found.elsewhere[0])} of the "
            f"pneumonias and let {percent(found.elsewhere[1])} of the healthy through on average; it reached "
            f"{percent(found.wanted)} on the others in {percent(found.reached)} of the tries. Confirm it on films "
            "that are not in this folder before relying on it.</p>"
        )
    return "".join(parts)


def show_calibration(findings: SiteFindings) -> str:
    """Show how far the probabilities are off, beside what chance does on so few films."""
    check, calibration = findings.calibration, findings.manifest.calibration
    chance = check.by_chance
    rows = [
        ("Calibration error (ECE, 15 bins of equal size)", [show(check.ece)]),
        (
            "A perfectly calibrated model on so many films",
            [f"{to_tenths(chance['mean'])} <small>({show_range(chance['low'], chance['high'])})</small>"],
        ),
        ("Probability said, on average", [percent(check.said)]),
        ("Share with pneumonia here", [percent(check.found)]),
        ("Prevalence that the model was calibrated for", [percent(calibration.prevalence)]),
    ]
    advice = ""
    if check.moved is not None:
        rows.append(("ECE if it were told your share", [to_tenths(check.moved)]))
        advice = (
            f"<p><code>PNEUMOSERVE_PREVALENCE={check.found:.3f}</code> would tell the service your share of pneumonia "
            "and move every probability, but no class. Set it to what is true where the model is used, which may not "
            "be the share in this folder.</p>"
        )
    plot = draw_reliability(findings.assessment)
    return (
        f'<div class="side"><div>{plot}<p class="soft">Dots: your films. Gray bars: where 95 % of the dots of a '
        f"perfectly calibrated model would lie.</p></div><div>{show_table(['', ''], rows)}{advice}</div></div>"
    )


def show_drift(findings: SiteFindings, training: Scores | None) -> str:
    """Show the scores of both classes beside the training site's, and the tests."""
    assessment, calibration = findings.assessment, findings.manifest.calibration

    def log_odds(logits: NDArray[Any]) -> NDArray[np.float64]:
        return calibration.slope * np.asarray(logits, np.float64) + calibration.intercept

    here, there = log_odds(assessment.logits), None if training is None else log_odds(training.logits)
    every = here if there is None else np.concatenate([here, there])
    low, high = np.percentile(every, [0.5, 99.5])
    span = (float(low) - 0.1, float(high) + 0.1)
    threshold = float(log_odds(np.array(assessment.operating_points[assessment.default])))
    plots = []
    for nth, label in enumerate(LABELS):
        if not np.any(assessment.labels == nth):
            continue
        reference = None if there is None or training is None else there[training.labels == nth]
        drawn = draw_scores(here[assessment.labels == nth], reference, threshold, label_colour(label), span, label)
        plots.append(f"<div><h3>{label}</h3>{drawn}</div>")
    parts = [f"<p>{escape(judge_drift(findings.drift).words)}</p>", f'<div class="side">{"".join(plots)}</div>']
    line = "" if there is None else "; line: the training site's validation films"
    parts.append(f'<p class="soft">Filled: your films{line}; dashed: “{escape(assessment.default)}”.</p>')
    if findings.drift:
        rows = [
            (
                found.label,
                [
                    found.verdict,
                    f"{found.statistic:.2f} <small>(p {show_p(found.p_value)})</small>",
                    f"{found.noticeable:.2f}",
                    f"{found.stability:.2f}",
                    " → ".join(f"{calibration.probability(logit):.3f}" for logit in found.medians),
                    str(found.patients),
                ],
            )
            for found in findings.drift
        ]
        heads = [
            "Label",
            "Shift",
            "KS distance",
            "noticeable from",
            "PSI",
            "median probability, there → here",
            "patients",
        ]
        parts.append(show_table(heads, rows))
        parts.append(
            '<p class="soft">A shift is called one where the Kolmogorov–Smirnov test (patients counted, not films) or '
            "the population stability index (PSI) sees it at the 1 % level; its size goes by the PSI less what chance "
            "adds: under 0.10 slight, 0.10 to 0.25 moderate, 0.25 and more strong. Under 20 patients of a class "
            "nothing is said. Without any drift, about one page in 25 would still see one.</p>"
        )
    return "".join(parts)


def show_referral(findings: SiteFindings) -> str:
    """Show what the refer band would leave."""
    referral, band = findings.referral, findings.manifest.refer_band
    if referral is None or band is None:
        return "<p>This model has no refer band: it never says “ask a human”.</p>"
    probability = findings.manifest.calibration.probability
    words = (
        ("referred", "Referred: “ask a human”"),
        ("accuracy", "Right among the rest"),
        ("sensitivity", "Found among the rest's PNEUMONIA"),
        ("specificity", "Let through among the rest's NORMAL"),
    )
    rows = [(text, [show(referral.metrics[name])]) for name, text in words]
    right = findings.assessment.predicted(findings.assessment.default) == (findings.assessment.labels == 1)
    if referral.films.any():
        rows.append(("Would have been right among the referred", [percent(float(right[referral.films].mean()))]))
    return (
        f"<p>The service marks <code>refer</code> where its probability lies between {probability(band.low):.3f} and "
        f"{probability(band.high):.3f}.</p>" + show_table(["", f"at “{escape(findings.assessment.default)}”"], rows)
    )
