"""What is written of a network: the same numbers in both of its forms."""

import keras
import numpy as np
import pytest
from keras import layers

from app.inference.artifact import find_entry
from app.inference.engines import open_engine
from app.inference.keras_graph import NetworkWithMaps
from tests.inference.small_networks import BODIES, FILMS, network
from training.publishing.maps import maps_of
from training.publishing.serving_form import export_serving, round_weights, save_network


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


@pytest.mark.long
def test_a_network_of_many_layers_exports_each_under_its_own_name(tmp_path):
    """With over ten outputs too, where the exported graph lists Identity_10 before Identity_2."""
    model = network(deep)
    maps = export_serving(model, tmp_path / "serving")
    expected = np.asarray(keras.Model(model.inputs, model.get_layer("deep9").output)(FILMS))
    engine = open_engine("openvino", tmp_path, maps)
    layer = engine.maps(FILMS[..., 0].astype(np.uint8), cam=False, layers=True).layers["deep9"]

    assert len(maps.layers) == 13
    np.testing.assert_allclose(layer, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.long
def test_a_network_of_large_logits_exports(tmp_path):
    """Its bias is the small difference of two large sums, so off by their rounding: no reason to refuse it."""
    model = network(deep, seed=10)
    logit, _, bias, *_ = (np.asarray(part) for part in NetworkWithMaps(model, maps_of(model))(FILMS))

    assert np.abs(logit).max() > 10_000 * np.abs(bias).max()
    assert export_serving(model, tmp_path / "serving").cam is not None


@pytest.mark.long
def test_layers_that_look_at_shapes_or_draw_at_random_export(tmp_path):
    """The converter makes outputs of what they compute for nothing; those are not answers."""

    def body(films):
        for layer in (
            layers.RandomFlip(),
            layers.RandomRotation(0.1),
            layers.RandomBrightness(0.1),
            layers.RandomCrop(14, 16),
            layers.Resizing(12, 12),
            layers.CenterCrop(10, 8),
        ):
            films = layer(films)
        return layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, name="last")(films))

    model = network(body)
    maps = export_serving(model, tmp_path / "serving")
    ours = open_engine("openvino", tmp_path, maps).maps(FILMS[..., 0].astype(np.uint8), cam=True, layers=True)
    logit, cam, _, conv, last = (np.asarray(part) for part in NetworkWithMaps(model, maps)(FILMS))

    assert np.abs(ours.logits - logit[:, 0]).max() < 1e-4
    assert np.abs(ours.cam - cam).max() < 1e-4
    assert np.abs(ours.layers["conv"] - conv).max() < 1e-4
    assert np.abs(ours.layers["last"] - last).max() < 1e-4


@pytest.mark.long
def test_weights_beyond_float16_export(tmp_path):
    """They stay float32, and nothing is said of an overflow."""
    model = network(lambda x: layers.Flatten()(layers.Rescaling(1e-6)(x)))
    dense = model.get_layer("logit")
    dense.set_weights([1e6 * dense.kernel.numpy(), dense.bias.numpy()])
    maps = export_serving(model, tmp_path / "serving")
    logits = open_engine("openvino", tmp_path, maps).logits(FILMS[..., 0].astype(np.uint8))

    assert np.abs(dense.kernel.numpy()).max() > np.finfo(np.float16).max
    assert np.abs(logits - np.asarray(NetworkWithMaps(model, maps)(FILMS)[0])[:, 0]).max() < 1e-3


@pytest.mark.parametrize(
    "activation",
    [
        "relu",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("swish", "gelu", "elu", "hard_swish", "leaky_relu")),
    ],
)
def test_any_activation_of_a_layer_exports(tmp_path, activation):
    """TensorFlow writes some as functions of several nodes, which the converter takes for several answers."""
    model = network(lambda x: layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3, activation=activation, name="c")(x)))
    maps = export_serving(model, tmp_path / "serving")
    ours = open_engine("openvino", tmp_path, maps).maps(FILMS[..., 0].astype(np.uint8), cam=True, layers=True)
    logit, _, _, conv, last = (np.asarray(part) for part in NetworkWithMaps(model, maps)(FILMS))

    assert np.abs(ours.logits - logit[:, 0]).max() < 1e-4
    assert np.abs(ours.layers["conv"] - conv).max() < 1e-4
    assert np.abs(ours.layers["c"] - last).max() < 1e-4
