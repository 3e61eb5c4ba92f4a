"""Distillation: a small network learns from larger ones, its teachers, while they learn from the same batches.

Sources: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network"; Lan et al. 2018, "Knowledge Distillation by
On-the-Fly Native Ensemble", for teachers that train at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

WEIGHT_OF_TEACHERS = 0.7
"""Weight of the teachers' probability in the label that the student learns from; the film's own label has the rest."""


def join(student: keras.Model, teachers: Sequence[keras.Model]) -> keras.Model:
    """Return one network from a film to the logits of all, (N, 1 + teachers), the student's first.

    Args:
        student: from film to probability, with a layer `logit`.
        teachers: likewise, for films of the same size.
    """
    film = keras.Input(student.input_shape[1:], name="film")
    logits = [_to_logit(student, "student")(film)]
    logits += [_to_logit(teacher, f"teacher{number}")(film) for number, teacher in enumerate(teachers, start=1)]
    return keras.Model(film, keras.layers.Concatenate(name="logits")(logits), name="distillation")


def take_weights(student: keras.Model, joined: keras.Model) -> keras.Model:
    """Return `student` with the weights that it has in a joined network."""
    student.set_weights(joined.get_layer("student").get_weights())
    return student


@keras.saving.register_keras_serializable("pneumoserve")  # type: ignore[untyped-decorator]  # Keras ships no types
def distillation_loss(labels: Any, logits: Any) -> Any:
    """Return each film's sum of cross entropies, (N,).

    Teachers learn from the label, 0 to 1 (N, 1); the student also from the sigmoid of their mean logit, as it stands.
    """
    student, teachers = logits[:, :1], logits[:, 1:]
    taught = ops.sigmoid(ops.stop_gradient(ops.mean(teachers, axis=1, keepdims=True)))
    mixed = WEIGHT_OF_TEACHERS * taught + (1 - WEIGHT_OF_TEACHERS) * labels
    return ops.sum(ops.concatenate([_cross_entropy(mixed, student), _cross_entropy(labels, teachers)], axis=1), axis=1)


@keras.saving.register_keras_serializable("pneumoserve")  # type: ignore[untyped-decorator]  # Keras ships no types
def accuracy(labels: Any, logits: Any) -> Any:
    """Return whether the student's class is the label's, (N,); for labels of 0 and 1."""
    return ops.cast(ops.equal(logits[:, 0] > 0, labels[:, 0] > 0.5), "float32")


@keras.saving.register_keras_serializable("pneumoserve")  # type: ignore[untyped-decorator]  # Keras ships no types
def student_loss(labels: Any, logits: Any) -> Any:
    """Return the student's cross entropy with the labels alone, (N,), which other trainings can be compared by."""
    return _cross_entropy(labels, logits[:, :1])[:, 0]


def metrics_of_student(metrics: dict[str, float]) -> dict[str, float]:
    """Return the metrics of an epoch with the student's loss for that of all networks, where there are several."""
    own = {name.replace("student_loss", "loss"): value for name, value in metrics.items() if "student_loss" in name}
    return {name: value for name, value in metrics.items() if "student_loss" not in name} | own


def _to_logit(network: keras.Model, name: str) -> keras.Model:
    return keras.Model(network.input, network.get_layer("logit").output, name=name)


def _cross_entropy(labels: Any, logits: Any) -> Any:
    return labels * ops.softplus(-logits) + (1 - labels) * ops.softplus(logits)
