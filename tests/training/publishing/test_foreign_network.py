"""A network of somebody else's is rewritten without changing an answer, or refused with the reason."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from app.errors import ArtifactRefused
from app.inference.keras_graph import find_head
from tests.training.foreign import FILMS, HEIGHT, WIDTH, functional, sequential, transferred
from training.publishing.foreign_network import MAX_SIDE, Conventions, adapt, read_size


def nested():
    """A network within a network at either end, whose layers share their names with those outside."""
    keras.utils.set_random_seed(2)
    base = keras.Sequential([keras.Input((HEIGHT, WIDTH, 3)), layers.Conv2D(4, 3, name="one")], name="base")
    start = keras.Input((4,))
    head = keras.Model(start, layers.Dense(1, name="one")(layers.Dense(3, "relu", name="two")(start)), name="head")
    return keras.Sequential(
        [
            keras.Input((HEIGHT, WIDTH, 3)),
            layers.Rescaling(1 / 255, name="one"),
            base,
            layers.GlobalAveragePooling2D(name="two"),
            keras.Sequential([keras.Input((4,)), head], name="wrapped"),
            layers.Activation("sigmoid", name="three"),
        ]
    )


def with_our_names():
    """Every name that the rewrite gives is taken by something else."""
    keras.utils.set_random_seed(2)
    return keras.Sequential(
        [
            keras.Input((HEIGHT, WIDTH, 3), name="film"),
            layers.Rescaling(1 / 255, name="scaled"),
            layers.Conv2D(4, 3, name="logit"),
            layers.BatchNormalization(name="probability"),
            layers.GlobalAveragePooling2D(name="three_channels"),
            layers.Dense(1, "sigmoid", name="probability_2"),
        ]
    )


def of_one_dict():
    films = keras.Input((HEIGHT, WIDTH, 3), name="image")
    return keras.Model({"image": films}, {"sick": layers.Dense(1, "sigmoid")(layers.Flatten()(films / 255.0))})


def convolutional():
    """No Dense at all: the pooled convolution is the logit."""
    keras.utils.set_random_seed(2)
    last = [layers.Conv2D(1, 1), layers.GlobalAveragePooling2D(), layers.Activation("sigmoid")]
    return keras.Sequential(
        [keras.Input((HEIGHT, WIDTH, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3, activation="relu"), *last]
    )


def shared():
    twice = layers.Conv2D(3, 3, padding="same", activation="relu")
    return functional(
        lambda pooled: layers.Dense(1, "sigmoid")(pooled / 100), front=lambda films: twice(twice(films / 255.0))
    )


ONE = {
    "Dense with sigmoid": lambda: sequential(layers.Dense(1, activation="sigmoid")),
    "without a bias": lambda: sequential(layers.Dense(1, activation="sigmoid", use_bias=False)),
    "Dense, then Activation": lambda: sequential(layers.Dense(1, name="any"), layers.Activation("sigmoid")),
    "an operation": lambda: functional(lambda pooled: ops.sigmoid(layers.Dense(1)(pooled))),
    "inert layers after it": lambda: sequential(
        layers.Dense(1), layers.Dropout(0.5), layers.Activation("linear"), layers.Activation("sigmoid")
    ),
    "a sigmoid twice": lambda: sequential(layers.Dense(1, "sigmoid"), layers.Activation("sigmoid")),
    "transfer learning": lambda: transferred(layers.Dense(1, "sigmoid")),
    "nested": nested,
    "names taken": with_our_names,
    "a dict in and out": of_one_dict,
    "convolutions alone": convolutional,
    "a layer used twice": shared,
    "a fixed batch": lambda: functional(layers.Dense(1, "sigmoid"), batch_size=len(FILMS)),
    "whole numbers in": lambda: functional(layers.Dense(1, "sigmoid"), dtype="uint8"),
    "gray": lambda: sequential(layers.Dense(1, "sigmoid"), shape=(HEIGHT, WIDTH, 1)),
    "gray graph": lambda: functional(layers.Dense(1, "sigmoid"), shape=(HEIGHT, WIDTH, 1)),
}
TWO = {
    "Dense with softmax": lambda: sequential(layers.Dense(2, activation="softmax")),
    "Dense, then Softmax": lambda: sequential(layers.Dense(2), layers.Softmax()),
    "Dense, then Activation": lambda: sequential(layers.Dense(2), layers.Activation("softmax")),
    "an operation": lambda: functional(lambda pooled: ops.softmax(layers.Dense(2)(pooled))),
    "transfer learning": lambda: transferred(layers.Dense(2, "softmax")),
}
LOGITS = {
    "one": lambda: sequential(layers.Dense(1)),
    "two": lambda: sequential(layers.Dense(2)),
    "after another operation": lambda: functional(lambda pooled: layers.Dense(1)(pooled) * 2.0),
}


def given(network):
    """The films as that network takes them, by NumPy."""
    return np.repeat(FILMS, network.inputs[0].shape[3], axis=3)


def answer(network, films):
    films = {"image": films} if network.inputs[0].name == "image" else films
    return np.asarray(keras.tree.flatten(network(films, training=False))[0])


def assert_same(adapted, expected):
    """Its probability and the sigmoid of its logit, the name of either layer, and what the adapted calls its answer."""
    network = adapted.network
    logit = np.asarray(keras.Model(network.inputs, network.get_layer("logit").output)(FILMS))[:, 0]
    probability = np.asarray(keras.Model(network.inputs, network.get_layer("probability").output)(FILMS))[:, 0]
    assert np.ptp(expected) > 1e-5
    assert network.input_shape == (None, HEIGHT, WIDTH, 1)
    assert np.abs(probability - expected).max() < 1e-6
    assert np.abs(1 / (1 + np.exp(-logit)) - expected).max() < 1e-6
    assert np.abs(adapted.answer(FILMS) - expected).max() < 1e-6
    find_head(network)


@pytest.mark.parametrize("pneumonia_is", [0, 1])
@pytest.mark.parametrize("name", ONE)
def test_one_sigmoid_answers_as_before(name, pneumonia_is):
    """Or one minus it, where PNEUMONIA was counted as 0."""
    network = ONE[name]()
    before = answer(network, given(network))[:, 0]
    adapted = adapt(network, Conventions(pneumonia_is))
    assert_same(adapted, before if pneumonia_is else 1 - before)
    assert f"PNEUMONIA: class {pneumonia_is}, an output near {pneumonia_is}." in " ".join(adapted.notes)


@pytest.mark.parametrize("pneumonia_is", [0, 1])
@pytest.mark.parametrize("name", TWO)
def test_a_softmax_of_two_becomes_one_logit(name, pneumonia_is):
    """The difference of the two, in the direction that the caller says."""
    network = TWO[name]()
    before = answer(network, given(network))[:, pneumonia_is]
    adapted = adapt(network, Conventions(pneumonia_is))
    assert_same(adapted, before)
    order = ["first", "second"][pneumonia_is]
    assert f"PNEUMONIA: class {pneumonia_is}, the {order} of its two outputs." in " ".join(adapted.notes)


@pytest.mark.parametrize("pneumonia_is", [0, 1])
@pytest.mark.parametrize("name", LOGITS)
def test_plain_outputs_are_logits_where_the_caller_says_so(name, pneumonia_is):
    """As a network answers that was trained with from_logits=True."""
    network = LOGITS[name]()
    before = answer(network, given(network)).astype(np.float64)
    if before.shape[1] == 1:
        before = np.concatenate([np.zeros_like(before), before], axis=1)
    exponents = np.exp(before)
    adapted = adapt(network, Conventions(pneumonia_is, is_logit=True))
    assert_same(adapted, exponents[:, pneumonia_is] / exponents.sum(axis=1))


@pytest.mark.parametrize(
    ("scale", "by_hand"),
    [
        ("0-1", lambda films: films / 255),
        ("-1-1", lambda films: keras.applications.imagenet_utils.preprocess_input(films, mode="tf")),
        ("torch", lambda films: keras.applications.imagenet_utils.preprocess_input(films, mode="torch")),
        ("caffe", lambda films: keras.applications.imagenet_utils.preprocess_input(films, mode="caffe")),
    ],
)
def test_the_scaling_that_stood_outside_becomes_a_layer(scale, by_hand):
    """As Keras' own preprocess_input scales for its networks."""
    # By so much less where the pixels stay large, that the sigmoid is not at its end.
    weight = 0.01 if scale == "caffe" else 1.0
    network = functional(lambda pooled: layers.Dense(1, "sigmoid")(pooled * weight), front=lambda films: films)
    before = answer(network, by_hand(given(network)))[:, 0]
    assert_same(adapt(network, Conventions(scale=scale)), before)


