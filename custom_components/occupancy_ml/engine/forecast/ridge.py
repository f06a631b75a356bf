"""Ridge-penalised logistic regression by damped Newton steps, in slices."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from .bins import Floats

STEPS = 8
"""From nothing so many steps are enough."""
_ENOUGH = 1e-4
# Products of so few rows are worked out in the calling thread. Of more, the linear algebra of numpy makes threads of its
# own, which on a busy machine wait for each other for longer than they work (ten times, measured).
_BLOCK = 64
_BLOCKS_A_SLICE = 32


def fit(
    design: Floats,
    target: Floats,
    weight: Floats,
    penalty: Floats,
    start: Floats | None = None,
    steps: int = STEPS,
) -> Generator[None, None, Floats]:
    """The coefficients that minimise weighted log loss + 0.5 * penalty @ coefficients^2.

    A step that does not help is halved: rare events would otherwise diverge.

    Args:
        design: (N, d).
        target: (N,) 0 or 1.
        weight: (N,).
        penalty: (d,) at least a little for every coefficient.
        start: (d,) where to begin.
        steps: at most so many.

    Yields:
        Nothing, after each bounded slice. Returns (d,) coefficients.
    """
    beta = np.zeros(design.shape[1]) if start is None else start.copy()
    rest = -len(design) % _BLOCK
    design = np.pad(design, ((0, rest), (0, 0))).reshape(-1, _BLOCK, design.shape[1])
    target, weight = (np.pad(each, (0, rest)).reshape(-1, _BLOCK) for each in (target, weight))
    yield
    loss = _loss(design, target, weight, penalty, beta)
    yield
    for _ in range(steps):
        gradient, hessian = penalty * beta, np.diag(penalty)
        for first in range(0, len(design), _BLOCKS_A_SLICE):
            part = slice(first, first + _BLOCKS_A_SLICE)
            turned = design[part].transpose(0, 2, 1)
            chance = 1 / (1 + np.exp(-np.clip(design[part] @ beta, -30, 30)))
            gradient = (
                gradient + (turned @ (weight[part] * (chance - target[part]))[:, :, None]).sum(axis=0)[:, 0]
            )
            spread = (weight[part] * chance * (1 - chance))[:, :, None]
            hessian = hessian + (turned @ (design[part] * spread)).sum(axis=0)
            yield
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while scale > 1e-3:
            tried = _loss(design, target, weight, penalty, beta - scale * step)
            yield
            if tried <= loss:
                break
            scale *= 0.5
        else:
            return beta
        done = loss - tried < _ENOUGH * abs(loss)
        beta, loss = beta - scale * step, tried
        if done:
            break
    return beta


def _loss(design: Floats, target: Floats, weight: Floats, penalty: Floats, beta: Floats) -> float:
    score = np.clip(design @ beta, -30, 30)
    return float((weight * (np.logaddexp(0.0, score) - target * score)).sum() + 0.5 * penalty @ beta**2)
