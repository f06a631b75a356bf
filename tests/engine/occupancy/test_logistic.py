"""Ridge logistic regression against scikit-learn, and where plain Newton steps diverge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
import pytest
from scipy.optimize import check_grad
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from custom_components.occupancy_ml.engine.occupancy.logistic import fit_logistic

Floats = NDArray[np.float64]


def data(seed: int, rows: int = 400, width: int = 6) -> tuple[Floats, Floats, Floats]:
    """Features, soft targets, weights."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, width)) * np.linspace(0.3, 3, width)
    score = features @ rng.normal(size=width) - 0.7
    return features, np.round(expit(score + rng.normal(size=rows)), 2), rng.uniform(0.1, 2, rows)


def by_sklearn(features: Floats, targets: Floats, weights: Floats, penalty: float) -> tuple[float, Floats]:
    """A soft target is two rows: occupied with its share of the weight, vacant with the rest."""
    model = LogisticRegression(C=1 / penalty, tol=1e-12, max_iter=1000, solver="newton-cholesky")
    model.fit(
        np.vstack([features, features]),
        np.repeat([1, 0], len(targets)),
        np.concatenate([weights * targets, weights * (1 - targets)]),
    )
    return float(model.intercept_[0]), model.coef_[0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalty", [0.1, 1.0, 25.0])
def test_the_same_coefficients_as_scikit_learn(seed: int, penalty: float) -> None:
    features, targets, weights = data(seed)
    fit = fit_logistic(features, targets, weights, penalty=penalty)
    intercept, coefficients = by_sklearn(features, targets, weights, penalty)
    assert fit.converged
    assert np.abs(fit.coefficients - coefficients).max() < 1e-6
    assert abs(fit.intercept - intercept) < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_hard_targets_and_a_penalised_intercept(seed: int) -> None:
    """With a penalty the intercept is one more column of ones without an intercept of its own."""
    features, soft, weights = data(seed)
    targets = (soft > 0.5).astype(np.float64)
    fit = fit_logistic(features, targets, weights, penalty=2.0, intercept_penalty=2.0)
    model = LogisticRegression(C=0.5, tol=1e-12, max_iter=1000, fit_intercept=False, solver="newton-cholesky")
    model.fit(np.column_stack([np.ones(len(features)), features]), targets, weights)
    assert np.abs(np.append(fit.intercept, fit.coefficients) - model.coef_[0]).max() < 1e-6


def test_a_weight_of_two_is_the_row_twice() -> None:
    features, targets, _ = data(5, rows=60)
    weights = np.ones(60)
    weights[::3] = 2.0
    twice = np.repeat(np.arange(60), weights.astype(int))
    one = fit_logistic(features, targets, weights, penalty=1.0)
    other = fit_logistic(features[twice], targets[twice], np.ones(len(twice)), penalty=1.0)
    assert np.allclose(one.coefficients, other.coefficients, atol=1e-9)


def test_an_offset_that_is_right_leaves_nothing_to_learn() -> None:
    features, _, weights = data(6)
    offset = 2.5 * features[:, 0] - 1.0
    fit = fit_logistic(features, expit(offset), weights, penalty=1.0, offset=offset)
    assert abs(fit.intercept) < 1e-6
    assert np.abs(fit.coefficients).max() < 1e-6
    # Without it the same must be learned from the features.
    free = fit_logistic(features, expit(offset), weights, penalty=1e-6)
    assert free.intercept == pytest.approx(-1.0, abs=1e-3)
    assert free.coefficients == pytest.approx([2.5, 0, 0, 0, 0, 0], abs=1e-3)


def test_an_offset_is_a_column_whose_coefficient_is_one() -> None:
    """At the solution the gradient of the penalised loss is zero."""
    features, targets, weights = data(7)
    offset = np.random.default_rng(1).normal(size=len(targets)) * 3
    penalty = np.array([0.5, 1, 2, 4, 8, 16])
    fit = fit_logistic(features, targets, weights, penalty=penalty, offset=offset, intercept_penalty=0.3)
    chance = expit(fit.intercept + features @ fit.coefficients + offset)
    gradient = features.T @ (weights * (chance - targets)) + penalty * fit.coefficients
    assert np.abs(gradient).max() < 1e-4
    assert abs(weights @ (chance - targets) + 0.3 * fit.intercept) < 1e-4

    def loss(beta: Floats) -> float:
        score = beta[0] + features @ beta[1:] + offset
        cross = weights @ (np.logaddexp(0, score) - targets * score)
        return float(cross + 0.15 * beta[0] ** 2 + 0.5 * penalty @ beta[1:] ** 2)

    def slope(beta: Floats) -> Floats:
        residual = weights * (expit(beta[0] + features @ beta[1:] + offset) - targets)
        return np.append(residual.sum() + 0.3 * beta[0], features.T @ residual + penalty * beta[1:])

    assert check_grad(loss, slope, np.append(fit.intercept, fit.coefficients)) < 1e-3


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_separable_data_converge(scale: float) -> None:
    features = np.linspace(-1, 1, 40)[:, None] * scale
    targets = (features[:, 0] > 0).astype(np.float64)
    fit = fit_logistic(features, targets, np.ones(40), penalty=1e-4)
    assert fit.converged
    assert np.isfinite(fit.coefficients).all()
    assert fit.coefficients[0] > 0


@pytest.mark.parametrize("positives", [0, 1, 3])
def test_rare_events_converge(positives: int) -> None:
    """Three in ten thousand, far out: undamped Newton steps diverge here."""
    rng = np.random.default_rng(8)
    features = rng.normal(size=(10_000, 4))
    features[:positives] += 30
    targets = np.zeros(10_000)
    targets[:positives] = 1
    fit = fit_logistic(features, targets, np.ones(10_000), penalty=0.01, intercept_penalty=0.01)
    assert fit.converged
    chance = expit(fit.intercept + features @ fit.coefficients)
    assert chance.mean() == pytest.approx(positives / 10_000, abs=2e-4)
    assert (chance[:positives] > 0.5).all()


def test_a_bad_offset_is_overcome() -> None:
    features, targets, weights = data(9)
    fit = fit_logistic(features, targets, weights, penalty=1e-3, offset=np.full(len(targets), 40.0))
    plain = fit_logistic(features, targets, weights, penalty=1e-3)
    assert fit.converged
    assert fit.intercept + 40 == pytest.approx(plain.intercept, abs=1e-4)
    assert fit.coefficients == pytest.approx(plain.coefficients, abs=1e-4)


def test_twins_share_what_one_alone_would_get() -> None:
    features, targets, weights = data(10, width=1)
    twins = fit_logistic(np.hstack([features, features]), targets, weights, penalty=1e-3)
    assert twins.coefficients[0] == pytest.approx(twins.coefficients[1], abs=1e-6)


def test_what_does_not_fit_is_refused() -> None:
    features, targets, weights = data(11)
    with pytest.raises(ValueError, match="one entry a row"):
        fit_logistic(features, targets[:-1], weights, penalty=1.0)
    for bad in (np.nan, np.inf):
        broken = features.copy()
        broken[3, 2] = bad
        with pytest.raises(ValueError, match="not finite"):
            fit_logistic(broken, targets, weights, penalty=1.0)
