"""A foreign network becomes an entry with the same answers."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from typer.testing import CliRunner

from app.errors import ArtifactRefused
from app.imaging.preprocess import read_film
from app.inference.artifact import Entry, find_entry, open_verified
from app.inference.predictor import open_predictor
from pneumoserve import app
from tests.conftest import encode, film_pixels
from tests.training.foreign import FILMS, HEIGHT, WIDTH, functional, sequential, transferred, varied
from training.publishing.adopt import MAX_LAYERS, adopt
from training.publishing.foreign_network import Conventions

FILM = encode(film_pixels(1))


def save(folder: Path, network: keras.Model) -> Path:
    network.save(folder / "n.keras")
    return folder / "n.keras"


def take(folder: Path, network: keras.Model, conventions: Conventions | None = None) -> tuple[Entry, list[str]]:
    """Return the entry `mine`, and what was reported."""
    notes: list[str] = []
    adopt(
        save(folder, network),
        folder / "store",
        "mine",
        prevalence=0.2,
        intended_use="Tests.",
        conventions=conventions,
        report=notes.append,
    )
    return find_entry(folder / "store", "mine"), notes


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(
        app, ["models", "export", *map(str, arguments), "--name", "mine", "--prevalence", "0.2"]
    )
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("network", "conventions", "rescale"),
    [
        (lambda: transferred(layers.Dense(1, "sigmoid")), Conventions(), 1.0),
        pytest.param(lambda: sequential(layers.Dense(2, "softmax")), Conventions(0), 1.0, marks=pytest.mark.long),
        pytest.param(
            lambda: functional(layers.Dense(1), front=layers.ReLU()),
            Conventions(scale="0-1", is_logit=True),
            1 / 255,
            marks=pytest.mark.long,
        ),
    ],
    ids=["transfer learning", "softmax", "logit of 0 to 1"],
)
def test_both_engines_answer_a_film_as_the_network_did(tmp_path, network, conventions, rescale):
    """From a film's bytes to the probability that Keras computes of its pixels."""
    foreign = network()
    entry, _ = take(tmp_path, foreign, conventions)
    pixels = read_film(FILM, width=WIDTH, height=HEIGHT).pixels.astype(np.float32)
    answer = np.asarray(foreign(np.repeat(pixels[np.newaxis, ..., np.newaxis], 3, axis=3) * rescale, training=False))[0]
    expected = 1 / (1 + np.exp(-answer[0])) if conventions.is_logit else answer[0]

    for engine in ("openvino", "tensorflow"):
        prediction = open_predictor(tmp_path / "store", "mine", engine).predict(
            FILM, operating_point="half", maps="all"
        )
        assert prediction.decision.probability == pytest.approx(expected, abs=1e-5)
        assert [drawn.kind for drawn in prediction.maps][:1] == ["cam"]
    assert entry.manifest.shape == (HEIGHT, WIDTH)


