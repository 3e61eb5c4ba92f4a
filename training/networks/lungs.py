"""The lung network: a small U-Net that gives each pixel of a film its probability of lung.

Ronneberger et al. 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation". It helps in training and is
not served.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from app.errors import PneumoServeError
from training.augmentation.lungs import MASK_SIDE, shrink_to_mask

CHANNELS = (12, 24, 40, 56)
"""Of each scale, finest first; every scale halves the resolution."""

_SHAPE = (None, MASK_SIDE, MASK_SIDE, 1)
_BATCH = 128


def build_lung_network() -> keras.Model:
    """Build the network: (N, MASK_SIDE, MASK_SIDE, 1) in 0..255 → probabilities of the same shape."""
    film = keras.Input(_SHAPE[1:], name="film")
    # As PneumoNet does: brightness and contrast are removed.
    x = layers.LayerNormalization(axis=[1, 2, 3], epsilon=25.0, center=False, scale=False, name="standardise")(film)
    skipped = []
    for scale, channels in enumerate(CHANNELS):
        x = _convolve_twice(layers.MaxPooling2D()(x) if scale else x, channels)
        skipped.append(x)
    for channels, finer in zip(CHANNELS[-2::-1], skipped[-2::-1], strict=True):
        enlarged = layers.UpSampling2D(interpolation="bilinear")(x)
        x = _convolve_twice(layers.Concatenate()([enlarged, finer]), channels)
    return keras.Model(film, layers.Conv2D(1, 1, activation="sigmoid", name="lung")(x), name="lungs")


def read_lung_network(path: Path) -> keras.Model:
    """Read a network that `pneumoserve train-lungs` saved.

    Raises:
        PneumoServeError: the file holds no such network.
    """
    expected = "Expected a lung network that `pneumoserve train-lungs` saved."
    if not path.is_file():
        raise PneumoServeError(f"{expected} There is no file {path.name}.")
    try:
        network = keras.models.load_model(path, compile=False)
    except (OSError, TypeError, ValueError) as error:
        raise PneumoServeError(
            f"{expected} Received a file that Keras cannot read: {str(error).splitlines()[0]}"
        ) from None
    shapes = (network.input_shape, network.output_shape)
    if shapes != (_SHAPE, _SHAPE):
        raise PneumoServeError(f"{expected} Received a network from {shapes[0]} to {shapes[1]}.")
    return network


def find_masks(network: keras.Model, films: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the masks of films, uint8 (films, MASK_SIDE, MASK_SIDE): the probability of lung times 255.

    Args:
        network: of `build_lung_network`, trained.
        films: uint8 (side, side) each, at least one.
    """
    small = np.stack([shrink_to_mask(film) for film in films])[..., np.newaxis].astype(np.float32)
    parts = [network.predict_on_batch(small[start : start + _BATCH]) for start in range(0, len(small), _BATCH)]
    masks: NDArray[np.uint8] = (np.concatenate(parts)[..., 0] * 255).astype(np.uint8)
    return masks


def _convolve_twice(x: Any, channels: int) -> Any:
    for _ in range(2):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
    return x
