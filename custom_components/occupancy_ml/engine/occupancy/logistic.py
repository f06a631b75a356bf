"""Ridge logistic regression by damped Newton steps (iteratively reweighted least squares)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..numeric import expit
from ..slices import finished

Floats = NDArray[np.float64]

_MAX_STEPS = 50
_TOLERANCE = 1e-9
_MAX_HALVINGS = 60  # where all is saturated, the first step is astronomic
# Products of so few rows are worked out in the calling thread: see docs/decisions.md, 56.
_BLOCK, _BLOCKS_AT_ONCE = 64, 32


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
    """The same as `fit_in_slices`, at one go: for few columns or rows."""
    work = fit_in_slices(
        features, targets, weights, penalty=penalty, offset=offset, intercept_penalty=intercept_penalty
    )
    return finished(work)


def fit_in_slices(
    features: Floats,
    targets: Floats,
    weights: Floats,
    *,
    penalty: float | Floats,
    offset: Floats | None = None,
    intercept_penalty: float = 0.0,
) -> Generator[None, None, LogisticFit]:
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

    Yields:
        Nothing, after every Newton step.

    Raises:
        ValueError: shapes do not fit, or a number is not finite.
    """
    rows, width = features.shape
    if targets.shape != (rows,) or weights.shape != (rows,):
        raise ValueError("targets and weights must have one entry a row")
    given = np.zeros(rows) if offset is None else offset
    if not all(np.isfinite(part).all() for part in (features, targets, weights, given)):
        raise ValueError("a number is not finite")
    rest = -rows % _BLOCK
    design = np.zeros((rows + rest, width + 1))
    design[:rows, 0], design[:rows, 1:] = 1.0, features
    targets, weights, given = (np.pad(part, (0, rest)) for part in (targets, weights, given))
    blocks = design.reshape(-1, _BLOCK, width + 1)
    turned = blocks.transpose(0, 2, 1)
    ridge = np.append(intercept_penalty, np.broadcast_to(np.asarray(penalty, dtype=np.float64), (width,)))
    beta = np.zeros(width + 1)

    def scores(candidate: Floats) -> Floats:
        result: Floats = (blocks @ candidate).ravel() + given
        return result

    def loss(score: Floats, candidate: Floats) -> float:
        cross_entropy = (weights * (np.logaddexp(0.0, score) - targets * score)).sum()
        return float(cross_entropy + 0.5 * ridge @ candidate**2)

    score = scores(beta)
    best = loss(score, beta)
    for step in range(1, _MAX_STEPS + 1):
        chance = expit(score)
        apart = (weights * (chance - targets)).reshape(-1, _BLOCK, 1)
        curvature = (weights * chance * (1 - chance)).reshape(-1, _BLOCK, 1)
        gradient, hessian = ridge * beta, np.diag(ridge + 1e-10)
        for first in range(0, len(blocks), _BLOCKS_AT_ONCE):
            part = slice(first, first + _BLOCKS_AT_ONCE)
            gradient = gradient + (turned[part] @ apart[part]).sum(axis=0)[:, 0]
            hessian = hessian + (turned[part] @ (blocks[part] * curvature[part])).sum(axis=0)
        direction = np.linalg.solve(hessian, gradient)
        size = 1.0
        for _ in range(_MAX_HALVINGS):
            candidate = beta - size * direction
            score = scores(candidate)
            value = loss(score, candidate)
            if value <= best:
                break
            size /= 2
        else:
            return LogisticFit(float(beta[0]), beta[1:], step, converged=True)
        gained, best, beta = best - value, value, candidate
        if gained <= _TOLERANCE * (1.0 + abs(best)):
            return LogisticFit(float(beta[0]), beta[1:], step, converged=True)
        yield
    return LogisticFit(float(beta[0]), beta[1:], _MAX_STEPS, converged=False)