@pytest.mark.parametrize("scale", ["0-1", "-1-1"])
def test_a_gray_network_is_scaled_too(scale):
    """In its one channel."""
    network = functional(layers.Dense(1, "sigmoid"), shape=(HEIGHT, WIDTH, 1), front=lambda films: films)
    scaled = FILMS / 255 if scale == "0-1" else FILMS / 127.5 - 1
    assert_same(adapt(network, Conventions(scale=scale)), answer(network, scaled)[:, 0])


RAW = "No layer seems to scale"
TWICE = "seems to scale the pixels once more"


@pytest.mark.parametrize(
    ("network", "scale", "remark"),
    [
        (lambda: sequential(layers.Dense(1, "sigmoid")), "none", None),
        (lambda: functional(layers.Dense(1, "sigmoid")), "none", None),
        (nested, "none", None),
        (lambda: functional(layers.Dense(1, "sigmoid"), front=layers.Rescaling(0.1)), "none", None),
        (lambda: functional(layers.Dense(1, "sigmoid"), front=layers.Activation("relu")), "none", RAW),
        (lambda: functional(layers.Dense(1, "sigmoid"), front=layers.Activation("relu")), "0-1", None),
        (nested, "0-1", TWICE),
    ],
)
def test_pixels_that_seem_scaled_never_or_twice_are_remarked_on(network, scale, remark):
    """The network may have been trained on others than it will see."""
    notes = " ".join(adapt(network(), Conventions(scale=scale)).notes)
    assert [known for known in (RAW, TWICE) if known in notes] == ([remark] if remark else [])


