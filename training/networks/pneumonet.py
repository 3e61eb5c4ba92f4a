"""PneumoNet: a small residual network, the service's default."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

# Anti-aliased pooling: Zhang 2019, "Making Convolutional Networks Shift-Invariant Again".
_BINOMIAL = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16

STEM = 16
"""Channels of the first convolution."""

STAGES = ((16, 1), (32, 2), (96, 2))
"""Channels and residual blocks; every stage halves the resolution."""

TEACHER_STEM, TEACHER_STAGES = 24, ((32, 1), (64, 2), (128, 3))


def build_pneumonet(
    height: int, width: int, *, stem: int = STEM, stages: tuple[tuple[int, int], ...] = STAGES
) -> keras.Model:
    """Build a residual network from standardised film to global average pooling and one Dense `logit`.

    Standardising each film removes brightness and contrast. The class activation map sums exactly to the logit.
    """
    film = keras.Input((height, width, 1), name="film")
    # Built in: the file loads without our code. Epsilon: 5 gray levels, squared.
    x = layers.LayerNormalization(axis=[1, 2, 3], epsilon=25.0, center=False, scale=False, name="standardise")(film)
    x = _convolve(x, stem, size=5, strides=2, name="stem")
    for stage, (channels, blocks) in enumerate(stages, start=1):
        x = _pool(x, f"pool{stage}")
        for block in range(1, blocks + 1):
            x = _residual(x, channels, f"stage{stage}_block{block}")
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dropout(0.3, name="drop")(x)
    logit = layers.Dense(1, name="logit")(x)
    return keras.Model(film, layers.Activation("sigmoid", name="probability")(logit), name="pneumonet")


def build_teacher(height: int, width: int) -> keras.Model:
    """Build a wider network of the same kind, which is not served."""
    return build_pneumonet(height, width, stem=TEACHER_STEM, stages=TEACHER_STAGES)


def _convolve(x: Any, channels: int, *, name: str, size: int = 3, strides: int = 1, is_active: bool = True) -> Any:
    x = layers.Conv2D(
        channels, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    x = layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if is_active else x


def _residual(x: Any, channels: int, name: str) -> Any:
    y = _convolve(x, channels, name=f"{name}_a")
    y = _convolve(y, channels, name=f"{name}_b", is_active=False)
    if x.shape[-1] != channels:
        x = _convolve(x, channels, size=1, name=f"{name}_skip", is_active=False)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, y]))


def _pool(x: Any, name: str) -> Any:
    """Halve the resolution after a fixed blur: shifts of a pixel hardly matter."""
    pool = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False, trainable=False, name=name)
    x = pool(x)
    pool.set_weights([np.repeat(_BINOMIAL[..., np.newaxis, np.newaxis], x.shape[-1], axis=2)])
    return x
