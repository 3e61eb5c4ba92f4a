"""The two engines agree, give each film its own answer from any thread, and their maps are right."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops

from app.errors import ArtifactRefused, ModelError
from app.inference.artifact import find_entry
from app.inference.engine import Engine, check_rows
from app.inference.engines import open_engine
from app.inference.manifest import MapsSpec
from app.inference.openvino_engine import OpenVINOEngine
from app.names import EngineName
from tests.conftest import film_pixels

NAMES = ["pooled", "dense", "tanh"]
FILMS = np.stack([film_pixels(seed, 150, 150) for seed in range(5)] + [np.zeros((150, 150), np.uint8)])


@pytest.fixture(scope="module")
def engines(tiny_store: Path) -> dict[tuple[str, str], Engine]:
    """Both engines of every network."""
    entries = {name: find_entry(tiny_store, name) for name in NAMES}
    return {
        (name, engine): open_engine(engine, entry.folder, entry.manifest.maps)
        for name, entry in entries.items()
        for engine in ("openvino", "tensorflow")
    }


@pytest.fixture(scope="module")
def networks(tiny_store: Path) -> dict[str, Any]:
    """The Keras networks, read again."""
    import keras

    return {name: keras.saving.load_model(tiny_store / name / "1" / "model.keras") for name in NAMES}


def graph_engine(tmp_path: Path, build: Callable[[Any], Any]) -> OpenVINOEngine:
    """An engine of its own graph; `build` makes the logit of films (N, 150, 150, 1)."""
    films = ops.parameter([-1, 150, 150, 1], np.float32)
    logit = build(films)
    logit.output(0).tensor.set_names({"logit"})
    openvino.save_model(openvino.Model([logit], [films]), tmp_path / "model.xml")
    return OpenVINOEngine(tmp_path / "model.xml", MapsSpec())


@pytest.mark.parametrize("name", NAMES)
def test_both_engines_agree(engines: dict[tuple[str, str], Engine], name: str) -> None:
    """Within 1e-3 in the logit and in every map."""
    ours, reference = (
        engines[name, engine].maps(FILMS, cam=True, layers=True) for engine in ("openvino", "tensorflow")
    )
    assert np.abs(ours.logits - reference.logits).max() < 1e-3
    assert list(ours.layers) == list(reference.layers) != []
    for layer, activations in ours.layers.items():
        assert activations.shape == reference.layers[layer].shape
        assert np.abs(activations - reference.layers[layer]).max() < 1e-3
    if name == "tanh":
        assert (ours.cam, ours.cam_bias, reference.cam, reference.cam_bias) == (None,) * 4
    else:
        assert np.abs(ours.cam - reference.cam).max() < 1e-3
        assert np.abs(ours.cam_bias - reference.cam_bias).max() < 1e-3


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.parametrize("name", NAMES)
def test_each_film_of_a_batch_has_its_own_answer(
    engines: dict[tuple[str, str], Engine], name: str, engine: EngineName
) -> None:
    """As alone, in order; different films differ."""
    engine = engines[name, engine]
    together, maps = engine.logits(FILMS), engine.maps(FILMS, cam=True, layers=True)
    alone = np.concatenate([engine.logits(film[np.newaxis]) for film in FILMS])
    assert together.shape == (len(FILMS),)
    assert np.abs(together - alone).max() < 1e-4
    assert np.abs(together - maps.logits).max() < 1e-4
    assert len(np.unique(together.round(4))) == len(FILMS)
    for at, film in enumerate(FILMS):
        one = engine.maps(film[np.newaxis], cam=True, layers=True)
        for layer, activations in one.layers.items():
            assert np.abs(maps.layers[layer][at] - activations[0]).max() < 1e-3
        if maps.cam is not None:
            assert np.abs(maps.cam[at] - one.cam[0]).max() < 1e-3
            assert np.abs(maps.cam_bias[at] - one.cam_bias[0]).max() < 1e-3


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.parametrize("name", NAMES)
def test_only_the_maps_that_are_asked_for_are_answered(
    engines: dict[tuple[str, str], Engine], name: str, engine: EngineName
) -> None:
    """Others are None or empty; the logit is the same."""
    engine = engines[name, engine]
    for cam in (False, True):
        for layers in (False, True):
            maps = engine.maps(FILMS, cam=cam, layers=layers)
            assert (maps.cam is not None, bool(maps.layers)) == (cam and name != "tanh", layers)
            assert (maps.cam is None) is (maps.cam_bias is None)
            assert np.abs(maps.logits - engine.logits(FILMS)).max() < 1e-4


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.parametrize("name", ["pooled", "dense"])
def test_map_and_bias_sum_to_the_logit(engines: dict[tuple[str, str], Engine], name: str, engine: EngineName) -> None:
    maps = engines[name, engine].maps(FILMS, cam=True, layers=False)
    assert np.abs(maps.cam.sum(axis=(1, 2)) + maps.cam_bias - maps.logits).max() < 1e-4


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_the_map_of_a_pooled_head_is_its_weights_over_the_features(
    engines: dict[tuple[str, str], Engine], networks: dict[str, Any], engine: EngineName
) -> None:
    """Zhou 2016, in NumPy; the bias is the Dense layer's."""
    maps = engines["pooled", engine].maps(FILMS, cam=True, layers=True)
    weights, bias = (np.asarray(part) for part in networks["pooled"].get_layer("logit").get_weights())
    features = maps.layers["conv2"]
    by_hand = np.einsum("nyxc,c->nyx", features, weights[:, 0]) / (features.shape[1] * features.shape[2])
    assert np.abs(maps.cam - by_hand).max() < 1e-4
    assert np.abs(maps.cam_bias - bias[0]).max() < 1e-4


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_the_map_of_a_dense_head_is_its_piecewise_linear_form(
    engines: dict[tuple[str, str], Engine], networks: dict[str, Any], engine: EngineName
) -> None:
    """In NumPy: active units make one matrix of the head; the bias is what remains of the logit."""
    maps = engines["dense", engine].maps(FILMS, cam=True, layers=True)
    features = maps.layers["conv2"].astype(np.float64)
    dense = [layer for layer in networks["dense"].layers if type(layer).__name__ == "Dense"]
    (w1, b1), (w2, b2), (w3, b3) = [[np.asarray(part, np.float64) for part in layer.get_weights()] for layer in dense]
    for at in range(len(FILMS)):
        flat = features[at].reshape(-1)
        on1 = (flat @ w1 + b1 > 0).astype(float)
        on2 = (np.maximum(flat @ w1 + b1, 0) @ w2 + b2 > 0).astype(float)
        matrix = (w1 * on1) @ (w2 * on2) @ w3
        bias = (((b1 * on1) @ w2 + b2) * on2) @ w3 + b3
        by_hand = (flat * matrix[:, 0]).reshape(features[at].shape).sum(axis=-1)
        assert np.abs(maps.cam[at] - by_hand).max() < 1e-4
        assert abs(maps.cam_bias[at] - bias[0]) < 1e-4


