"""Small networks as other people build and train them."""

import keras
import numpy as np
from keras import layers

HEIGHT, WIDTH = 16, 20
FILMS = np.random.default_rng(0).integers(0, 256, (5, HEIGHT, WIDTH, 1)).astype(np.float32)


def varied(network):
    """Give every weight another value than the 0 or 1 that it begins with, so that none can be left out unseen."""
    rng = np.random.default_rng(1)
    network.set_weights([w + 0.3 * rng.random(w.shape).astype(w.dtype) for w in network.get_weights()])
    return network


def sequential(*head, shape=(HEIGHT, WIDTH, 3), front=None):
    """A stack with its scaling inside; `front` stands before it."""
    keras.utils.set_random_seed(2)
    body = [layers.Rescaling(1 / 127.5, -1), layers.Conv2D(4, 3, activation="relu", name="conv")]
    start = [keras.Input(shape), *([front] if front else [])]
    return varied(keras.Sequential([*start, *body, layers.GlobalAveragePooling2D(), *head]))


def functional(head, shape=(HEIGHT, WIDTH, 3), front=lambda films: films / 255.0, **films):
    """A graph; `head` and `front` are called on tensors."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input(shape, **films)
    features = layers.Conv2D(4, 3, activation="relu", name="conv")(front(inputs))
    return varied(keras.Model(inputs, head(layers.GlobalAveragePooling2D()(features))))


def transferred(head):
    """As tutorials do it: augmentation, scaling, a base that is a layer, pooling, dropout and the head."""
    keras.utils.set_random_seed(2)
    augmentation = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)], name="augmentation")
    pixels = keras.Input((HEIGHT, WIDTH, 3))
    convolved = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(6, 3, use_bias=False)(pixels)))
    base = keras.Model(pixels, convolved, name="base")
    inputs = keras.Input((HEIGHT, WIDTH, 3))
    features = base(layers.Rescaling(1 / 127.5, -1)(augmentation(inputs)), training=False)
    pooled = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(features))
    return varied(keras.Model(inputs, head(pooled)))
