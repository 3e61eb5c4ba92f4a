"""Objects that many tests share: drawn films, and a store of tiny networks."""

from __future__ import annotations

import fcntl
import os

# As in pneumoserve.py.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from xdist.scheduler import LoadFileScheduling

from tests.fuzzing import tally as tally

# Before Keras is imported.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Tests ignore the caller's settings.
for name in [name for name in os.environ if name.startswith("PNEUMOSERVE_")]:
    del os.environ[name]


_KERAS = ("tests/training/", "tests/inference/")


class OneWorkerAFile(LoadFileScheduling):
    """Gives to one worker all tests in the folders where most need TensorFlow, which takes seconds to warm up."""

    def _split_scope(self, nodeid: str) -> str:
        return "keras" if nodeid.startswith(_KERAS) else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorkerAFile:
    """Use it whatever `--dist` says."""
    return OneWorkerAFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: (not item.nodeid.startswith(_KERAS), item.nodeid.partition("::")[0].count("/") > 1))


def film_pixels(seed: int = 0, height: int = 300, width: int = 400) -> np.ndarray:
    """Draw a smooth random picture, uint8, that compresses as a film does."""
    noise = np.random.default_rng(seed).random((12, 16)).astype(np.float32)
    smooth = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth * 255, 0, 255).astype(np.uint8)


def encode(pixels: np.ndarray, ending: str = ".jpg", *options: int) -> bytes:
    ok, data = cv2.imencode(ending, pixels, options)
    assert ok
    return data.tobytes()


def _pooled(inputs: Any) -> Any:
    from keras import layers

    x = layers.Conv2D(8, 3, strides=4, padding="same", name="conv1")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(20, 3, strides=2, padding="same", activation="relu", name="conv2")(x)
    return layers.Dropout(0.3)(layers.GlobalAveragePooling2D()(x))


def _dense(inputs: Any) -> Any:
    from keras import layers

    x = layers.Conv2D(4, 3, strides=4, padding="same", activation="relu", name="conv1")(inputs)
    x = layers.Conv2D(8, 3, strides=4, padding="same", activation="relu", name="conv2")(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(layers.Dropout(0.3)(x)))
    return layers.Dropout(0.3)(layers.Dense(8, activation="relu")(x))


def _tanh(inputs: Any) -> Any:
    from keras import layers

    x = layers.Conv2D(4, 3, strides=8, padding="same", activation="relu", name="conv1")(inputs)
    return layers.Dense(8, activation="tanh")(layers.Flatten()(x))


BODIES: dict[str, Callable[[Any], Any]] = {"pooled": _pooled, "dense": _dense, "tanh": _tanh}
"""One network for each way to a class activation map: exact by pooling, exact by gradient, and by occlusion."""


def _build_once(name: str, tmp_path_factory: pytest.TempPathFactory, build: Callable[[Path], None]) -> Path:
    """Return a folder that the first of pytest's processes builds, for all of them."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    store = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not store.exists():
            unfinished = tmp_path_factory.mktemp(name) / name
            build(unfinished)
            unfinished.rename(store)
    return store


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of untrained tiny networks, one a body, written as training does; not to be changed."""
    return _build_once("tiny", tmp_path_factory, _build_tiny_store)


def _build_tiny_store(store: Path) -> None:
    import keras

    from app.inference.artifact_writer import finish_entry, set_default, staged_entry
    from app.inference.manifest import InputSpec, ManifestDraft
    from training.publishing.serving_form import export_serving, round_weights, save_network

    films = np.stack([film_pixels(seed, 150, 150) for seed in range(8)])
    for name, body in BODIES.items():
        keras.utils.set_random_seed(3)
        inputs = keras.Input((150, 150, 1))
        logit = keras.layers.Dense(1, name="logit", bias_initializer="random_normal")(
            body(keras.layers.Rescaling(1 / 255)(inputs))
        )
        network = keras.Model(inputs, keras.layers.Activation("sigmoid", name="probability")(logit))
        with staged_entry(store, name) as staged:
            round_weights(network)
            save_network(network, staged.folder / "model.keras")
            maps = export_serving(network, staged.folder / "serving")
            # So that both classes are answered.
            middle = float(np.median(np.asarray(keras.Model(inputs, logit)(films[..., np.newaxis].astype("float32")))))
            draft = ManifestDraft(
                keras_version=keras.__version__,
                input=InputSpec(width=150, height=150, resize="squeeze-inter-area"),
                calibration={"prevalence": 0.7},
                operating_points={"half": 0.0, "balanced": middle},
                default_operating_point="balanced",
                maps=maps,
                training_data={},
                training={},
                metrics={},
                intended_use="tests",
                ages=[(1, 5), (18, None)],
            )
            finish_entry(staged, draft, films)
    set_default(store, "pooled/1")


@pytest.fixture(scope="session")
def gated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model store of one network whose gate was fitted on drawn films: smooth ones are usual, noise is not."""
    return _build_once("gated", tmp_path_factory, _build_gated_store)


def _build_gated_store(store: Path) -> None:
    import keras

    from app.inference.artifact_writer import finish_entry, set_default, staged_entry
    from app.inference.engines import open_engine
    from app.inference.gate import GATE_FILE
    from app.inference.manifest import InputSpec, ManifestDraft
    from training.publishing.gate import GateFilms, make_gate
    from training.publishing.serving_form import export_serving, round_weights, save_network

    keras.utils.set_random_seed(4)
    inputs = keras.Input((150, 150, 1))
    logit = keras.layers.Dense(1, name="logit")(_pooled(keras.layers.Rescaling(1 / 255)(inputs)))
    network = keras.Model(inputs, keras.layers.Activation("sigmoid", name="probability")(logit))
    spec = InputSpec(width=150, height=150, resize="scaled-jpeg-squeeze-inter-area")
    films = [np.stack([film_pixels(seed, 224, 224) for seed in range(start, start + 60)]) for start in (0, 100)]
    with staged_entry(store, "gated") as staged:
        round_weights(network)
        save_network(network, staged.folder / "model.keras")
        maps = export_serving(network, staged.folder / "serving", has_gate=True)
        engine = open_engine("openvino", staged.folder, maps)
        gate, _ = make_gate(engine, GateFilms({"drawn": films[0]}, {"drawn": films[1]}), spec, seed=1)
        gate.reference.save(staged.folder / GATE_FILE)
        draft = ManifestDraft(
            keras_version=keras.__version__,
            input=spec,
            calibration={"prevalence": 0.7},
            operating_points={"half": 0.0},
            default_operating_point="half",
            maps=maps,
            gate=gate.spec,
            training_data={},
            training={},
            metrics={},
            intended_use="tests",
        )
        finish_entry(staged, draft, films[1][:4, :150, :150])
    set_default(store, "gated/1")