@pytest.mark.parametrize("name", ["pooled", "dense"])
@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
def test_many_threads_get_their_own_answers(
    engines: dict[tuple[str, str], Engine], name: str, engine: EngineName
) -> None:
    """Different films and batches, with and without maps, at once."""
    engine = engines[name, engine]
    expected, right, wrong = engine.logits(FILMS), [], []

    def ask(seed: int) -> Any:
        rng = np.random.default_rng(seed)
        for _ in range(12):
            chosen = rng.integers(0, len(FILMS), rng.integers(1, 4))
            logits = engine.logits(FILMS[chosen])
            maps = engine.maps(FILMS[chosen], cam=True, layers=bool(rng.integers(2)))
            for answer in (logits, maps.logits, maps.cam.sum(axis=(1, 2)) + maps.cam_bias):
                (right if np.abs(answer - expected[chosen]).max() < 1e-3 else wrong).append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(right), wrong) == (6 * 12 * 3, [])


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.parametrize("cut", [np.s_[:, :-1], np.s_[:, :, :-1], np.s_[:, :0]])
def test_a_film_of_another_size_is_refused(
    engines: dict[tuple[str, str], Engine], engine: EngineName, cut: tuple[Any, ...]
) -> None:
    """OpenVINO itself would repeat the previous film's answer."""
    engine = engines["pooled", engine]
    before = engine.logits(FILMS[:1])
    with pytest.raises((ValueError, TypeError)):
        engine.logits(FILMS[1:2][cut])
    assert engine.logits(FILMS[:1]) == pytest.approx(before)


