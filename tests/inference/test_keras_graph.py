"""Which map a Keras network has, and what is refused."""

import keras
import numpy as np
import pytest
from keras import layers

from app.errors import ArtifactRefused
from app.inference.artifact import find_entry
from app.inference.engine import open_engine
from app.inference.keras_graph import (
    NetworkWithMaps,
    export_serving,
    find_head,
    maps_of,
    round_weights,
    save_network,
)
from app.inference.manifest import CamSpec, MapsSpec

GRADIENT = "gradient x activation through the dense head"
FILMS = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 1)).astype(np.float32)


def network(body, seed=4, **logit):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((20, 24, 1))
    features = layers.Conv2D(3, 3, activation="relu", name="conv")(layers.Rescaling(1 / 255)(inputs))
    logit = layers.Dense(**({"units": 1, "name": "logit", "bias_initializer": "random_normal"} | logit))(body(features))
    model = keras.Model(inputs, layers.Activation("sigmoid", name="probability")(logit))
    # No weight, no bias and no running mean is left at the 0 or 1 that it begins with.
    rng = np.random.default_rng(1)
    model.set_weights([w + 0.1 * np.abs(rng.normal(size=w.shape)).astype(np.float32) for w in model.get_weights()])
    return model


BODIES = {
    "pooled": lambda x: layers.GlobalAveragePooling2D()(x),
    "flat": lambda x: layers.Flatten()(x),
    "pooled with dropout": lambda x: layers.Dropout(0.3)(
        layers.GlobalAveragePooling2D()(layers.SpatialDropout2D(0.3)(x))
    ),
    "pooled, two dense": lambda x: layers.Dense(4, "relu")(layers.Dense(5, "relu")(layers.GlobalAveragePooling2D()(x))),
    "flat, one dense": lambda x: layers.Dense(4, "relu", use_bias=False)(layers.Flatten()(layers.MaxPooling2D(2)(x))),
    "kept dimensions": lambda x: layers.Flatten()(layers.GlobalAveragePooling2D(keepdims=True)(x)),
}


@pytest.mark.parametrize("name", BODIES)
def test_every_piecewise_linear_head_is_shared_out_exactly(name):
    """The map is activation × gradient as TensorFlow derives it, and with its bias sums to the logit."""
    import tensorflow as tf

    model = network(BODIES[name])
    maps = maps_of(model)
    assert maps.cam is not None
    logit, cam, bias, conv = (np.asarray(part) for part in NetworkWithMaps(model, maps)(FILMS))
    plain = np.asarray(keras.Model(model.inputs, model.get_layer("logit").output)(FILMS))
    assert np.abs(logit - plain).max() < 1e-5
    assert np.abs(cam.sum(axis=(1, 2)) + bias - plain[:, 0]).max() < 1e-4
    assert conv.shape == (3, 18, 22, 3)
    features = keras.Model(model.inputs, find_head(model).features.output)(FILMS)
    rest = keras.Model(find_head(model).features.output, model.get_layer("logit").output)
    with tf.GradientTape() as tape:
        tape.watch(features)
        again = rest(features)
    derived = np.asarray(tf.reduce_sum(features * tape.gradient(again, features), axis=-1))
    assert cam.shape == derived.shape
    assert np.abs(cam - derived).max() < 1e-5


@pytest.mark.parametrize(
    ("name", "method", "layer"),
    [
        ("pooled", "class activation map (Zhou 2016)", "conv"),
        ("pooled with dropout", "class activation map (Zhou 2016)", "conv"),
        ("flat", GRADIENT, "conv"),
        ("pooled, two dense", GRADIENT, "conv"),
    ],
)
def test_the_method_is_named_after_the_head(name, method, layer):
    """One dense layer on pooled features is the map of Zhou 2016; anything longer goes by the gradient."""
    assert maps_of(network(BODIES[name])).cam == CamSpec(method=method, layer=layer, exact=True)


@pytest.mark.parametrize(
    "body",
    [
        lambda x: layers.Dense(4, "tanh")(layers.Flatten()(x)),
        lambda x: layers.GlobalMaxPooling2D()(x),
        lambda x: layers.Flatten()(layers.GlobalAveragePooling2D()(x)),
        lambda x: layers.Flatten(data_format="channels_first")(x),
        lambda x: layers.Concatenate()([layers.Flatten()(x), layers.Flatten()(x)]),
        lambda x: layers.BatchNormalization()(layers.GlobalAveragePooling2D()(x)),
    ],
)
def test_any_other_head_is_left_to_occlusion(body):
    """Nothing is claimed of it; its layers are offered all the same."""
    assert maps_of(network(body)) == MapsSpec(layers=["conv"], cam=None)


