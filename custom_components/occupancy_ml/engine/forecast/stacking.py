"""How members are combined: a linear pool whose weights minimise the CRPS of forecasts made before their truth.

The CRPS of a pool is quadratic in its weights: w' G w, where G holds the mean products of the members' residuals
(distribution less outcome). G is summed up day by day with fading memory, so the weights follow from a small
quadratic programme on the simplex, held towards equal weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bins import Floats

# After so many days a day counts half.
_HALF_LIFE = 21.0
# A day counts for at most so many usual ones: a week away must not say who is right about the others.
_MOST_OF_A_DAY = 2.0
# Days on which nobody erred tell no usual one.
_LEAST_USUAL = 1e-6
# How strongly weights are held towards equal ones, as days of evidence.
_SHRINK_DAYS = 3.0
_ROUNDS = 120
# Weights below this are taken as none.
_LEAST = 0.02


class Stack:
    """Weights of M members."""

    def __init__(self, members: int) -> None:
        self._gram = np.zeros((members, members))
        self._days = 0.0
        self.weights = np.full(members, 1.0 / members)

    def learn(self, residuals: Floats) -> None:
        """Take in a day.

        Args:
            residuals: (M, n, k) of members at n moments; nan where a member had nothing to say.
        """
        known = np.isfinite(residuals[:, :, 0]).all(axis=0)
        keep = 0.5 ** (1 / _HALF_LIFE)
        self._gram *= keep
        self._days *= keep
        if known.any():
            flat = residuals[:, known].reshape(len(residuals), -1)
            day = flat @ flat.T / flat.shape[1]
            usual = float(np.trace(self._gram)) / max(self._days, 1e-12)
            if usual > _LEAST_USUAL:
                day *= min(1.0, _MOST_OF_A_DAY * usual / max(float(np.trace(day)), 1e-12))
            self._gram += day
            self._days += 1.0
            self.weights = simplex_weights(self._gram, _SHRINK_DAYS / self._days)

    def pool(self, values: Floats) -> Floats:
        """(n, k) the weighted mean of (M, n, k), over the members that say something."""
        return pooled_by(np.repeat(self.weights[None], values.shape[1], axis=0), values)

    def to_json(self) -> dict[str, Any]:
        """The whole state."""
        return {"gram": self._gram.tolist(), "days": self._days, "weights": self.weights.tolist()}

    def restore(self, value: dict[str, Any]) -> None:
        """Take over what `to_json` gave."""
        self._gram, self._days = np.array(value["gram"]), value["days"]
        self.weights = np.array(value["weights"])


def pooled_by(weights: Floats, values: Floats) -> Floats:
    """(n, k) the mean of (M, n, k) weighted by (n, M), over the members that say something; nan where none does."""
    known = np.isfinite(values[:, :, :1])
    weights = weights.T[:, :, None] * known
    # Who has no weight speaks where nobody else does.
    weights = np.where(weights.sum(axis=0) > 0, weights, known / len(values))
    total = weights.sum(axis=0)
    pooled = (weights * np.where(known, values, 0.0)).sum(axis=0)
    return np.where(total > 0, pooled / np.maximum(total, 1e-300), np.nan)


def simplex_weights(gram: Floats, shrink: float) -> Floats:
    """The weights w >= 0 with sum 1 that minimise w' G w + shrink * scale * |w - 1/M|^2.

    By accelerated projected gradient (Beck and Teboulle 2009); the scale is the mean eigenvalue of G about its
    common part, so that `shrink` does not depend on the unit of the score.
    """
    size = len(gram)
    if size == 1:
        return np.ones(1)
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()
    hold = shrink * max(float(np.trace(centred)) / size, 1e-12)
    hessian = gram + hold * np.eye(size)
    step = 1.0 / max(float(np.linalg.eigvalsh(hessian)[-1]), 1e-12)
    weights = ahead = np.full(size, 1.0 / size)
    momentum = 1.0
    for _ in range(_ROUNDS):
        following = _project(ahead - step * (hessian @ ahead - hold / size))
        grown = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
        ahead = following + (momentum - 1) / grown * (following - weights)
        if np.abs(following - weights).max() < 1e-5:
            weights = following
            break
        weights, momentum = following, grown
    weights = np.where(weights < _LEAST, 0.0, weights)
    result: Floats = weights / weights.sum()
    return result


def _project(values: Floats) -> Floats:
    """The nearest point of the simplex (Duchi and others 2008)."""
    ordered = np.sort(values)[::-1]
    total = np.cumsum(ordered) - 1.0
    last = np.flatnonzero(ordered > total / np.arange(1, len(values) + 1))[-1]
    result: Floats = np.maximum(values - total[last] / (last + 1), 0.0)
    return result
