"""How a gate was measured, and films of further sources, in `model.json`."""

from __future__ import annotations

from pydantic import Field

from app.inference.record import Estimate, Record


class GateRates(Record):
    """How the gate took images of one kind: the proportions refused, and flagged as unusual.

    `auc` is of the distance alone, against unperturbed validation films.
    """

    images: int
    refused: float
    unusual: float
    auc: float | None = None


class GateMetrics(Record):
    """The gate on validation films (`false_alarms`), on the same made unsuitable, and on other images (`detection`).

    `held_out` are images of the same kinds as in `detection`, on which nothing was chosen.
    """

    false_alarms: dict[str, GateRates]
    detection: dict[str, GateRates]
    held_out: dict[str, GateRates] = Field(default_factory=dict)


class SourceRates(Record):
    """Sensitivity and specificity at one operating point, with intervals."""

    sensitivity: Estimate
    specificity: Estimate


class SourceMetrics(Record):
    """Films of one further source, all or of one `view`.

    `auc` is the mean of those within each view; None where a view has one class. `gate_flagged`: the proportion that
    the gate refuses or calls unusual.
    """

    population: str
    source: str
    view: str
    films: dict[str, int]
    auc: Estimate | None
    operating_points: dict[str, SourceRates]
    gate_flagged: float | None = None
