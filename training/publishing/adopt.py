"""A Keras network trained elsewhere → a model_store entry."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from app.errors import ArtifactRefused, PneumoServeError
from app.imaging.preprocess import DEFAULT_RESIZE_RULE
from app.inference.artifact import Entry, open_verified
from app.inference.artifact_writer import finish_entry, staged_entry
from app.inference.calibration import CalibrationDraft
from app.inference.manifest import InputSpec, ManifestDraft, MapsSpec
from app.inference.training_record import ImportedTraining
from training.publishing.foreign_file import load_foreign, shorten_reason
from training.publishing.foreign_network import Adapted, Conventions, adapt
from training.publishing.full_precision import to_float32
from training.publishing.golden import draw_golden_films
from training.publishing.maps import maps_of
from training.publishing.serving_form import export_serving, save_network

MAX_LAYERS = 8
"""Most layers offered as maps, spread from first to last."""

_TOLERANCE = 1e-5


def adopt(
    network_file: Path,
    store: Path,
    name: str,
    *,
    prevalence: float,
    intended_use: str,
    conventions: Conventions | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write an entry of a network trained elsewhere: identity calibration, operating point `half`; return its folder.

    Its weights stay, unlike those trained here, which are rounded to float16.

    Args:
        network_file: see `foreign_file` and `foreign_network`.
        store: receives the entry.
        name: of the entry.
        prevalence: of PNEUMONIA in its training, 0 to 1.
        intended_use: for `/model`.
        conventions: what the file does not say.
        report: receives sentences on what was taken for what.

    Raises:
        ArtifactRefused: the network cannot be adopted; the message says why.
    """
    loaded = load_foreign(network_file)
    with _refuse("This network cannot be rewritten"):
        foreign = to_float32(loaded)
        adapted = adapt(foreign, conventions or Conventions())
        height, width = adapted.network.input_shape[1:3]
        films = draw_golden_films(height, width)
        _check_answers(adapted, films)
    for note in adapted.notes if foreign is loaded else (*adapted.notes, "Precision: float32, unlike in training."):
        report(note)
    with staged_entry(store, name) as staged:
        path = staged.folder / "model.keras"
        with _refuse("This network cannot be rewritten"):
            save_network(adapted.network, path)
            # The file is served; in it, a layer shared with `foreign` is used once.
            network = keras.saving.load_model(path, compile=False)
        with _refuse("OpenVINO does not take this network over"):
            maps = export_serving(network, staged.folder / "serving", _choose_layers(network))
        draft = ManifestDraft(
            keras_version=keras.__version__,
            input=InputSpec(width=width, height=height, resize=DEFAULT_RESIZE_RULE),
            calibration=CalibrationDraft(prevalence=prevalence),
            operating_points={"half": 0.0},
            default_operating_point="half",
            maps=maps,
            training_data=None,
            training=ImportedTraining(parameters=int(network.count_params()), imported=True),
            metrics=None,
            intended_use=intended_use,
        )
        with _refuse("This network cannot be served"):
            manifest = finish_entry(staged, draft, films)
            open_verified(Entry(staged.folder, manifest), "tensorflow")
    report(_describe(maps))
    return store / name / staged.version


def _check_answers(adapted: Adapted, films: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    """Refuse a rewrite that changes an answer, and a network that returns no number."""
    batch = films[..., np.newaxis].astype(np.float32)
    expected = adapted.answer(batch)
    network = adapted.network
    parts = keras.Model(network.inputs, [network.get_layer("logit").output, network.output])([batch], training=False)
    logits, received = (np.asarray(part).reshape(-1) for part in parts)
    if not np.isfinite([expected, logits]).all():
        raise ArtifactRefused("Expected a network that answers numbers. It answers NaN or infinity to drawn films.")
    worst = float(np.abs(expected - received).max())
    if worst > _TOLERANCE:
        raise ArtifactRefused(f"Expected the same probabilities of the rewritten network. They are {worst:.2g} off.")


def _choose_layers(network: keras.Model) -> list[str]:
    layers = maps_of(network).layers
    chosen = np.linspace(0, len(layers) - 1, min(len(layers), MAX_LAYERS)).round().astype(int)
    return [layers[at] for at in chosen]


@contextmanager
def _refuse(saying: str) -> Iterator[None]:
    """Turn what Keras and OpenVINO raise into a refusal with their reason."""
    try:
        yield
    except (PneumoServeError, OSError):
        raise
    except Exception as error:  # they raise a dozen kinds, several their own
        raise ArtifactRefused(f"{saying}: {shorten_reason(error)}") from None


def _describe(maps: MapsSpec) -> str:
    layers = ", ".join(maps.layers) or "none, as its convolutions stand within another layer or are used twice"
    cam = f"{maps.cam.method} at {maps.cam.layer}" if maps.cam else "by occlusion, as its head has no exact one"
    return f"Maps: {cam}. Layers: {layers}."
