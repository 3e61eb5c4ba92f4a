"""How far a model is to be trusted, as its card tells it: calibration, referral, and the looks at test films."""

from __future__ import annotations

from app.inference.manifest import Manifest
from training.reports.card_figures import (
    Figures,
    describe_bands,
    describe_coverage,
    describe_ece,
    describe_figures,
    show,
)

OTHER_LOOKS = "Looks at the same films by models before or beside this one stand in `training/RUNS.md`."


def describe_calibration(manifest: Manifest, metrics: Figures) -> str:
    """Answer how a logit becomes a probability, and how far off that is on patients left out of the fit."""
    fitted = manifest.calibration
    parts = [
        f"`{fitted.method}`: probability = sigmoid({fitted.slope:.4g} × logit {fitted.intercept:+.4g}), at a "
        f"prevalence of {fitted.prevalence:.3f}. For the weights `{fitted.weights_sha256[:16]}…` alone.",
        describe_ece(metrics["validation"]),
    ]
    if chosen := metrics.get("chosen", {}).get("calibration"):
        errors = ", ".join(f"{name.replace('_', ' ')} {show(ece)}" for name, ece in chosen["out_of_fold_ece"].items())
        verdict = "is reached" if chosen["is_reached"] else "is **not** reached"
        parts.append(
            f"Fitted on the validation films in {len(chosen['fitted_on'])} views, every one weighing alike. Without "
            f"the patients it is measured on, in {chosen['folds']} folds, its ECE is: {errors}. On films as sent, "
            f"{chosen['wanted_ece']:g} at most was wanted, which {verdict}."
        )
    return "\n\n".join(parts)


def describe_referral(manifest: Manifest, metrics: Figures) -> str:
    """Answer the refer band, what it refers, and the accuracy of the rest at falling coverage."""
    validation = metrics["validation"]
    parts = []
    band, chosen = manifest.refer_band, metrics.get("chosen", {}).get("refer")
    if band is None:
        wanted = f": none kept the promise of {chosen['wanted_accuracy']:.0%}" if chosen else ""
        parts.append(f"This model has no refer band{wanted}.")
    else:
        ends = " to ".join(f"{manifest.calibration.probability(end):.3f}" for end in (band.low, band.high))
        parts.append(
            f"`refer` is true for logits strictly between {band.low:.4f} and {band.high:.4f}, probabilities {ends}: "
            f"the narrowest band around “{manifest.default_operating_point}” that leaves an accuracy of at least "
            f"{chosen['wanted_accuracy']:.0%} and refers at least {chosen['least_referred']:.0%}, on the "
            "altered validation films together and on those as sent. The same band holds at every operating point."
        )
        found = {"validation, as sent": validation["refer"], "validation, altered": validation["altered"]["refer"]}
        for part, figures in (chosen["out_of_fold"] or {}).items():
            found[f"validation, {part.replace('_', ' ')}, chosen without these patients"] = figures
        parts.append(describe_bands(found))
    if "risk_coverage" in validation:
        parts.append("Accuracy where ever more of the films nearest to the default threshold are left to a human:")
        parts.append(describe_coverage(_name_parts(validation, "risk_coverage")))
    return "\n\n".join(parts)


def describe_looks(manifest: Manifest, metrics: Figures) -> str:
    """Answer all that was seen in the looks at test films."""
    if not metrics["test"]:
        return "None yet: no test film was shown to this model when it was saved."
    parts = [OTHER_LOOKS]
    for look in metrics["test"]:
        parts.append(
            f"One look at `{look['data']}` after everything was chosen; {look['unreadable']} unreadable files left "
            "out; no film of it was trained on or chosen on. " + describe_figures(look)
        )
        parts.append(describe_ece(look))
        if manifest.refer_band is not None and "refer" in look:
            parts.append(describe_bands(_name_parts(look, "refer")))
        if "risk_coverage" in look:
            parts.append(describe_coverage(_name_parts(look, "risk_coverage")))
    return "\n\n".join(parts)


def _name_parts(figures: Figures, key: str) -> dict[str, Figures]:
    """Answer what stands under a key of the films as sent and, where there are such, of the altered ones."""
    altered = figures.get("altered")
    return {"as sent": figures[key]} | ({"altered": altered[key]} if altered else {})
