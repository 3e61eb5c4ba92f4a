"""Logit → calibrated probability → class at an operating point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field


class CalibrationDraft(BaseModel):
    """Platt's form: P(PNEUMONIA) = sigmoid(slope × logit + intercept).

    `prevalence` is PNEUMONIA's proportion in the films of the fit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["identity", "platt"] = "identity"
    slope: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    intercept: float = Field(default=0.0, allow_inf_nan=False)
    prevalence: float = Field(gt=0, lt=1)

    def probability(self, logit: float, prevalence: float | None = None) -> float:
        """Return P(PNEUMONIA), 0 to 1, for the network's logit.

        Another site's `prevalence` shifts the log-odds by the difference of the priors' (Saerens, Latinne, Decaestecker
        2002, equation 2.4).
        """
        log_odds = self.slope * logit + self.intercept
        if prevalence is not None:
            log_odds += _log_odds(prevalence) - _log_odds(self.prevalence)
        if log_odds >= 0:
            return 1 / (1 + math.exp(-log_odds))
        return math.exp(log_odds) / (1 + math.exp(log_odds))


class Calibration(CalibrationDraft):
    """A calibration bound to its weights."""

    weights_sha256: str


@dataclass(frozen=True)
class AbstentionBand:
    """Logits strictly between `low` and `high`: the model abstains and refers the film to a human."""

    low: float
    high: float

    @overload
    def contains(self, logit: float) -> bool: ...

    @overload
    def contains(self, logit: NDArray[np.floating]) -> NDArray[np.bool_]: ...

    def contains(self, logit: float | NDArray[np.floating]) -> bool | NDArray[np.bool_]:
        """Return whether a logit, or each of an array, is in the band."""
        return (self.low < logit) & (logit < self.high)


@dataclass(frozen=True)
class Decision:
    """A logit's class at an operating point; `probability` and `threshold` are calibrated."""

    label: str
    probability: float
    operating_point: str
    threshold: float
    refer: bool


def decide(
    logit: float,
    *,
    calibration: Calibration,
    labels: tuple[str, str],
    operating_point: str,
    threshold_logit: float,
    refer_band: AbstentionBand | None = None,
    prevalence: float | None = None,
) -> Decision:
    """Return the class of an uncalibrated logit at an operating point; `labels`: negative, positive.

    The logit decides, so no class changes with the prevalence. Calibration is increasing: the class is PNEUMONIA
    exactly where the probability reaches the threshold. Without `refer_band` nothing is referred.
    """
    return Decision(
        label=labels[int(logit >= threshold_logit)],
        probability=calibration.probability(logit, prevalence),
        operating_point=operating_point,
        threshold=calibration.probability(threshold_logit, prevalence),
        refer=refer_band is not None and refer_band.contains(logit),
    )


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))