def test_an_answer_is_not_overwritten_by_the_next_one(engines: dict[tuple[str, str], Engine]) -> None:
    engine = engines["pooled", "openvino"]
    maps = engine.maps(FILMS[:1], cam=True, layers=True)
    kept = [maps.logits.copy(), maps.cam.copy(), maps.layers["conv1"].copy()]
    engine.maps(FILMS[1:2], cam=True, layers=True)
    for before, after in zip(kept, [maps.logits, maps.cam, maps.layers["conv1"]], strict=True):
        assert np.array_equal(before, after)


def test_rows_out_are_films_in() -> None:
    """In whatever shape."""
    logits = np.arange(4, dtype=np.float32)
    for shape in ((4,), (4, 1), (4, 1, 1)):
        assert check_rows(FILMS[:4], logits.reshape(shape)).tolist() == [0, 1, 2, 3]
    for rows in (1, 3, 5):
        with pytest.raises(ArtifactRefused, match=f"Expected 4 logits for 4 films. Received {rows}"):
            check_rows(FILMS[:4], np.zeros((rows, 1), np.float32))


def test_a_graph_that_answers_a_batch_with_one_row_is_refused(tmp_path: Path) -> None:
    """The first film's, or the mean of all."""

    def first_row(films: Any) -> Any:
        rows = ops.reduce_mean(films, [1, 2], keep_dims=False)
        return ops.slice(rows, [0], [1], [1], [0])

    engine = graph_engine(tmp_path, first_row)
    assert engine.logits(FILMS[:1]).tolist() == pytest.approx([FILMS[0].mean()], rel=1e-4)
    with pytest.raises(ArtifactRefused, match=r"Expected 4 logits for 4 films\. Received 1"):
        engine.logits(FILMS[:4])


def test_a_film_reaches_the_network_as_it_is(tmp_path: Path) -> None:
    """Float32, 0 to 255: its mean is that of its pixels."""
    engine = graph_engine(tmp_path, lambda films: ops.reduce_mean(films, [1, 2], keep_dims=False))
    assert engine.logits(FILMS) == pytest.approx(FILMS.mean(axis=(1, 2)), rel=1e-5)


def test_a_graph_without_the_outputs_is_refused(tmp_path: Path, tiny_store: Path) -> None:
    """The message names them."""
    xml = tiny_store / "tanh" / "1" / "serving" / "model.xml"
    engine = OpenVINOEngine(xml, MapsSpec(layers=["absent"]))
    with pytest.raises(ArtifactRefused, match="outputs logit, layer:absent"):
        engine.maps(FILMS[:1], cam=False, layers=True)
    (tmp_path / "model.xml").write_text("no graph")
    for path in (tmp_path / "model.xml", tmp_path / "absent.xml"):
        with pytest.raises(ArtifactRefused, match="Expected a serving graph"):
            OpenVINOEngine(path, MapsSpec())


@pytest.mark.parametrize("content", [b"no zip", b"PK\x05\x06" + bytes(18), None])
def test_a_file_that_is_no_keras_model_is_refused(tmp_path: Path, tiny_store: Path, content: bytes | None) -> None:
    """No zip, an empty one, or a cut one."""
    whole = (tiny_store / "tanh" / "1" / "model.keras").read_bytes()
    (tmp_path / "model.keras").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ArtifactRefused, match="Expected a Keras model"):
        open_engine("tensorflow", tmp_path, MapsSpec())


def test_without_tensorflow_the_engine_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "app.inference.tensorflow_engine", raising=False)
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ModelError, match=r"needs keras, which is not installed: .*PNEUMOSERVE_ENGINE=openvino"):
        open_engine("tensorflow", tmp_path, MapsSpec())


def test_the_openvino_engine_needs_no_keras_file(tiny_store: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_store / "pooled" / "1" / "serving", tmp_path / "serving")
    maps = MapsSpec(**json.loads((tiny_store / "pooled" / "1" / "model.json").read_text())["maps"])
    assert open_engine("openvino", tmp_path, maps).logits(FILMS).shape == (len(FILMS),)
