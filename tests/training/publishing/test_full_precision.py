"""A network of any precision computes in float32 afterwards, with the weights that it had."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from app.errors import ArtifactRefused
from tests.training.foreign import FILMS, functional, transferred
from training.publishing.full_precision import to_float32

RGB = np.repeat(FILMS, 3, axis=3)


@pytest.fixture
def policy():
    """Set Keras' precision for the layers that are made next."""
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


def every_layer(network):
    for layer in network.layers:
        yield layer
        yield from every_layer(layer) if isinstance(layer, keras.Model) else ()


@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"])
def test_any_precision_becomes_float32(policy, name):
    """In nested networks too; the answers move by that precision's rounding alone."""
    policy(name)
    network = transferred(layers.Dense(1, "sigmoid", dtype="float32"))
    policy("float32")
    plain = to_float32(network)
    before, after = (np.asarray(each(RGB, training=False), np.float32) for each in (network, plain))

    assert {layer.compute_dtype for layer in every_layer(plain)} == {"float32"}
    assert {weights.dtype.name for weights in plain.get_weights()} == {"float32"}
    assert np.abs(after - before).max() < (1e-6 if name == "float64" else 2e-2)
    # The very numbers, and not another network's.
    for old, new in zip(network.get_weights(), plain.get_weights(), strict=True):
        assert np.array_equal(np.asarray(old, np.float32), new)


def test_a_network_of_float32_is_left_alone():
    """Whole numbers as its input included."""
    network = keras.Sequential([keras.Input((4, 4, 1), dtype="uint8"), layers.Rescaling(0.1), layers.Flatten()])
    assert to_float32(network) is network


def test_integer_weights_are_refused():
    """What they stood for before is lost."""
    network = transferred(layers.Dense(1, "sigmoid"))
    network.layers[-1].quantize("int8")
    with pytest.raises(ArtifactRefused, match="Expected weights that are floats"):
        to_float32(network)


def test_a_precision_that_an_input_or_an_operation_names_becomes_float32():
    """Those are named without a policy."""
    network = functional(
        layers.Dense(1, "sigmoid"), front=lambda films: ops.cast(films, "bfloat16") / 255.0, dtype="float16"
    )
    plain = to_float32(network)
    assert {operation.output.dtype for operation in network.operations} == {"float16", "bfloat16", "float32"}
    assert {operation.output.dtype for operation in plain.operations} == {"float32"}
