"""Somebody's own `.keras` → a model_store entry that the service can serve."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from app.errors import ArtifactRefused
from app.imaging.preprocess import RESIZE_RULE
from app.inference.artifact import finish_entry, staged_entry
from app.inference.manifest import InputSpec, ManifestDraft
from training.golden import draw_golden_films
from training.serving_form import export_serving, round_weights, save_network


def adopt(network_file: Path, store: Path, name: str, *, prevalence: float, intended_use: str) -> Path:
    """Write an entry for a network that was trained elsewhere: identity calibration, the operating point `half`.

    Its weights are rounded to what float16 holds, as every entry's are.

    Args:
        network_file: a saved Keras model as the README describes it: (N, height, width, 1) in 0..255, its scaling a
            layer of it, a layer `logit` that is Dense(1), then a sigmoid that answers P(PNEUMONIA).
        store: the model store.
        name: of the entry.
        prevalence: share of PNEUMONIA among the films that it was trained on, 0 to 1.
        intended_use: a sentence or two, for `/model`.

    Returns:
        the folder of the new entry.

    Raises:
        ArtifactRefused: the file is no such model; the message says what is missing.
    """
    try:
        network = keras.saving.load_model(network_file, compile=False)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise ArtifactRefused(f"Expected a saved Keras model. Keras refused it ({type(error).__name__}).") from None
    shape = network.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 1 or None in shape[1:]:
        raise ArtifactRefused(f"Expected a network with one input (N, height, width, 1). Received {shape}.")
    round_weights(network)
    with staged_entry(store, name) as staged:
        save_network(network, staged.folder / "model.keras")
        maps = export_serving(network, staged.folder / "serving")
        films = draw_golden_films(shape[1], shape[2])
        _check_probability(network, films)
        draft = ManifestDraft(
            keras_version=keras.__version__,
            input=InputSpec(width=shape[2], height=shape[1], resize=RESIZE_RULE),
            calibration={"method": "identity", "prevalence": prevalence},
            operating_points={"half": 0.0},
            default_operating_point="half",
            maps=maps,
            training_data={},
            training={"parameters": int(network.count_params()), "imported": True},
            metrics={},
            intended_use=intended_use,
        )
        finish_entry(staged, draft, films)
    return store / name / staged.version


def _check_probability(network: keras.Model, films: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    """Refuse a network whose answer is not the sigmoid of its logit: the article's own says P(NORMAL), say."""
    batch = films[..., np.newaxis].astype(np.float32)
    logit = keras.Model(network.inputs, network.get_layer("logit").output).predict_on_batch(batch).reshape(-1)
    answer = np.asarray(network.predict_on_batch(batch)).reshape(-1)
    if answer.shape != logit.shape or not np.allclose(answer, 1 / (1 + np.exp(-logit.astype(np.float64))), atol=1e-4):
        raise ArtifactRefused("Expected the network to answer the sigmoid of its layer 'logit'. It answers another.")
