"""The lung network keeps a film's size, and is read again from its file."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from app.errors import PneumoServeError
from tests.training.drawn_sources import draw
from training.augmentation.lungs import MASK_SIDE
from training.networks.lungs import build_lung_network, find_masks, read_lung_network


@pytest.mark.long
def test_masks_have_the_size_of_masks_in_the_order_of_the_films() -> None:
    """Also of more films than one batch."""
    keras.utils.set_random_seed(1)
    network = build_lung_network()
    films = [draw(seed % 2, seed % 5) for seed in range(131)]
    masks = find_masks(network, films)
    assert (masks.shape, masks.dtype) == ((131, MASK_SIDE, MASK_SIDE), np.uint8)
    for number in (0, 130):
        alone = find_masks(network, [films[number]])[0]
        assert np.abs(masks[number].astype(int) - alone).max() <= 1
    assert np.abs(masks[0].astype(int) - masks[1]).max() > 1
    assert network.count_params() < 200_000


def test_masks_do_not_depend_on_brightness() -> None:
    """Films are standardised first."""
    keras.utils.set_random_seed(1)
    network, film = build_lung_network(), draw(0, 1) // 2
    one, brighter = find_masks(network, [film, film + 50]).astype(int)
    assert np.abs(one - brighter).max() <= 2


def test_a_saved_network_is_read_again(tmp_path: Path) -> None:
    """With its weights."""
    network = build_lung_network()
    network.save(tmp_path / "lungs.keras")
    again = read_lung_network(tmp_path / "lungs.keras")
    np.testing.assert_array_equal(find_masks(network, [draw(0, 1)]), find_masks(again, [draw(0, 1)]))


def test_another_file_is_refused_in_one_line(tmp_path: Path) -> None:
    """None at all, one that is no network, and a network of another form."""
    with pytest.raises(PneumoServeError, match=r"There is no file none.keras"):
        read_lung_network(tmp_path / "none.keras")
    (tmp_path / "text.keras").write_text("no network")
    with pytest.raises(PneumoServeError, match=r"Received a file that Keras cannot read: .*") as caught:
        read_lung_network(tmp_path / "text.keras")
    assert "\n" not in str(caught.value)
    keras.Sequential([keras.Input((MASK_SIDE, MASK_SIDE, 1)), keras.layers.Flatten()]).save(tmp_path / "flat.keras")
    with pytest.raises(PneumoServeError, match=r"Received a network from \(None, 80, 80, 1\) to \(None, 6400\)"):
        read_lung_network(tmp_path / "flat.keras")
