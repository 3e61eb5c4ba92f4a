"""A student and its teachers, trained together as one network."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from training.fitting.distillation import WEIGHT_OF_TEACHERS, accuracy, distillation_loss, join, take_weights
from training.networks.pneumonet import build_pneumonet


def build(channels: int = 4) -> keras.Model:
    return build_pneumonet(48, 48, stages=((channels, 1),))


def build_linear() -> keras.Model:
    """Without dropout, so that two trainings are equal."""
    film = keras.Input((48, 48, 1))
    logit = keras.layers.Dense(1, name="logit")(keras.layers.Rescaling(1e-4)(keras.layers.Flatten()(film)))
    return keras.Model(film, keras.layers.Activation("sigmoid")(logit))


@pytest.fixture(scope="module")
def films() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (6, 48, 48, 1)).astype(np.float32)


def to_logits(network: keras.Model, films: np.ndarray) -> np.ndarray:
    return np.asarray(keras.Model(network.input, network.get_layer("logit").output).predict_on_batch(films))


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def cross_entropy(labels: np.ndarray, p: np.ndarray) -> np.ndarray:
    return -(labels * np.log(p) + (1 - labels) * np.log(1 - p))


def test_the_joined_network_gives_all_logits(films: np.ndarray) -> None:
    """The student's first, each as the network alone gives it."""
    networks = build(), build(6), build(6)
    joined = join(networks[0], networks[1:])
    expected = np.concatenate([to_logits(network, films) for network in networks], axis=1)
    assert joined.predict_on_batch(films) == pytest.approx(expected, abs=1e-5)


def test_the_student_learns_from_label_and_teachers() -> None:
    """Against the formula of Hinton et al. 2015 with temperature 1."""
    logits = np.array([[0.3, 2.0, 1.0], [-1.0, -0.5, 0.1]])
    labels = np.array([[1.0], [0.5]])
    taught = sigmoid(logits[:, 1:].mean(axis=1, keepdims=True))
    mixed = WEIGHT_OF_TEACHERS * taught + (1 - WEIGHT_OF_TEACHERS) * labels
    expected = cross_entropy(mixed, sigmoid(logits[:, :1])).sum(axis=1)
    expected += cross_entropy(labels, sigmoid(logits[:, 1:])).sum(axis=1)
    assert np.asarray(distillation_loss(labels, logits)) == pytest.approx(expected, rel=1e-6)


def test_teachers_learn_from_labels_alone(films: np.ndarray) -> None:
    """The student's loss does not move them: their step is that of a training without a student's label."""
    keras.utils.set_random_seed(1)
    student, teacher = build_linear(), build_linear()
    weights = [weight.copy() for weight in teacher.get_weights()]
    moved = []
    for is_taught in (True, False):
        teacher.set_weights(weights)
        joined = join(student, [teacher])
        loss = distillation_loss if is_taught else cross_entropy_of_teacher
        joined.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss)
        joined.train_on_batch(films, np.arange(6, dtype=np.float32)[:, np.newaxis] % 2)
        moved.append([weight.copy() for weight in teacher.get_weights()])
    assert any(not np.array_equal(before, after) for before, after in zip(weights, moved[0], strict=True))
    for one, other in zip(*moved, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def cross_entropy_of_teacher(labels: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    losses = keras.losses.binary_crossentropy(labels, logits[:, 1:], from_logits=True)
    # Tied to the student, so that every weight has a gradient.
    return losses + 0.0 * logits[:, 0]


def test_accuracy_is_the_students() -> None:
    logits = np.array([[0.3, -2.0], [-1.0, 3.0], [2.0, 2.0]], np.float32)
    assert np.asarray(accuracy(np.array([[1.0], [1.0], [0.0]]), logits)).tolist() == [1.0, 0.0, 0.0]


@pytest.mark.long
def test_a_joined_network_resumes_and_gives_its_student(films: np.ndarray, tmp_path: Path) -> None:
    """From a file, without options: loss and metric are found by their names."""
    student = build()
    joined = join(student, [build(6)])
    joined.compile(optimizer=keras.optimizers.AdamW(0.01), loss=distillation_loss, metrics=[accuracy])
    joined.train_on_batch(films, np.ones((6, 1), np.float32))
    joined.save(tmp_path / "epoch.keras")
    read = keras.models.load_model(tmp_path / "epoch.keras")
    assert "accuracy" in read.evaluate(films, np.ones((6, 1), np.float32), verbose=0, return_dict=True)
    taken = take_weights(build(), read)
    assert to_logits(taken, films) == pytest.approx(read.predict_on_batch(films)[:, :1], abs=1e-5)
