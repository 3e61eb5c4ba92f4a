"""Logit → calibrated probability → class at an operating point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field


class Calibration(BaseModel):
    """How a model's logit becomes a probability: sigmoid(slope × logit + intercept), Platt's form.

    `prevalence` is the proportion of PNEUMONIA among the films that it was fitted on; `weights_sha256` binds it to the
    weights that it was fitted for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["identity", "platt"] = "identity"
    slope: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    intercept: float = Field(default=0.0, allow_inf_nan=False)
    prevalence: float = Field(gt=0, lt=1)
    weights_sha256: str

    def probability(self, logit: float, prevalence: float | None = None) -> float:
        """Return P(PNEUMONIA) in 0..1 for a logit.

        Args:
            logit: the network's, before calibration.
            prevalence: of another site; shifts the log-odds by the difference of the priors' log-odds (Saerens,
                Latinne, Decaestecker 2002, equation 2.4). None: as fitted.
        """
        log_odds = self.slope * logit + self.intercept
        if prevalence is not None:
            log_odds += _log_odds(prevalence) - _log_odds(self.prevalence)
        if log_odds >= 0:
            return 1 / (1 + math.exp(-log_odds))
        return math.exp(log_odds) / (1 + math.exp(log_odds))


@dataclass(frozen=True)
class AbstentionBand:
    """The logits strictly between `low` and `high`, for which the model abstains and refers the film to a human."""

    low: float
    high: float

    @overload
    def contains(self, logit: float) -> bool: ...

    @overload
    def contains(self, logit: NDArray[np.floating]) -> NDArray[np.bool_]: ...

    def contains(self, logit: float | NDArray[np.floating]) -> bool | NDArray[np.bool_]:
        """Return whether a logit is within the band, of an array element by element."""
        return (self.low < logit) & (logit < self.high)


@dataclass(frozen=True)
class Decision:
    """The class of one logit at one operating point; `probability` and `threshold` are calibrated."""

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
    """Return the class of a logit at an operating point.

    It is decided on the logit, so that no class changes with the prevalence. Calibration rises with the logit: the
    class is PNEUMONIA exactly where the probability reaches the threshold.

    Args:
        logit: before calibration.
        calibration: of the same weights.
        labels: the negative and the positive class.
        operating_point: its name.
        threshold_logit: its threshold.
        refer_band: where to refer; None: nowhere.
        prevalence: see `Calibration.probability`.
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