@pytest.mark.long
def test_a_network_of_224_pixels_in_three_channels_is_served_at_its_own_size(tmp_path):
    """By the command."""
    foreign = varied(
        keras.Sequential(
            [
                keras.Input((224, 224, 3)),
                layers.Rescaling(1 / 255),
                layers.Conv2D(4, 7, strides=4, activation="relu", name="first"),
                layers.MaxPooling2D(4),
                layers.Conv2D(4, 3, activation="relu", name="second"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(2, "softmax"),
            ]
        )
    )
    status, printed, _ = run(save(tmp_path, foreign), "--model-store", tmp_path / "store")
    prediction = open_predictor(tmp_path / "store", "mine").predict(FILM, operating_point="half", maps="all")
    pixels = read_film(FILM, width=224, height=224).pixels.astype(np.float32)
    expected = np.asarray(foreign(np.repeat(pixels[np.newaxis, ..., np.newaxis], 3, axis=3)))[0, 1]

    assert status == 0
    assert printed.splitlines() == [
        "Input: 224 × 224 pixels, the gray film in three channels, 0 to 255.",
        "PNEUMONIA: class 1, the second of its two outputs. Where it is class 0, add --pneumonia-is 0.",
        "Maps: class activation map (Zhou 2016) at second. Layers: first, second.",
        f"Wrote {tmp_path / 'store' / 'mine' / '1'}.",
    ]
    assert prediction.decision.probability == pytest.approx(expected, abs=1e-5)
    assert [(drawn.kind, drawn.width) for drawn in prediction.maps[:1]] == [("cam", 224)]


@pytest.mark.long
def test_every_option_of_the_command_reaches_the_network(tmp_path):
    foreign = functional(layers.Dense(1), shape=(None, None, 3), front=layers.ReLU())
    options = ["--pneumonia-is", "0", "--scale", "-1-1", "--size", f"{HEIGHT}x{WIDTH}", "--logits"]
    status, printed, _ = run(save(tmp_path, foreign), "--model-store", tmp_path / "store", *options)
    films = FILMS[..., 0].astype(np.uint8)
    logits = open_verified(find_entry(tmp_path / "store", "mine")).logits(films)

    assert status == 0
    assert "scaled as --scale -1-1 says" in printed
    assert "class 0, an output near 0" in printed
    expected = -np.asarray(foreign(np.repeat(FILMS / 127.5 - 1, 3, axis=3), training=False))[:, 0]
    assert np.ptp(expected) > 1e-3
    assert np.abs(logits - expected).max() < 1e-4


@pytest.mark.long
def test_weights_are_not_rounded(tmp_path):
    """float16 does not hold the variance of raw pixels, for one."""
    normalised = layers.BatchNormalization()
    foreign = functional(layers.Dense(1, "sigmoid"), front=normalised)
    normalised.set_weights([np.float32([1e-8, 1, 2]), np.float32([0.1] * 3), np.full(3, 100.1), np.full(3, 70_000)])
    entry, _ = take(tmp_path, foreign)
    kept = keras.saving.load_model(entry.folder / "model.keras")
    assert [w.tolist() for w in kept.get_weights()[:4]] == [w.tolist() for w in normalised.get_weights()]


@pytest.mark.long
def test_a_network_of_mixed_precision_is_taken_over_in_float32(tmp_path):
    """It is reported."""
    keras.config.set_dtype_policy("mixed_float16")
    try:
        foreign = sequential(layers.Dense(1, "sigmoid", dtype="float32"))
    finally:
        keras.config.set_dtype_policy("float32")
    entry, notes = take(tmp_path, foreign)
    films = FILMS[..., 0].astype(np.uint8)
    logits = open_verified(entry).logits(films)
    answers = np.asarray(foreign(np.repeat(FILMS, 3, axis=3), training=False))[:, 0]

    assert "Precision: float32, unlike in training." in notes
    assert np.abs(1 / (1 + np.exp(-logits)) - answers).max() < 5e-3


@pytest.mark.long
def test_a_deep_network_offers_some_of_its_layers(tmp_path):
    """From the first to the last."""

    def deep(films):
        for number in range(9):
            films = layers.Conv2D(2, 1, name=f"layer{number}")(films)
        return films

    entry, _ = take(tmp_path, functional(layers.Dense(1, "sigmoid"), front=lambda films: deep(films / 255.0)))
    offered = entry.manifest.maps.layers
    assert len(offered) == MAX_LAYERS
    assert (offered[0], offered[-1]) == ("layer0", "conv")


@pytest.mark.long
def test_maps_that_a_network_does_not_have_are_said_in_a_sentence(tmp_path):
    """Its head may not be linear; its convolutions may stand within a layer."""
    _, notes = take(tmp_path, transferred(lambda pooled: layers.Dense(1, "sigmoid")(layers.Dense(3, "tanh")(pooled))))
    assert notes[-1].startswith("Maps: by occlusion")
    assert "Layers: none, as its convolutions stand within another layer" in notes[-1]


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (lambda: sequential(layers.Dense(3, "softmax")), "answers 3"),
        (
            lambda: sequential(layers.Dense(1, "sigmoid", bias_initializer="ones"), front=layers.Rescaling(np.inf)),
            "NaN",
        ),
        (
            lambda: sequential(
                layers.Dense(1), layers.Rescaling(1e38), layers.Rescaling(1e38), layers.Activation("sigmoid")
            ),
            "NaN or infinity",
        ),
        # An integer input keeps what the scale makes of its pixels, and Keras has a convolution of floats alone.
        (
            lambda: functional(layers.Dense(1, "sigmoid"), front=lambda films: films, dtype="int32"),
            "cannot be rewritten",
        ),
        (lambda: sequential(layers.Dense(1, "sigmoid"), front=layers.Discretization([1.0])), "OpenVINO does not take"),
    ],
)
def test_a_network_that_cannot_be_taken_over_is_refused_and_leaves_nothing(tmp_path, network, reason):
    """Status 2, and the reason in the last line."""
    status, _, said = run(save(tmp_path, network()), "--model-store", tmp_path / "store")
    assert status == 2
    assert reason in said.splitlines()[-1]
    assert list((tmp_path / "store").glob("*")) == []


