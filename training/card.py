"""An entry's own files → its MODEL_CARD.md; nothing is typed by hand that a file knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.inference.manifest import Manifest
from training.metrics import METRICS
from training.operating_points import CHOICES

_KAGGLE_LIMITS = """\
- **Compression and sharpness give the class away in this set.** In its training split as published, bytes per pixel
  have no overlap worth the name between the classes (median 0.253 NORMAL, 0.080 PNEUMONIA), and seven global
  statistics of sharpness and contrast alone reach AUC 0.963 there against 0.869 on the official test split. A random
  validation split shares this shortcut, so **the validation figures flatter the model**.
- **Thresholds travel worse than rankings.** An operating point chosen on such validation films may call many healthy
  films of another source pneumonia.
- **Children of 1 to 5 years, one hospital** (Guangzhou). Nothing is claimed for adults, other ages, other hospitals or
  other machines; a network trained on this set was measured at AUC 0.385 on adults of another hospital.
"""


def write_card(folder: Path) -> None:
    """Write `MODEL_CARD.md` of an entry from its `model.json` and the plots beside it."""
    manifest = Manifest.model_validate_json((folder / "model.json").read_bytes())
    (folder / "MODEL_CARD.md").write_text(describe(manifest, sorted(plot.name for plot in folder.glob("*.png"))))


def describe(manifest: Manifest, plots: list[str]) -> str:
    """Answer the card of a model as Markdown, with the plots of these file names."""
    # JSON as training wrote it: `finish` and `dataset` are its only writers.
    data: dict[str, Any] = manifest.training_data
    training: dict[str, Any] = manifest.training
    metrics: dict[str, Any] = manifest.metrics
    sections = [
        f"# {manifest.name} {manifest.version}\n\nGenerated from `model.json` when the model was saved, "
        f"{manifest.created}. **Not a medical device.**",
        f"## Intended use\n\n{manifest.intended_use}",
        "## Model\n\n" + _describe_model(manifest, training),
        "## Training\n\n" + _describe_training(training),
        "## Data\n\n" + _describe_data(data),
        "## Operating points\n\n" + _describe_points(manifest),
        f"## Figures on the validation films\n\n{_describe_figures(metrics['validation'])}\n\n"
        + _describe_engines(metrics["engines"]),
        "## Looks at test films\n\n" + _describe_tests(metrics),
        "## Limits\n\n" + _describe_limits(data),
        "## Plots\n\n" + "\n".join(f"![{plot}]({plot})" for plot in plots),
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _describe_model(manifest: Manifest, training: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"- Network `{training['network']}`: {training['source'] or 'no source given'}; "
            f"{training['parameters']:,} parameters.",
            f"- Input {manifest.input.width}×{manifest.input.height}, one gray channel of 0 to 255, "
            f"resized by `{manifest.input.resize}`; output P({manifest.labels[1]}).",
            f"- Calibration `{manifest.calibration.method}`, at a prevalence of {manifest.calibration.prevalence:.3f}.",
            f"- Maps: {_describe_maps(manifest)}.",
            f"- Keras {manifest.keras_version}; sha256 of `model.keras` `{manifest.sha256.model_keras}`.",
        ]
    )


def _describe_maps(manifest: Manifest) -> str:
    cam = manifest.maps.cam
    method = "by occlusion" if cam is None else f"{cam.method}, at `{cam.layer}`"
    return f"`cam` {method}; `layers` {', '.join(f'`{name}`' for name in manifest.maps.layers)}"


def _describe_training(training: dict[str, Any]) -> str:
    moves = training["augmentation"]
    augmentation = ", ".join(f"{name} {amount:g}" for name, amount in moves.items()) if moves else "none"
    lines = [
        f"    {training['command']}",
        "",
        f"{training['optimizer']}, {training['loss']}, batch {training['batch_size']}, {training['epochs']} epochs, "
        f"seed {training['seed']}; augmentation: {augmentation}; learning rate "
        f"{'reduced on plateaus' if training['reduce_lr'] else 'constant'}. Weights {training['weights']}. "
        f"{training['backend']} backend, {training['seconds']} s.",
        "",
        "| epoch | loss | accuracy | validation loss | validation accuracy | learning rate |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for epoch in training["history"]:
        figures = " | ".join(f"{epoch[key]:.4f}" for key in ("loss", "accuracy", "val_loss", "val_accuracy"))
        lines.append(f"| {epoch['epoch']:.0f} | {figures} | {epoch['learning_rate']:g} |")
    return "\n".join(lines)


def _describe_data(data: dict[str, Any]) -> str:
    split = data["split"]
    lines = [
        f"Set: {data['set']}. {_count(data['films'])}; {data['unreadable']} unreadable files left out; "
        f"{data['exact_copies']} exact copies. Fingerprint `{data['fingerprint']}`.",
        "",
        f"Validation films were split off {split['rule']}; copies were kept on one side "
        f"(share {split['validation_share']:g}, seed {split['seed']}).",
        "",
        "| part | films | patients | fingerprint |",
        "| --- | --- | --- | --- |",
    ]
    for name in ("training", "validation"):
        part = split[name]
        lines.append(f"| {name} | {_count(part['films'])} | {part['groups']} | `{part['fingerprint'][:16]}…` |")
    lines += ["", "| median file | width | height | bytes per pixel |", "| --- | --- | --- | --- |"]
    for label, file in data["median_file"].items():
        lines.append(f"| {label} | {file['width']} | {file['height']} | {file['bytes_per_pixel']:.3f} |")
    return "\n".join(lines)


def _describe_points(manifest: Manifest) -> str:
    lines = ["| name | threshold on the logit | as a probability | chosen |", "| --- | --- | --- | --- |"]
    for name, threshold in manifest.operating_points.items():
        default = " (default)" if name == manifest.default_operating_point else ""
        probability = manifest.calibration.probability(threshold)
        lines.append(f"| {name}{default} | {threshold:.4f} | {probability:.4f} | {CHOICES[name][1]} |")
    return "\n".join(lines)


def _describe_figures(figures: dict[str, Any]) -> str:
    points = figures["operating_points"]
    lines = [
        f"{_count(figures['films'])}, {figures['patients']} patients. Intervals: {figures['intervals']}.",
        "",
        f"| | {' | '.join(points)} |",
        f"| --- | {' | '.join('---' for _ in points)} |",
    ]
    for metric in METRICS:
        lines.append(f"| {metric} | {' | '.join(_show(point[metric]) for point in points.values())} |")
    for row, label in enumerate(figures["films"]):
        cells = " | ".join("{} / {}".format(*point["confusion_matrix"][row]) for point in points.values())
        lines.append(f"| {label}: said NORMAL / PNEUMONIA | {cells} |")
    return "\n".join(lines)


def _describe_engines(engines: dict[str, Any]) -> str:
    return (
        f"OpenVINO against Keras on these {engines['films']} films: largest difference in probability "
        f"{engines['largest_probability_difference']:.1e}, {engines['classes_changed']} classes changed."
    )


def _describe_tests(metrics: dict[str, Any]) -> str:
    if not metrics["test"]:
        return "None yet: no test film was shown to this model when it was saved."
    parts = []
    for look in metrics["test"]:
        parts.append(
            f"One look at `{look['data']}` after everything was chosen; "
            f"{look['unreadable']} unreadable files left out. " + _describe_figures(look)
        )
    return "\n\n".join(parts)


def _describe_limits(data: dict[str, Any]) -> str:
    measured = (
        f"- In the very files that this model was trained on, **bytes per pixel alone tell the classes apart with AUC "
        f"{data['file_size_auc']:.3f}** (0.5 would be not at all): what they leave in the pixels may be learned "
        "instead of disease.\n"
    )
    known = _KAGGLE_LIMITS if data["set"].startswith("Kaggle") else ""
    return (
        measured + known + "- Nothing but frontal chest films was shown to it; it has no way to refuse another picture."
    )


def _count(films: dict[str, int]) -> str:
    return " + ".join(f"{number:,} {label}" for label, number in films.items()) + " films"


def _show(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return f"undefined ({figure['note']})"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
