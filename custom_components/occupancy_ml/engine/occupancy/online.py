"""Calibration between nights: a slope and a shift that follow what is told as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Self

# How firmly slope and shift are held to doing nothing, in effective labels.
_HELD_SLOPE, _HELD_SHIFT = 25.0, 8.0
# Kept of what was learned at every label of full weight: some three hundred labels are remembered.
_KEPT = 1 - 1 / 300
_LARGEST_SCORE = 8.0


@dataclass(frozen=True, slots=True)
class OnlineCalibration:
    """logit p = slope * score + shift, with a normal posterior over both.

    One Newton step a label (online Platt scaling, Gupta and Ramdas 2023, algorithm 1), from a prior around the
    identity, to which it returns when nothing is told any more.

    Attributes:
        slope: mean of the posterior.
        shift: likewise.
        precision: of the posterior: (slope, both, shift), the entries of a symmetric matrix.
    """

    slope: float = 1.0
    shift: float = 0.0
    precision: tuple[float, float, float] = (_HELD_SLOPE, 0.0, _HELD_SHIFT)

    def apply(self, score: float) -> float:
        """Calibrated log-odds."""
        return self.slope * score + self.shift

    def update(self, score: float, occupied: bool, weight: float) -> Self:
        """What is believed after a label.

        Args:
            score: log-odds before this calibration, at the moment the label is about.
            occupied: what was true.
            weight: of the label, in effective labels.
        """
        x = max(-_LARGEST_SCORE, min(score, _LARGEST_SCORE))
        kept = _KEPT**weight
        prior = (_HELD_SLOPE, 0.0, _HELD_SHIFT)
        a, b, c = (kept * own + (1 - kept) * given for own, given in zip(self.precision, prior, strict=True))
        # Forgetting widens the posterior towards the prior, and moves its mean there in proportion.
        slope = 1.0 + (self.slope - 1.0) * (1 - (1 - kept) * _HELD_SLOPE / a)
        shift = self.shift * (1 - (1 - kept) * _HELD_SHIFT / c)
        chance = 1 / (1 + math.exp(-(slope * x + shift)))
        curvature = weight * max(chance * (1 - chance), 1e-4)
        a, b, c = a + curvature * x * x, b + curvature * x, c + curvature
        error = weight * (float(occupied) - chance)
        determinant = a * c - b * b
        slope += error * (c * x - b) / determinant
        shift += error * (a - b * x) / determinant
        return type(self)(max(slope, 0.0), shift, (a, b, c))

    def to_json(self) -> list[float]:
        """Plain numbers."""
        return [self.slope, self.shift, *self.precision]

    @classmethod
    def from_json(cls, value: Sequence[float]) -> Self:
        """What `to_json` gave."""
        slope, shift, a, b, c = value
        return cls(slope, shift, (a, b, c))
