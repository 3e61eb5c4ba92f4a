"""The maps that a Keras network gives, and what is refused."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from app.errors import ArtifactRefused
from app.inference.keras_graph import NetworkWithMaps, find_head
from app.inference.manifest import CamSpec, MapsSpec
from tests.inference.small_networks import BODIES, FILMS, network
from training.publishing.maps import maps_of


@pytest.mark.parametrize("name", BODIES)
def test_the_logit_of_every_piecewise_linear_head_is_attributed_exactly(name: str) -> None:
    """The map is TensorFlow's activation × gradient, and with its bias sums to the logit."""
    import tensorflow as tf

    model = network(BODIES[name])
    maps = maps_of(model)
    assert maps.cam is not None
    logit, cam, bias, conv = (np.asarray(part) for part in NetworkWithMaps(model, maps)(FILMS))
    plain = np.asarray(keras.Model(model.inputs, model.get_layer("logit").output)(FILMS))
    assert np.abs(logit - plain).max() < 1e-5
    assert np.abs(cam.sum(axis=(1, 2)) + bias - plain[:, 0]).max() < 1e-4
    assert conv.shape == (3, 18, 22, 3)
    features = keras.Model(model.inputs, find_head(model).features)(FILMS)
    rest = keras.Model(find_head(model).features, model.get_layer("logit").output)
    with tf.GradientTape() as tape:
        tape.watch(features)
        again = rest(features)
    derived = np.asarray(tf.reduce_sum(features * tape.gradient(again, features), axis=-1))
    assert cam.shape == derived.shape
    assert np.abs(cam - derived).max() < 1e-5


@pytest.mark.parametrize("logit", [{"name": "other"}, {"units": 2}, {"activation": "sigmoid"}, {"activation": "relu"}])
def test_a_network_without_a_plain_logit_is_refused(logit: dict[str, Any]) -> None:
    """A layer named logit that is Dense(1), and not squashed already."""
    with pytest.raises(ArtifactRefused, match="Expected a network with a layer named 'logit'"):
        find_head(network(BODIES["pooled"], **logit))


def test_a_network_that_is_a_layer_of_another_has_its_map() -> None:
    """As a pretrained base stands in most networks: its own output is read, as the outer network calls it."""
    base = keras.Sequential([keras.Input((18, 22, 3)), layers.Conv2D(5, 3, activation="relu")], name="base")
    model = network(lambda x: layers.GlobalAveragePooling2D()(layers.GaussianNoise(0.1)(base(x))))
    logit, cam, bias, conv = (np.asarray(part) for part in NetworkWithMaps(model, maps_of(model))(FILMS))

    assert maps_of(model).cam == CamSpec(method="class activation map (Zhou 2016)", layer="base", exact=True)
    assert cam.shape == (3, 16, 20)
    assert np.abs(cam.sum(axis=(1, 2)) + bias - logit[:, 0]).max() < 1e-4
    assert conv.shape == (3, 18, 22, 3)


def test_a_layer_that_is_used_twice_has_no_map_of_its_own_and_hinders_none() -> None:
    """Which of its two activations would be meant?"""
    twice, relu = layers.Conv2D(3, 3, padding="same", name="twice"), layers.ReLU()
    model = network(lambda x: layers.GlobalAveragePooling2D()(relu(twice(relu(twice(x))))))

    assert maps_of(model).layers == ["conv"]
    assert maps_of(model).cam.layer == relu.name
    assert len(NetworkWithMaps(model, maps_of(model))(FILMS)) == 4


def test_feature_maps_of_unknown_size_are_left_to_occlusion() -> None:
    """A network for films of any size; its pooled map can't be scaled."""
    films = keras.Input((None, None, 1))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, name="conv")(films))
    assert find_head(keras.Model(films, layers.Dense(1, name="logit")(pooled))) is None


def test_a_network_with_no_map_at_all_answers_its_logit() -> None:
    """As a list, like any other."""
    model = network(layers.GlobalMaxPooling2D())
    (logit,) = NetworkWithMaps(model, MapsSpec())(FILMS)
    assert np.array_equal(
        np.asarray(logit), np.asarray(keras.Model(model.inputs, model.get_layer("logit").output)(FILMS))
    )