@pytest.mark.parametrize("logit", [{"name": "other"}, {"units": 2}, {"activation": "sigmoid"}, {"activation": "relu"}])
def test_a_network_without_a_plain_logit_is_refused(logit):
    """A layer named logit that is Dense(1), and not squashed already."""
    with pytest.raises(ArtifactRefused, match="Expected a network with a layer named 'logit'"):
        find_head(network(BODIES["pooled"], **logit))


def test_rounded_weights_are_what_float16_holds():
    """And stay within half a thousandth of what they were."""
    model = network(BODIES["pooled"])
    before = model.get_weights()
    round_weights(model)
    for old, new in zip(before, model.get_weights(), strict=True):
        assert np.array_equal(new, new.astype(np.float16).astype(np.float32))
        assert np.allclose(old, new, rtol=5e-4, atol=1e-7)


def test_a_saved_network_gives_the_same_numbers_without_its_optimizer(tmp_path):
    """The optimizer's state stays out of the file, and stays with the network."""
    model = network(BODIES["flat"])
    model.compile("adam", "binary_crossentropy")
    model.fit(FILMS, np.array([0, 1, 0]), verbose=0)
    save_network(model, tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert np.array_equal(np.asarray(model(FILMS)), np.asarray(again(FILMS)))
    assert model.optimizer is not None
    model.save(tmp_path / "bare.keras")
    assert (tmp_path / "model.keras").stat().st_size < (tmp_path / "bare.keras").stat().st_size


def test_half_precision_files_hold_the_very_weights(tiny_store):
    """Two bytes a weight, and each twice in the graph: as it is, and turned round for the gradient."""
    entry = find_entry(tiny_store, "dense")
    count = keras.saving.load_model(entry.folder / "model.keras").count_params()
    assert (entry.folder / "serving" / "model.bin").stat().st_size < 5 * count


def test_an_export_with_batch_normalisation_answers_as_keras_does(tmp_path):
    """Running means, variances, scales and shifts that are not those of an untrained network."""

    def body(x):
        return layers.GlobalAveragePooling2D()(layers.ReLU()(layers.BatchNormalization()(x)))

    model = network(body)
    round_weights(model)
    maps = export_serving(model, tmp_path / "serving")
    ours = open_engine("openvino", tmp_path, maps).maps(FILMS[..., 0].astype(np.uint8), cam=True, layers=True)
    logit, cam, bias, conv = (np.asarray(part) for part in NetworkWithMaps(model, maps)(FILMS))
    assert np.abs(ours.logits - logit[:, 0]).max() < 1e-4
    assert np.abs(ours.cam - cam).max() < 1e-4
    assert np.abs(ours.cam_bias - bias).max() < 1e-4
    assert np.abs(ours.layers["conv"] - conv).max() < 1e-4


def test_layers_for_maps_can_be_chosen(tmp_path):
    """Only those are offered, by their names."""
    assert maps_of(network(BODIES["flat"]), ["conv"]).layers == ["conv"]
    with pytest.raises(ValueError, match="absent"):
        export_serving(network(BODIES["flat"]), tmp_path, ["absent"])


def deep(x):
    for number in range(12):
        x = layers.Conv2D(2 + number % 3, 3, padding="same", name=f"deep{number}")(x)
    return layers.GlobalAveragePooling2D()(x)


def test_a_network_of_many_layers_exports_each_under_its_own_name(tmp_path):
    """With over ten outputs too, where the exported graph lists Identity_10 before Identity_2."""
    model = network(deep)
    maps = export_serving(model, tmp_path / "serving")
    expected = np.asarray(keras.Model(model.inputs, model.get_layer("deep9").output)(FILMS))
    engine = open_engine("openvino", tmp_path, maps)
    layer = engine.maps(FILMS[..., 0].astype(np.uint8), cam=False, layers=True).layers["deep9"]

    assert len(maps.layers) == 13
    np.testing.assert_allclose(layer, expected, rtol=1e-4, atol=1e-4)


def test_a_network_of_large_logits_exports(tmp_path):
    """Its bias is the small difference of two large sums, so off by their rounding: no reason to refuse it."""
    model = network(deep, seed=10)
    logit, _, bias, *_ = (np.asarray(part) for part in NetworkWithMaps(model, maps_of(model))(FILMS))

    assert np.abs(logit).max() > 10_000 * np.abs(bias).max()
    assert export_serving(model, tmp_path / "serving").cam is not None
