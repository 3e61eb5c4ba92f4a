from __future__ import annotations

from pathlib import Path

import keras
import pytest
from keras import layers

from app.errors import ArtifactRefused
from app.inference.reader import open_reader
from tests.conftest import encode, film_pixels
from training.adopt import adopt


def _save(path: Path, activation: str = "sigmoid", name: str = "logit") -> Path:
    film = keras.Input((96, 80, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 255)(film)))
    logit = layers.Dense(1, name=name, bias_initializer="ones")(x)
    keras.Model(film, layers.Activation(activation)(logit)).save(path)
    return path


def test_a_network_from_elsewhere_is_served_at_its_own_size(tmp_path: Path) -> None:
    """Any input size goes: the entry says it, and the service reads films to it."""
    folder = adopt(_save(tmp_path / "n.keras"), tmp_path / "store", "mine", prevalence=0.2, intended_use="Tests.")
    reader = open_reader(tmp_path / "store", "mine")
    reading = reader.read(encode(film_pixels(1)), operating_point="half", maps="cam")

    assert folder == tmp_path / "store" / "mine" / "1"
    assert reader.manifest.shape == (96, 80)
    assert (reading.maps[0].width, reading.maps[0].height) == (80, 96)


@pytest.mark.parametrize(
    ("change", "reason"), [({"name": "out"}, "layer named 'logit'"), ({"activation": "tanh"}, "sigmoid")]
)
def test_another_kind_of_network_is_refused_with_what_it_lacks(
    tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    """Nothing is left in the store."""
    with pytest.raises(ArtifactRefused, match=reason):
        adopt(_save(tmp_path / "n.keras", **change), tmp_path / "store", "mine", prevalence=0.2, intended_use="")
    assert list((tmp_path / "store").glob("*")) == []
