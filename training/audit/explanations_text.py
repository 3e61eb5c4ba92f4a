"""`Explanations` → sections of text and tables for console and model card."""

from __future__ import annotations

from typing import Literal

from app.inference.record import Estimate
from training.audit.explanations_record import CascadeStep, Curve, Explanations
from training.audit.map_similarity import WINDOW
from training.audit.text import Section
from training.evaluation.metrics import Metric


def describe_explanations(explanations: Explanations) -> list[Section]:
    """Return the sections, in reading order."""
    sections = [
        _describe_sum(explanations),
        _describe_randomisation(explanations),
        _describe_curves(explanations),
        _describe_stability(explanations),
    ]
    return [*sections, _describe_lungs(explanations)]


def _describe_sum(of: Explanations) -> Section:
    check = of.sum_check
    is_met = check.largest_difference <= check.allowed
    return Section(
        f"Maps and the head's own bias sum to the logit: {'met' if is_met else 'NOT met'}",
        f"Maps: {of.method}, {of.rows} × {of.columns} cells of `{of.layer}`, on {of.data}. Intervals: 95 % percentile "
        f"bootstrap, 1000 resamples {of.grouping}. The bias is computed from the weights in `model.keras`, not from "
        "map and logit: of a head of one Dense layer its bias weight, the same for all films; of a ReLU head the "
        "biases that reach the logit along a film's active paths. The check sees a map's sum, not where its values "
        "lie.",
        ("Films", "Largest |sum of the map + the head's own bias - logit|", "Allowed"),
        ((f"{check.films:,}", f"{check.largest_difference:.1e}", f"{check.allowed:g}"),),
    )


def _describe_randomisation(of: Explanations) -> Section:
    found = of.randomisation
    top, whole = found.steps[0], found.steps[-1]

    def row(number: int, step: CascadeStep) -> tuple[str, ...]:
        alike = (step.absolute_rank_correlation, step.absolute_ssim, step.rank_correlation, step.ssim)
        return (f"{number}. {step.layers[-1]}", *map(_show, alike), "yes" if step.is_below else "no")

    return Section(
        f"Cascading weight randomisation: {'met' if whole.is_below else 'NOT met'} after the last layer, "
        f"{'met' if top.is_below else 'NOT met'} after the top layer alone",
        "Adebayo et al. 2018. Layer by layer, from the logit down to the first convolution, a network gets the random "
        "weights of one before training; each row randomises one layer more. Maps are compared with the original's. "
        "Wanted: mean absolute rank correlation (Spearman) and mean absolute SSIM (windows of "
        f"{WINDOW} × {WINDOW} cells) below {found.largest_allowed:g}. The last layer is the last to be randomised: "
        "then nothing learnt is left. "
        "The top layer is the logit's own weights: without them a map is a random sum of features that are all still "
        "learnt, and shows the same places, of either sign; signed means cancel there. "
        f"A seeded sample of {found.films} films, {found.draws} random networks; both are resampled.",
        ("Randomised down to", "|Rank correlation|", "|SSIM|", "Rank correlation", "SSIM", "Below"),
        tuple(row(number, step) for number, step in enumerate(found.steps, start=1)),
    )


def _describe_curves(of: Explanations) -> Section:
    def row(curve: Curve) -> tuple[str, ...]:
        of_map, *others = curve.areas.values()
        return (
            f"{curve.kind}, {curve.predicted}, {curve.replaced_by}",
            str(curve.films),
            f"{curve.intact:.2f}; {curve.replaced:.2f}",
            _show(of_map, 2),
            *("–" if area.value is None else f"{area.value:.2f}" for area in others),
            *(_show(difference) for difference in curve.against.values()),
        )

    others = list(of.curves[0].against)
    verdicts = {other: [judge(curve, other) for curve in of.curves] for other in others}
    score = ", ".join(
        f"wins {found.count('wins')} and loses {found.count('loses')} against “{other}”"
        for other, found in verdicts.items()
    )
    return Section(
        f"Deletion and insertion: of {len(of.curves)} curves the map {score}",
        "Petsiuk et al. 2018. Cells of a film are replaced, in an order, or put back into a replaced film. The area "
        "under the curve is the mean logit towards the predicted class: of deletion the lower the better, of insertion "
        "the higher. (The logit: the map is in logits, and probabilities saturate.) By the map, cells with the most "
        "evidence for the predicted class come first; it wins, or loses, where the interval of the difference lies "
        "wholly on one side. Films are a seeded sample of each predicted class. Cells are replaced by the film "
        "blurred, and by its mean gray, as occlusion does; both add edges, too, which may move the logit.",
        (
            "Curve",
            "Films",
            "Intact; replaced",
            "Map",
            *(other.capitalize() for other in others),
            *(f"Map - {other}" for other in others),
        ),
        tuple(map(row, of.curves)),
    )


def judge(curve: Curve, other: str) -> Literal["wins", "loses", "neither"]:
    """Return how the map does against another order, by the interval of the difference."""
    low, high = curve.against[other].low or 0.0, curve.against[other].high or 0.0
    if low <= 0 <= high:
        return "neither"
    return "wins" if (high < 0) == (curve.kind == "deletion") else "loses"


def _describe_stability(of: Explanations) -> Section:
    return Section(
        "Stability of maps",
        "Maps of films, against those of the same films re-encoded or shifted at the network's input size. A map is "
        "compared in place: a shift moves it, too.",
        ("Perturbation", "Films", "Rank correlation", "5th percentile", "SSIM", "5th percentile"),
        tuple(
            (
                each.perturbation,
                f"{each.films:,}",
                _show(each.rank_correlation),
                f"{each.rank_correlation_p5:.3f}",
                _show(each.ssim),
                f"{each.ssim_p5:.3f}",
            )
            for each in of.stability
        ),
    )


def _describe_lungs(of: Explanations) -> Section:
    title = "Evidence outside the lungs"
    if of.lungs is None:
        return Section(title, "Not measured: no network that finds lungs was given (`--lungs`).", (), ())
    left_out = of.lungs.without_lungs
    return Section(
        title,
        "Proportions outside the lungs, as a network (sha256 "
        f"`{of.lungs.network_sha256[:16]}…`) finds them, dilated by a margin of the film's side: of the area, of the "
        "absolute evidence, and of the evidence for PNEUMONIA. They are ratios of sums over films: a film counts by "
        "its evidence; n: the effective number of films (Kish 1965), few where few have most of the evidence. "
        "Evidence spread evenly would be outside as much as the area is. A cell counts "
        "by its area outside, and its features see beyond it. "
        f"Films in which no lungs are found: {left_out}.",
        ("Films", "Number", "Margin", "Area", "Absolute evidence", "Evidence for PNEUMONIA"),
        tuple(
            (
                each.label,
                f"{each.films:,}",
                f"{each.margin:.0%}",
                _show(each.area),
                f"{_show(each.absolute)}, n = {each.effective_absolute:.1f}",
                f"{_show(each.towards)}, n = {each.effective_towards:.1f}",
            )
            for each in of.lungs.proportions
        ),
    )


def _show(estimate: Estimate, digits: int = 3) -> str:
    return Metric(estimate.value, estimate.low, estimate.high, estimate.note).format(digits)
