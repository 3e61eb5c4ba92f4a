"""The maps of the bundled models and the biases of their heads sum to their logits."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from app.inference.artifact import find_entry, list_entries
from app.inference.engines import open_engine
from app.names import LABELS, EngineName
from tests.drawn import draw_film
from training.audit.head_bias import compute_head_biases

STORE = Path(__file__).parents[2] / "model_store"
EXACT = [label for label in list_entries(STORE) if (cam := find_entry(STORE, label).manifest.maps.cam) and cam.exact]


def test_the_bundled_default_has_an_exact_map() -> None:
    assert find_entry(STORE).label in EXACT


@pytest.mark.parametrize("engine", ["openvino", pytest.param("tensorflow", marks=pytest.mark.long)])
@pytest.mark.parametrize("label", EXACT)
def test_a_map_and_its_heads_own_bias_sum_to_the_logit(label: str, engine: EngineName) -> None:
    """Within 1e-3, on films of both classes, on noise, and on a blank film; and no map is empty of evidence.

    The bias is computed from the weights; the served one, which is the same, would make any map fit.
    """
    entry = find_entry(STORE, label)
    height, width = entry.manifest.shape
    films = [draw_film(name, seed, height, width) for name in LABELS for seed in range(4)]
    films += [np.random.default_rng(1).integers(0, 256, (height, width), np.uint8), np.zeros((height, width), np.uint8)]
    found = open_engine(engine, entry.folder, entry.manifest.maps).maps(np.stack(films), cam=True, layers=False)
    network = keras.saving.load_model(entry.folder / "model.keras", compile=False)
    biases = compute_head_biases(network, np.stack(films))
    assert found.cam is not None
    assert found.cam_bias is not None
    np.testing.assert_allclose(found.cam_bias, biases, atol=1e-3, rtol=0)
    sums = found.cam.sum(axis=(1, 2), dtype=np.float64) + biases
    np.testing.assert_allclose(sums, found.logits, atol=1e-3, rtol=0)
    assert np.abs(found.cam[: 2 * len(LABELS)]).max(axis=(1, 2)).min() > 1e-3