def test_a_file_without_a_network_is_refused_in_one_line(tmp_path):
    """With status 2."""
    (tmp_path / "n.keras").write_text("hello")
    for path, reason in ((tmp_path / "n.keras", "a file of another kind"), (tmp_path / "absent.keras", "There is no")):
        status, printed, said = run(path, "--model-store", tmp_path / "store")
        assert (status, printed) == (2, "")
        assert len(said.splitlines()) == 1
        assert reason in said


def test_a_store_that_cannot_be_written_is_refused_in_one_line(tmp_path):
    """With the system's reason."""
    (tmp_path / "store").write_text("a file")
    status, _, said = run(save(tmp_path, sequential(layers.Dense(1, "sigmoid"))), "--model-store", tmp_path / "store")
    assert status == 2
    assert said.splitlines()[-1].startswith("Expected a model store that can be written: ")


@pytest.mark.long
def test_a_bundled_network_is_taken_again_as_it_is(tmp_path):
    """Without an option."""
    entry = find_entry(Path(__file__).parents[3] / "model_store")
    folder = adopt(entry.folder / "model.keras", tmp_path, "again", prevalence=0.5, intended_use="")
    golden = [json.loads((each / "golden.json").read_text())["films"] for each in (entry.folder, folder)]
    logits = [[film["logit"] for film in films] for films in golden]
    assert logits[0] == pytest.approx(logits[1], abs=1e-3)


def test_a_rewrite_that_changes_an_answer_is_refused(tmp_path, monkeypatch):
    """The answers to drawn films show it."""
    import training.publishing.adopt

    true_adapt = training.publishing.adopt.adapt

    def wrong(foreign, conventions):
        adapted = true_adapt(foreign, conventions)
        return adapted._replace(answer=lambda films: 1 - adapted.answer(films))

    monkeypatch.setattr(training.publishing.adopt, "adapt", wrong)
    with pytest.raises(ArtifactRefused, match="Expected the same probabilities"):
        take(tmp_path, sequential(layers.Dense(1, "sigmoid")))


@pytest.mark.long
def test_the_card_of_a_foreign_network_is_refused_in_one_line(tmp_path):
    """Nothing is recorded of its training; the entry stays."""
    entry, _ = take(tmp_path, sequential(layers.Dense(1, "sigmoid")))
    ended = CliRunner().invoke(app, ["models", "card", "mine/1", "--model-store", str(tmp_path / "store")])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert "Received mine/1" in ended.stderr
    assert not (entry.folder / "MODEL_CARD.md").exists()
