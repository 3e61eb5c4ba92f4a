"""What a model was trained on, and how, as the model card tells it."""

from __future__ import annotations

from training.reports import card_text
from training.reports.card_figures import Figures, count_films


def describe_data(data: Figures) -> str:
    """Answer the films, where they come from and how they were split, from `training_data` of `model.json`."""
    split = data["split"]
    lines = [
        card_text.KAGGLE_DATA if data["set"].startswith("Kaggle") else card_text.OTHER_DATA,
        "",
        f"Set: {data['set']}. {count_films(data['films'])}; {data['unreadable']} unreadable files left out, nothing "
        f"filled in; {data['exact_copies']} exact copies. Fingerprint `{data['fingerprint']}`.",
        "",
        f"Validation films were split off {split['rule']}; copies were kept on one side "
        f"(share {split['validation_share']:g}, seed {split['seed']}).",
        "",
        "| part | films | patients | fingerprint |",
        "| --- | --- | --- | --- |",
    ]
    for name in ("training", "validation"):
        part = split[name]
        lines.append(f"| {name} | {count_films(part['films'])} | {part['groups']} | `{part['fingerprint'][:16]}…` |")
    lines += ["", "| median file | width | height | bytes per pixel |", "| --- | --- | --- | --- |"]
    for label, file in data["median_file"].items():
        lines.append(f"| {label} | {file['width']} | {file['height']} | {file['bytes_per_pixel']:.3f} |")
    return "\n".join(lines)


def describe_training(training: Figures) -> str:
    """Answer command, machine, settings and every epoch, from `training` of `model.json`."""
    moves = training["augmentation"]
    augmentation = ", ".join(f"{name} {amount:g}" for name, amount in moves.items()) if moves else "none"
    blended = bool(training.get("mixup") or training.get("smoothing"))
    settings = [
        f"- {training['optimizer']}, {training['loss']}, batch {training['batch_size']}, {training['epochs']} epochs, "
        f"seed {training['seed']}; learning rate {_describe_rate(training)}. Weights drawn at random from the seed, "
        f"kept: {training['weights']}. One network, no ensemble.",
        f"- Augmentation: {augmentation}.",
    ]
    if training.get("source_side"):
        settings.append(f"- Films are read at {training['source_side']} pixels a side and augmented there.")
    # Entries of format 1 call it `looks`.
    if style := training.get("style_transfer") or training.get("looks"):
        p_transfer = style.get("p_transfer", style.get("p_borrow"))
        settings.append(
            f"- Before that a film borrows, with a probability of {p_transfer:g}, the look of another, drawn "
            "from either class alike: the detail in each ring of its spectrum and its gray levels, each wholly with a "
            f"probability of {style['p_whole']:g}, else in part."
        )
    if blended or training.get("is_balanced"):
        drawn = "as many films of either class are drawn" if training["is_balanced"] else "each film is drawn once"
        settings.append(f"- An epoch: {drawn}; mixup {training['mixup']:g}, label smoothing {training['smoothing']:g}.")
    software = ", ".join(f"{name} {version}" for name, version in training.get("software", {}).items())
    settings.append(
        f"- {training['backend']} backend, {training['seconds']} s"
        + (f", on {training['machine']}" if "machine" in training else "")
        + (f"; {software}." if software else ".")
    )
    lines = [
        f"    {training['command']}",
        "",
        *settings,
        "",
        "| epoch | loss | accuracy | validation loss | validation accuracy | learning rate |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for epoch in training["history"]:
        # Of blended labels there is no accuracy to speak of.
        accuracy = "–" if blended else f"{epoch['accuracy']:.4f}"
        figures = f"{epoch['loss']:.4f} | {accuracy} | {epoch['val_loss']:.4f} | {epoch['val_accuracy']:.4f}"
        lines.append(f"| {epoch['epoch']:.0f} | {figures} | {epoch['learning_rate']:.3g} |")
    return "\n".join(lines)


def _describe_rate(training: Figures) -> str:
    if training["reduce_lr"]:
        return "reduced on plateaus"
    rates = {epoch["learning_rate"] for epoch in training["history"]}
    return "by a schedule, see the table" if len(rates) > 1 else "constant"
