"""Calibration: a monotone map from the score to the probability that proved true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..numeric import log_expit
from .logistic import Floats, fit_logistic

# Below so many effective labels two parameters are all the data can tell (Platt 1999);
# above, the three of beta calibration (Kull, Silva Filho and Flach 2017).
_BETA_FROM = 50.0
# How firmly the map is held to doing nothing, in effective labels.
_HELD = 5.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """logit(p) = above * log(sigmoid(s)) - below * log(1 - sigmoid(s)) + shift.

    With above = below this is Platt scaling; 1, 1, 0 is the identity. Neither slope is
    negative, so the order of predictions stays.
    """

    above: float = 1.0
    below: float = 1.0
    shift: float = 0.0

    def apply(self, score: Floats) -> Floats:
        """Calibrated log-odds of scores of any shape."""
        return _mapped(self.above, self.below, self.shift, score)

    @classmethod
    def fit(cls, score: Floats, targets: Floats, weights: Floats) -> Self:
        """Fit on scores (n,) that the model gave to rows it had not seen."""
        if weights.sum() < _BETA_FROM:
            (slope,), shift = _slopes(score[:, None], targets, weights)
            return cls(slope, slope, shift)
        parts = np.column_stack([log_expit(score), -log_expit(-score)])
        (above, below), shift = _slopes(parts, targets, weights)
        return cls(above, below, shift)

    def to_json(self) -> dict[str, float]:
        """Plain numbers."""
        return {"above": self.above, "below": self.below, "shift": self.shift}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(value["above"], value["below"], value["shift"])


def applied(calibrations: Sequence[Calibration], score: Floats) -> Floats:
    """(n,) calibrated log-odds of scores (n,), each by its own calibration."""
    above, below, shift = np.array([(each.above, each.below, each.shift) for each in calibrations]).T
    return _mapped(above, below, shift, score)


def _mapped(above: Floats | float, below: Floats | float, shift: Floats | float, score: Floats) -> Floats:
    result: Floats = above * log_expit(score) - below * log_expit(-score) + shift
    return result


def _slopes(parts: Floats, targets: Floats, weights: Floats) -> tuple[list[float], float]:
    """Slopes of the columns (n, k), none negative, and the shift. One that would be is zero, the rest fitted anew."""
    kept = np.ones(parts.shape[1], dtype=bool)
    while True:
        left = parts[:, kept]
        fit = fit_logistic(
            left, targets, weights, penalty=_HELD, offset=left.sum(axis=1), intercept_penalty=_HELD
        )
        slopes = np.zeros(len(kept))
        slopes[kept] = 1.0 + fit.coefficients
        if (slopes >= 0.0).all():
            return slopes.tolist(), fit.intercept
        kept &= slopes >= 0.0
