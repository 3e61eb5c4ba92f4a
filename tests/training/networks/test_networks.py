"""The networks are as documented, and can be served."""

from __future__ import annotations

import ast
from pathlib import Path

import keras
import numpy as np
import pytest

from app.errors import PneumoServeError
from app.inference.keras_graph import find_head
from training.evaluation.operating_points import CHOICES
from training.networks.pneumonet import build_pneumonet
from training.networks.recipes import RECIPES, Recipe
from training.train import find_recipe


def test_the_article_network_is_the_articles() -> None:
    """2,653,761 parameters, its layers in order, /255 inside."""
    network = RECIPES["article"].build(150, 150)
    assert network.count_params() == 2_653_761
    convolutions = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [32, 64, 64, 128, 256, 512]
    dropouts = [layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    assert dropouts == [0.2, 0.3, 0.3, 0.3, 0.3]
    assert network.get_layer("flatten").input.shape == (None, 4, 4, 512)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)


def test_the_article_recipe_is_the_articles() -> None:
    """RMSprop at its default rate, batch 100, 12 epochs, the augmentation, and `balanced` for a default."""
    recipe = RECIPES["article"]
    optimizer = recipe.optimizer(100)
    assert (type(optimizer).__name__, float(optimizer.learning_rate)) == ("RMSprop", pytest.approx(1e-3))
    assert (recipe.batch_size, recipe.epochs, recipe.width, recipe.height) == (100, 12, 150, 150)
    assert recipe.augmentation is not None
    assert recipe.augmentation.describe() == {"rotation": 30.0, "zoom": 0.2, "shift": 0.1}
    assert (recipe.operating_points, recipe.default_operating_point) == (("half", "balanced"), "balanced")


def test_pneumonet_is_small_and_explains_itself_exactly() -> None:
    """At most 0.6 million parameters and 100 million multiply-adds; its map is the pooled features' own."""
    network = RECIPES["pneumonet"].build(150, 150)
    multiply_adds = 0
    for layer in network.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            multiply_adds += int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
    head = find_head(network)

    assert network.count_params() <= 330_000
    assert multiply_adds <= 50_000_000
    assert head is not None
    assert (head.pooled, len(head.dense)) == (True, 1)


def test_the_stages_of_pneumonet_can_be_chosen() -> None:
    """Those of `pneumonet/2` make its network."""
    assert build_pneumonet(150, 150, stem=24, stages=((32, 2), (64, 2), (128, 3))).count_params() == 993_009


def test_pneumonet_does_not_depend_on_brightness_or_contrast() -> None:
    """Each film is standardised first: gray levels moved and stretched give the same logit."""
    keras.utils.set_random_seed(1)
    network = RECIPES["pneumonet"].build(150, 150)
    logit = keras.Model(network.inputs, network.get_layer("logit").output)
    film = np.random.default_rng(0).uniform(80, 160, (1, 150, 150, 1)).astype(np.float32)
    plain, changed = (float(logit(films)[0, 0]) for films in (film, film * 1.3 - 20))

    assert changed == pytest.approx(plain, rel=0.02)
    assert float(logit(np.sort(film, axis=1))[0, 0]) != pytest.approx(plain, rel=0.02)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_every_network_can_be_served(recipe: Recipe) -> None:
    """Each has a layer `logit` before a sigmoid `probability`, and operating points that can be chosen."""
    network = recipe.build(recipe.height, recipe.width)
    assert network.input.shape == (None, recipe.height, recipe.width, 1)
    assert network.get_layer("logit").output.shape == (None, 1)
    assert network.layers[-1].name == "probability"
    assert set(recipe.operating_points) <= set(CHOICES)
    assert recipe.default_operating_point in recipe.operating_points


def test_an_unknown_network_is_refused_with_those_there_are() -> None:
    """By name."""
    with pytest.raises(PneumoServeError, match="article, pneumonet"):
        find_recipe("resnet")


@pytest.mark.parametrize("room", ["data", "augmentation", "networks"])
def test_no_tensorflow_in_what_another_backend_trains(room: str) -> None:
    """Keras and NumPy alone, so that JAX or PyTorch can train on a GPU."""
    for path in (Path(__file__).parents[3] / "training" / room).glob("*.py"):
        tree = ast.parse(path.read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not {module for module in imported if module.split(".")[0] == "tensorflow"}, path.name
