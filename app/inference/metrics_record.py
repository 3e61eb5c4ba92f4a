"""A model's evaluation in `model.json`; `metrics` of `GET /model`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from app.inference.gate_record import GateMetrics, SourceMetrics
from app.inference.record import Estimate, Record


class PredictiveValues(Record):
    """PPV and NPV at one prevalence."""

    ppv: Estimate
    npv: Estimate


class PointMetrics(Record):
    """Metrics at one operating point; confusion matrix rows are labels, columns predictions."""

    threshold: float
    confusion_matrix: list[list[int]]
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    f1: Estimate
    auc: Estimate
    brier: Estimate
    ece: Estimate
    predictive_values: dict[str, PredictiveValues] = Field(default_factory=dict)


class ChanceEce(Record):
    """ECE of a perfectly calibrated model on so few films, with its 95 % interval."""

    mean: float
    low: float
    high: float


class RiskCoverage(Record):
    """Accuracy of answered films at falling coverage."""

    coverage: list[float]
    accuracy: list[float]


class Abstention(Record):
    """Proportion of films in the abstention band; metrics of answered films."""

    referred: Estimate
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate


class Rates(Record):
    """Sensitivity and specificity at one operating point."""

    sensitivity: float | None
    specificity: float | None


class PerturbationMetrics(Record):
    """One perturbed set; in the file the operating points stand beside `auc`."""

    auc: float | None
    operating_points: dict[str, Rates]

    @model_validator(mode="before")
    @classmethod
    def _read_flat(cls, value: object) -> object:
        if not isinstance(value, dict) or "operating_points" in value:
            return value
        return {"auc": value.get("auc"), "operating_points": {key: value[key] for key in value if key != "auc"}}

    @model_serializer(mode="wrap")
    def _write(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"auc": self.auc, **write(self)["operating_points"]}


class FilmMetrics(Record):
    """One set of films at every operating point."""

    films: dict[str, int]
    patients: int
    intervals: str
    operating_points: dict[str, PointMetrics]
    risk_coverage: RiskCoverage | None = None
    abstention: Abstention | None = None


class PerturbedMetrics(FilmMetrics):
    """All perturbed sets together, and each of `perturbations` alone."""

    perturbations: list[str]
    by_perturbation: dict[str, PerturbationMetrics]


class Evaluation(FilmMetrics):
    """One set's unperturbed films, and the same perturbed."""

    chance_ece: ChanceEce | None = None
    perturbed: PerturbedMetrics | None = None


class TestEvaluation(Evaluation):
    """A held-out test evaluation, after everything was chosen."""

    __test__ = False

    data: str
    unreadable: int


class OutOfFoldEce(Record):
    """ECE on patients left out of the fit."""

    unperturbed: Estimate
    perturbed: Estimate | None = None


class CalibrationFit(Record):
    """The calibration's fit, and its ECE on patients left out."""

    fitted_on: list[str]
    folds: int
    wanted_ece: float
    is_reached: bool
    out_of_fold_ece: OutOfFoldEce


class OutOfFoldAbstention(Record):
    """Abstention on patients left out of the band's choice."""

    unperturbed: Abstention
    perturbed: Abstention | None = None


class BandChoice(Record):
    """The abstention band's targets, and its metrics on patients left out; None: no band reached them."""

    wanted_accuracy: float
    least_referred: float
    out_of_fold: OutOfFoldAbstention | None


class Choices(Record):
    """Evidence for calibration, operating points and abstention band."""

    perturbations: list[str] = Field(default_factory=list)
    calibration: CalibrationFit | None = None
    abstention: BandChoice | None = None


class EngineAgreement(Record):
    """OpenVINO against Keras on the validation films."""

    films: int
    largest_probability_difference: float
    classes_changed: int


class Metrics(Record):
    """Every metric of a model trained here; `sources` of validation films, `test_sources` once, after every choice."""

    validation: Evaluation
    chosen: Choices = Choices()
    test: list[TestEvaluation]
    engines: EngineAgreement
    gate: GateMetrics | None = None
    sources: list[SourceMetrics] = Field(default_factory=list)
    test_sources: list[SourceMetrics] = Field(default_factory=list)
