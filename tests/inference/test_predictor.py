"""One film has the same logit however it is explained."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from app.api.schemas import encode_prediction
from app.errors import ArtifactRefused, InvalidParameter, ModelNotFound, TooManyPixels
from app.imaging import large_films
from app.imaging.formats import ImageHeader
from app.imaging.preprocess import Film, read_film
from app.inference import predictor
from app.inference.artifact import find_entry, open_verified
from app.inference.predictor import MAP_KINDS, Predictor, open_predictor
from tests.concurrency import Decoding
from tests.conftest import encode, film_pixels
from training.audit.head_bias import compute_head_biases

FILM = encode(film_pixels(7))


@pytest.fixture(scope="module")
def predictors(tiny_store: Path) -> dict[str, Predictor]:
    """A predictor of every network."""
    return {name: open_predictor(tiny_store, name) for name in ("pooled", "dense", "tanh")}


@pytest.mark.parametrize("name", ["pooled", "dense", "tanh"])
def test_a_film_has_one_logit_whatever_maps_are_wanted(predictors: dict[str, Predictor], name: str) -> None:
    """And one class and probability, those of the engine's logit."""
    predictor = predictors[name]
    predictions = [predictor.predict(FILM, operating_point="balanced", maps=kind) for kind in MAP_KINDS]
    expected = predictor.engine.logits(read_film(FILM, width=150, height=150).pixels[np.newaxis])[0]
    for prediction in predictions:
        assert prediction.logit == pytest.approx(float(expected), abs=1e-5)
        assert prediction.decision.probability == predictor.manifest.calibration.probability(prediction.logit)
        assert prediction.decision.label == predictions[0].decision.label


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("pooled", "none", []),
        ("pooled", "cam", [("cam", "conv2")]),
        ("pooled", "layers", [("layer", "conv1"), ("layer", "conv2")]),
        ("dense", "all", [("cam", "conv2"), ("layer", "conv1"), ("layer", "conv2")]),
        ("tanh", "all", [("cam", None), ("layer", "conv1")]),
    ],
)
def test_the_maps_that_were_asked_for_come(
    predictors: dict[str, Predictor], name: str, kind: str, expected: list[Any]
) -> None:
    """The cam, then the layers in network order."""
    prediction = predictors[name].predict(FILM, operating_point="half", maps=kind)
    assert [(plot.kind, plot.layer) for plot in prediction.maps] == expected
    for one in prediction.maps:
        shape = cv2.imdecode(np.frombuffer(one.png, np.uint8), cv2.IMREAD_UNCHANGED).shape
        assert shape == (one.height, one.width, 3)


@pytest.mark.parametrize("name", ["pooled", "dense"])
def test_values_of_an_exact_map_and_the_heads_own_bias_sum_to_the_logit(
    predictors: dict[str, Predictor], name: str
) -> None:
    """As rounded; the bias that is answered is that of the weights."""
    prediction = predictors[name].predict(FILM, operating_point="half", maps="cam")
    (cam,) = prediction.maps
    network = keras.saving.load_model(predictors[name].entry.folder / "model.keras", compile=False)
    (bias,) = compute_head_biases(network, read_film(FILM, width=150, height=150).pixels[np.newaxis])
    assert cam.evidence.bias == pytest.approx(bias, abs=1e-3)
    assert np.sum(cam.evidence.cam) + bias == pytest.approx(prediction.logit, abs=1e-3)


def test_occlusion_names_itself_and_claims_no_bias(predictors: dict[str, Predictor]) -> None:
    """For a head whose logit cannot be attributed."""
    (cam,) = predictors["tanh"].predict(FILM, operating_point="half", maps="cam").maps
    assert (cam.method, cam.layer) == ("occlusion (Zeiler and Fergus 2014)", None)
    assert (cam.evidence.bias, cam.evidence.cam.shape) == (None, (10, 10))


def test_the_default_operating_point_is_the_models(predictors: dict[str, Predictor]) -> None:
    """Each point has its own threshold, calibrated."""
    predictor = predictors["pooled"]
    assert [predictor.point(wanted) for wanted in (None, "half", "balanced")] == ["balanced", "half", "balanced"]
    decision = predictor.predict(FILM, operating_point="half").decision
    assert (decision.operating_point, decision.threshold) == ("half", 0.5)


@pytest.mark.parametrize("wanted", ["", "Half", "sensitive", "half "])
def test_an_unknown_operating_point_lists_the_accepted_ones(predictors: dict[str, Predictor], wanted: str) -> None:
    """In the manifest's order, without what came."""
    with pytest.raises(InvalidParameter) as caught:
        predictors["pooled"].point(wanted)
    assert str(caught.value) == "operating_point: expected one of half, balanced. Received another."


