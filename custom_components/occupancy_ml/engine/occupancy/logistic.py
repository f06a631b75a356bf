"""Ridge logistic regression by damped Newton steps (iteratively reweighted least squares)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..numeric import expit

Floats = NDArray[np.float64]

_MAX_STEPS = 50
_TOLERANCE = 1e-9
_MAX_HALVINGS = 60  # where all is saturated, the first step is astronomic


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """A fitted linear score.

    Attributes:
        intercept: its constant.
        coefficients: (d,) one for each feature.
        steps: Newton steps taken.
        converged: whether the last step no longer moved the loss.
    """

    intercept: float
    coefficients: Floats
    steps: int
    converged: bool


def fit_logistic(
    features: Floats,
    targets: Floats,
    weights: Floats,
    *,
    penalty: float | Floats,
    offset: Floats | None = None,
    intercept_penalty: float = 0.0,
) -> LogisticFit:
    """Minimise the weighted cross entropy of soft targets plus penalty / 2 * |coefficients|^2.

    Newton steps with step halving: without it the method diverges on rare events
    (Hastie, Tibshirani and Friedman 2009, section 4.4.1).

    Args:
        features: (n, d).
        targets: (n,) in [0, 1].
        weights: (n,) not negative.
        penalty: of every coefficient, or (d,) each its own.
        offset: (n,) a score that is given, zero where left out.
        intercept_penalty: the same for the constant, which is free by default.

    Raises:
        ValueError: shapes do not fit, or a number is not finite.
    """
    rows, width = features.shape
    if targets.shape != (rows,) or weights.shape != (rows,):
        raise ValueError("targets and weights must have one entry a row")
    given = np.zeros(rows) if offset is None else offset
    if not all(np.isfinite(part).all() for part in (features, targets, weights, given)):
        raise ValueError("a number is not finite")
    design = np.hstack([np.ones((rows, 1)), features])
    ridge = np.append(intercept_penalty, np.broadcast_to(np.asarray(penalty, dtype=np.float64), (width,)))
    beta = np.zeros(width + 1)

    def loss(candidate: Floats) -> float:
        score = design @ candidate + given
        cross_entropy = weights @ (np.logaddexp(0.0, score) - targets * score)
        return float(cross_entropy + 0.5 * ridge @ candidate**2)

    best = loss(beta)
    for step in range(1, _MAX_STEPS + 1):
        chance = expit(design @ beta + given)
        gradient = design.T @ (weights * (chance - targets)) + ridge * beta
        curvature = weights * chance * (1 - chance)
        hessian = (design.T * curvature) @ design
        hessian[np.diag_indices_from(hessian)] += ridge + 1e-10
        direction = np.linalg.solve(hessian, gradient)
        size = 1.0
        for _ in range(_MAX_HALVINGS):
            candidate = beta - size * direction
            value = loss(candidate)
            if value <= best:
                break
            size /= 2
        else:
            return LogisticFit(float(beta[0]), beta[1:], step, converged=True)
        gained, best, beta = best - value, value, candidate
        if gained <= _TOLERANCE * (1.0 + abs(best)):
            return LogisticFit(float(beta[0]), beta[1:], step, converged=True)
    return LogisticFit(float(beta[0]), beta[1:], _MAX_STEPS, converged=False)
