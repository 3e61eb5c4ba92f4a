"""A recipe that calibrates and refers gives an entry that meets its criteria and reports them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from rich.console import Console

import training.publishing.finish
from app.api.schemas import encode_prediction
from app.imaging.preprocess import shrink
from app.inference.predictor import open_predictor
from app.notice import Notice
from tests.conftest import encode
from tests.drawn import draw_film, write_kaggle_layout
from tests.training.tiny import TINY
from training.augmentation.acquisition import AcquisitionAugmentation
from training.augmentation.perturbations import UNPERTURBED, VALIDATION_PERTURBATIONS
from training.data.films import read_again
from training.data.validation_split import read_own_validation
from training.evaluation.decision_rule import fit_decision_rule
from training.evaluation.perturbed_sets import STYLE_OF_ANOTHER
from training.reports.card import render_card
from training.train import train
from training.train_options import TrainOptions

pytestmark = pytest.mark.long  # a training

NOTICE = Notice(code="drawn-only", detail="Trained on drawn films.")
TRUSTED = replace(
    TINY,
    entry="trusted-cnn",
    augmentation=AcquisitionAugmentation(width=64, height=64, smallest_area=0.8, p_blur=0.2, p_intensity=0.3),
    source_side=224,
    smoothing=0.05,
    operating_points=("high-sensitivity", "balanced", "high-specificity"),
    calibration="platt",
    abstains=True,
    notices=(NOTICE,),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """An entry trained on films larger than `source_side`, and the sets that all was chosen on."""
    folder = tmp_path_factory.mktemp("trusted")
    write_kaggle_layout(folder / "data", 60, ("train", "test"))
    options = TrainOptions(
        str(folder / "data"), folder / "store", folder / "runs", test=folder / "data" / "test", validation_share=0.4
    )
    chosen_on = []

    def watch(recipe, views, prevalence):
        chosen_on.append(views)
        return fit_decision_rule(recipe, views, prevalence)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.publishing.finish, "fit_decision_rule", watch)
        entry = train(options, TRUSTED, Console(quiet=True))
    return entry, chosen_on[0]


@pytest.fixture(scope="module")
def entry(trained):
    return trained[0]


@pytest.fixture(scope="module")
def manifest(entry):
    return json.loads((entry / "model.json").read_text())


def test_everything_was_chosen_on_films_as_the_service_reads_them(trained):
    """Each validation logit is the service's: shrunk once, not by way of `source_side`."""
    entry, chosen_on = trained
    predictor = open_predictor(entry.parents[1], "trusted-cnn")
    quiet = Console(quiet=True)
    own = read_own_validation(predictor.manifest, entry.parents[2] / "data", None, quiet)
    served = [
        predictor.predict((own.folder / path).read_bytes(), operating_point="balanced").logit
        for path in own.films.paths
    ]
    assert chosen_on.logits[0].tolist() == pytest.approx(served, abs=1e-4)
    larger = read_again(own.folder, own.films, width=224, height=224).pixels
    twice = predictor.engine.logits(np.stack([shrink(film, width=64, height=64) for film in larger]))
    assert np.max(np.abs(twice - served)) > 1e-3


def test_everything_was_chosen_on_films_as_sent_and_altered(manifest):
    """All sets, with the calibration's error on left-out patients."""
    chosen = manifest["metrics"]["chosen"]
    altered = [view.name for view in VALIDATION_PERTURBATIONS]
    assert chosen["views"] == [
        UNPERTURBED.name,
        *altered,
        STYLE_OF_ANOTHER,
        *(f"{STYLE_OF_ANOTHER}, {name}" for name in altered),
    ]
    assert chosen["calibration"]["fitted_on"] == chosen["views"]
    assert 0 <= chosen["calibration"]["out_of_fold_ece"]["as_sent"]["value"] <= 1
    calibration = manifest["calibration"]
    assert calibration["method"] == "platt"
    assert calibration["slope"] != 1
    assert calibration["prevalence"] == 0.5
    assert calibration["weights_sha256"] == manifest["sha256"]["model.keras"]


@pytest.mark.parametrize(
    ("point", "figure"), [("high-sensitivity", "sensitivity"), ("high-specificity", "specificity")]
)
def test_the_points_keep_their_promise_in_every_view(manifest, point, figure):
    """On the validation films."""
    views = manifest["metrics"]["validation"]["altered"]["by_view"]
    assert len(views) == 2 * (1 + len(VALIDATION_PERTURBATIONS))
    assert min(figures[point][figure] for figures in views.values()) >= 0.99


def test_the_band_keeps_its_promise(manifest):
    """On validation films, perturbed and unperturbed; the held-out test reports it too."""
    validation, (look,) = manifest["metrics"]["validation"], manifest["metrics"]["test"]
    for refer in (validation["refer"], validation["altered"]["refer"]):
        assert refer["accuracy"]["value"] >= 0.98
        assert refer["referred"]["value"] >= 0.05
    band, threshold = manifest["refer_band"], manifest["operating_points"]["balanced"]
    assert band["low"] < threshold < band["high"]
    assert {"refer", "risk_coverage", "ece_if_perfect", "altered"} <= set(look)
    assert {"refer", "risk_coverage", "by_view"} <= set(look["altered"])


def test_the_answer_refers_and_warns_as_the_manifest_says(entry, manifest):
    """From the entry alone."""
    predictor = open_predictor(entry.parents[1], "trusted-cnn")
    band = manifest["refer_band"]
    for label in ("NORMAL", "PNEUMONIA"):
        prediction = predictor.predict(encode(draw_film(label, 500)), operating_point="balanced")
        answer = json.loads(encode_prediction(prediction, predictor.manifest, filename=None))
        assert answer["refer"] is (band["low"] < prediction.logit < band["high"])
        assert answer["warnings"][1:] == [asdict(NOTICE)]
        assert answer["warnings"][0]["code"] == "no-gate"
        assert answer["probability"] == pytest.approx(
            predictor.manifest.calibration.probability(prediction.logit), abs=1e-6
        )


def test_the_card_tells_all_of_it_and_is_made_again_from_the_files(entry, manifest):
    """Perturbed films, worst sets, predictive values, calibration, band, coverage, test and notice."""
    card = (entry / "MODEL_CARD.md").read_text()
    assert card == render_card(entry)
    wanted = [
        "**Perturbed** in 27 ways",
        "| operating point | lowest sensitivity | perturbed set |",
        "| 62% | ",
        "Out of fold, in ",
        "![validation_calibration.png](validation_calibration.png)",
        "![validation_risk_coverage.png](validation_risk_coverage.png)",
        "![test_calibration.png](test_calibration.png)",
        "unperturbed, of a perfectly calibrated model",
        "`refer` is true for logits strictly between",
        "- `drawn-only`: Trained on drawn films.",
        "One held-out test evaluation on `test`",
        manifest["training"]["machine"],
    ]
    assert [words for words in wanted if words not in card] == []