def test_another_resize_rule_is_refused(tiny_store: Path, tmp_path: Path) -> None:
    """Such a model would be silently wrong."""
    store = shutil.copytree(tiny_store, tmp_path / "store")
    path = store / "pooled" / "1" / "model.json"
    manifest = json.loads(path.read_text())
    manifest["input"]["resize"] = "letterbox"
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactRefused, match=r"input\.resize: Input should be 'squeeze-inter-area' or"):
        open_predictor(store, "pooled")


def test_a_model_that_is_not_there_is_not_opened(tiny_store: Path) -> None:
    with pytest.raises(ModelNotFound):
        open_predictor(tiny_store, "pooled/2")


def test_the_prevalence_moves_the_probability_and_no_class(tiny_store: Path, predictors: dict[str, Predictor]) -> None:
    """The threshold moves too."""
    rare = open_predictor(tiny_store, "pooled", prevalence=0.05).predict(FILM, operating_point="half").decision
    fitted = predictors["pooled"].predict(FILM, operating_point="half").decision
    assert rare.label == fitted.label
    assert rare.probability < fitted.probability
    assert rare.threshold < fitted.threshold


def test_the_pixel_limit_is_the_predictors(tiny_store: Path) -> None:
    """Not the default."""
    entry = find_entry(tiny_store, "pooled")
    predictor = Predictor(entry, open_verified(entry), max_pixels=300 * 400 - 1)
    with pytest.raises(TooManyPixels):
        predictor.predict(FILM, operating_point="half")


def test_warnings_and_seconds_come_with_the_prediction(predictors: dict[str, Predictor]) -> None:
    """The film's warnings, and each phase's seconds."""
    colour = encode(np.dstack([film_pixels(seed) for seed in range(3)]))
    prediction = predictors["pooled"].predict(colour, operating_point="half", maps="cam")
    assert [warning.code for warning in prediction.warnings] == ["colour-image", "no-gate"]
    assert list(prediction.seconds) == ["decode", "infer", "explain"]
    assert list(predictors["pooled"].predict(FILM, operating_point="half").seconds) == ["decode", "infer"]
    assert min(prediction.seconds.values()) > 0


def test_the_largest_films_are_decoded_one_at_a_time(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From however many threads; small ones pass beside them."""
    opened = open_predictor(tiny_store, None)
    monkeypatch.setattr(large_films, "LARGE_FILM_BYTES", 20_000)
    load, decoding = predictor.load_film, Decoding(large=20_000)

    def load_and_count(data: bytes, header: ImageHeader, **size: int) -> Film:
        decoding.hold(header)
        return load(data, header, **size)

    monkeypatch.setattr(predictor, "load_film", load_and_count)
    films = [encode(film_pixels(1, side, side), ".png") for side in (200, 100) * 8]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda film: opened.predict(film, operating_point="half"), films))

    assert decoding.most["large"] == 1
    assert decoding.most["all"] > 1


def test_the_models_notices_stand_in_every_answer(tiny_store: Path, tmp_path: Path) -> None:
    """After the film's, in model.json's words, over HTTP too."""
    store = shutil.copytree(tiny_store, tmp_path / "store")
    path = store / "pooled" / "1" / "model.json"
    notice = {"code": "children-only", "detail": "Trained on children."}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"notices": [notice]}))
    noticing = open_predictor(store, "pooled")
    colour = encode(np.dstack([film_pixels(seed) for seed in range(3)]))

    plain, coloured = (noticing.predict(film, operating_point="half") for film in (FILM, colour))

    assert json.loads(encode_prediction(plain, noticing.manifest, filename=None))["warnings"][1:] == [notice]
    assert [warning.code for warning in plain.warnings] == ["no-gate", "children-only"]
    assert [warning.code for warning in coloured.warnings] == ["colour-image", "no-gate", "children-only"]


def test_a_manifest_without_notices_is_as_good_as_before(tiny_store: Path, tmp_path: Path) -> None:
    """An older entry opens; of its own it warns that it has no gate."""
    store = shutil.copytree(tiny_store, tmp_path / "store")
    path = store / "pooled" / "1" / "model.json"
    manifest = json.loads(path.read_text())
    del manifest["notices"]
    path.write_text(json.dumps(manifest))
    warnings = open_predictor(store, "pooled").predict(FILM, operating_point="half").warnings
    assert [warning.code for warning in warnings] == ["no-gate"]