def test_films_of_any_size_need_one(tmp_path):
    """The entry says which one it is; what the caller names is taken."""
    network = functional(layers.Dense(1, "sigmoid"), shape=(None, None, 3))
    before = answer(network, given(network))[:, 0]
    with pytest.raises(ArtifactRefused, match=r"Expected --size.*\(None, None, None, 3\)"):
        adapt(network, Conventions())
    assert_same(adapt(network, Conventions(size=(HEIGHT, WIDTH))), before)


@pytest.mark.parametrize(("text", "size"), [(None, None), ("224", (224, 224)), ("200x300", (200, 300))])
def test_a_size_is_read_as_height_and_width(text, size):
    """Or as one number for both."""
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "224x", "x224", "224x0", "5000", "-3", "2.5", "224x224x3", "٣"])
def test_a_size_that_is_none_is_refused(text):
    """With an example."""
    with pytest.raises(ArtifactRefused, match="such as 224x224"):
        read_size(text)


def two_inputs():
    films, age = keras.Input((HEIGHT, WIDTH, 3)), keras.Input((1,))
    joined = layers.Concatenate()([layers.Flatten()(films), age])
    return keras.Model([films, age], layers.Dense(1, "sigmoid")(joined))


def two_outputs():
    films = keras.Input((HEIGHT, WIDTH, 3))
    flat = layers.Flatten()(films)
    return keras.Model(films, [layers.Dense(1, "sigmoid")(flat), layers.Dense(1, "sigmoid")(flat)])


def unbuilt():
    return keras.Sequential([layers.Flatten(), layers.Dense(1, "sigmoid")])


def of_shape(*shape):
    return keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(1, "sigmoid")])


def ends_in(*head):
    return lambda: sequential(*head)


@pytest.mark.parametrize(
    ("network", "options", "reason"),
    [
        (ends_in(layers.Dense(3, "softmax")), {}, "one number, or with two .* answers 3"),
        (ends_in(layers.Reshape((2, 2))), {}, "answers 2 × 2"),
        (ends_in(layers.Dense(1)), {}, "Expected a sigmoid at the end.*add --logits"),
        (ends_in(layers.Dense(2)), {}, "Expected a softmax at the end.*add --logits"),
        (ends_in(layers.Dense(1, "tanh", name="last")), {}, "'last' has tanh"),
        (ends_in(layers.Dense(1, "relu")), {"is_logit": True}, "has relu"),
        (ends_in(layers.Dense(1, "softmax")), {}, "a softmax of one output is 1 whatever the film"),
        (ends_in(layers.Dense(2, "sigmoid")), {}, "two sigmoids need not sum to 1"),
        (ends_in(layers.Dense(1, "sigmoid")), {"is_logit": True}, "--logits says.*has sigmoid"),
        (ends_in(layers.Dense(2), layers.Softmax()), {"is_logit": True}, "--logits says.*has softmax"),
        (ends_in(layers.Dense(1, "sigmoid"), layers.Reshape((1,), name="shaped")), {}, "'shaped'"),
        (two_inputs, {}, "2 and 1"),
        (two_outputs, {}, "1 and 2"),
        (unbuilt, {}, "saved unbuilt"),
        (lambda: of_shape(3, HEIGHT, WIDTH), {}, "height, width, 3"),
        (lambda: of_shape(HEIGHT, WIDTH, 4), {}, "height, width, 3"),
        (lambda: of_shape(HEIGHT, WIDTH), {}, "height, width, 3"),
        (lambda: of_shape(64), {}, "height, width, 3"),
        (lambda: of_shape(1, MAX_SIDE + 1, 1), {}, "up to 4096"),
        (lambda: of_shape(HEIGHT, WIDTH, 3), {"size": (HEIGHT, HEIGHT)}, "Received 16 × 16"),
        (lambda: of_shape(HEIGHT, WIDTH, 1), {"scale": "torch"}, "three channels for --scale torch"),
        (lambda: of_shape(HEIGHT, WIDTH, 1), {"scale": "caffe"}, "three channels for --scale caffe"),
        (lambda: functional(layers.Dense(1, "sigmoid"), dtype="uint8"), {"scale": "0-1"}, "floats.*uint8"),
    ],
)
def test_what_cannot_be_rewritten_exactly_is_refused(network, options, reason):
    """In a sentence that says what is wrong with it, and what to do where something can be done."""
    with pytest.raises(ArtifactRefused, match=reason) as refused:
        adapt(network(), Conventions(**options))
    assert "\n" not in str(refused.value)
