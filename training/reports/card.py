"""An entry's own files → its MODEL_CARD.md; nothing is typed by hand that a file knows."""

from __future__ import annotations

from pathlib import Path

from app.inference.manifest import Manifest
from training.evaluation.operating_points import CHOICES
from training.reports import card_text
from training.reports.card_figures import Figures, count_films, describe_figures, describe_sections, show
from training.reports.card_training import describe_data, describe_training
from training.reports.card_trust import describe_calibration, describe_looks, describe_referral


def write_card(folder: Path) -> None:
    """Write `MODEL_CARD.md` of an entry from its other files."""
    (folder / "MODEL_CARD.md").write_text(describe(folder), encoding="utf-8")


def describe(folder: Path) -> str:
    """Answer the card of an entry as Markdown.

    It is made of `model.json`, of `audit.json` and `outside.json` where they are there, and of the names of the plots:
    from the same files comes the same card.
    """
    manifest = Manifest.model_validate_json((folder / "model.json").read_bytes())
    plots = _Plots(folder)
    data: Figures = manifest.training_data
    training: Figures = manifest.training
    metrics: Figures = manifest.metrics
    looks = "Looks at test films"
    sections = {
        "Summary": _describe_summary(manifest, metrics),
        "Intended use": _describe_use(manifest),
        "Data": describe_data(data),
        "Model": _describe_model(manifest, training),
        "Training": describe_training(training) + plots.show("learning_curves.png"),
        "Operating points": _describe_points(manifest, metrics),
        "Figures on the validation films": f"{describe_figures(metrics['validation'])}\n\n"
        f"{_describe_engines(metrics['engines'])}{plots.show('validation_report.png')}",
        "Calibration": describe_calibration(manifest, metrics) + plots.show("validation_calibration.png"),
        "Referral": describe_referral(manifest, metrics) + plots.show("validation_risk_coverage.png"),
        looks: describe_looks(manifest, metrics) + plots.show("test_*.png"),
        "Audit": (
            describe_sections(folder / "audit.json") or "Not made for this model: `pneumoserve evaluate` makes it."
        )
        + plots.show("audit*.png"),
        "Outside data": (describe_sections(folder / "outside.json") or "None was shown to this model.")
        + plots.show("outside*.png"),
        "Limits": _describe_limits(manifest, data),
        "Availability": card_text.AVAILABILITY + plots.show("*.png"),
        "Where CLAIM and TRIPOD+AI are answered": card_text.describe_checklists(),
    }
    title = f"# {manifest.name} {manifest.version}: a deep-learning model that reads chest radiographs for pneumonia"
    saved = (
        f"Generated from the files of this folder; the model was saved {manifest.created}. **Not a medical device.**"
    )
    parts = [title, saved, *(f"## {name}\n\n{text}" for name, text in sections.items())]
    return "\n\n".join(part.strip() for part in parts) + "\n"


class _Plots:
    """The plots of an entry, each shown once: in the first section that asks for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown: set[str] = set()

    def show(self, pattern: str) -> str:
        names = sorted(plot.name for plot in self._folder.glob(pattern) if plot.name not in self._shown)
        self._shown.update(names)
        return "".join(f"\n\n![{name}]({name})" for name in names)


def _describe_summary(manifest: Manifest, metrics: Figures) -> str:
    point = manifest.default_operating_point
    sets = {"validation films, as sent": metrics["validation"]}
    if altered := metrics["validation"].get("altered"):
        sets["validation films, altered"] = altered
    for look in metrics["test"]:
        sets[f"one look at `{look['data']}`"] = look
    keys = ("auc", "accuracy", "sensitivity", "specificity")
    lines = [
        f"A convolutional network reads one frontal film and answers the probability of {manifest.labels[1]}. At its "
        f"default operating point, “{point}”:",
        "",
        f"| | films | {' | '.join(keys)} |",
        "|" + " --- |" * (len(keys) + 2),
    ]
    for name, figures in sets.items():
        found = figures["operating_points"][point]
        cells = " | ".join(show(found[key]) for key in keys)
        lines.append(f"| {name} | {sum(figures['films'].values()):,} | {cells} |")
    return "\n".join(lines)


def _describe_use(manifest: Manifest) -> str:
    parts = [manifest.intended_use, card_text.NOT_FOR, card_text.GOAL]
    if manifest.notices:
        parts.append("Every answer warns:")
        parts.append("\n".join(f"- `{notice.code}`: {notice.detail}" for notice in manifest.notices))
    return "\n\n".join(parts)


def _describe_model(manifest: Manifest, training: Figures) -> str:
    cam = manifest.maps.cam
    method = "by occlusion" if cam is None else f"{cam.method}, at `{cam.layer}`"
    exact = " (it and its bias sum to the logit)" if cam is not None and cam.exact else ""
    return "\n".join(
        [
            f"- Network `{training['network']}`: {training['source'] or 'no source given'}; "
            f"{training['parameters']:,} parameters.",
            f"- Input {manifest.input.width}×{manifest.input.height}, one gray channel of 0 to 255, resized by "
            f"`{manifest.input.resize}`; the service prepares films by the same code as the training did. Nothing but "
            f"the film is read. Output: the logit of {manifest.labels[1]}, calibrated to a probability.",
            f"- Maps: `cam` {method}{exact}; `layers` {', '.join(f'`{name}`' for name in manifest.maps.layers)}.",
            f"- Keras {manifest.keras_version}; sha256 of `model.keras` `{manifest.sha256.model_keras}`.",
        ]
    )


def _describe_points(manifest: Manifest, metrics: Figures) -> str:
    lines = ["| name | threshold on the logit | as a probability | chosen |", "| --- | --- | --- | --- |"]
    for name, threshold in manifest.operating_points.items():
        default = " (default)" if name == manifest.default_operating_point else ""
        probability = manifest.calibration.probability(threshold)
        lines.append(f"| {name}{default} | {threshold:.4f} | {probability:.4f} | {CHOICES[name][1]} |")
    views = metrics.get("chosen", {}).get("views", [])
    if len(views) > 1:
        lines += ["", f"Views, every one weighing alike: {'; '.join(views)}."]
    return "\n".join(lines)


def _describe_engines(engines: Figures) -> str:
    return (
        f"OpenVINO against Keras on these {engines['films']} films: largest difference in probability "
        f"{engines['largest_probability_difference']:.1e}, {engines['classes_changed']} classes changed."
    )


def _describe_limits(manifest: Manifest, data: Figures) -> str:
    measured = (
        f"- In the very files that this model was trained on ({count_films(data['films'])}), **bytes per pixel alone "
        f"tell the classes apart with AUC {data['file_size_auc']:.3f}** (0.5 would be not at all): what they leave in "
        "the pixels may be learned instead of disease."
    )
    known = [card_text.KAGGLE_LIMITS] if data["set"].startswith("Kaggle") else []
    warned = [f"- {notice.detail}" for notice in manifest.notices]
    return "\n".join([measured, *warned, *known, card_text.LIMITS])
