"""The gated recurrent unit that the echo state network is compared with: its gradient, and its fit."""

from __future__ import annotations

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.forecast.periods import PERIODS, PersonPeriods
from scripts.gated_recurrent import Cases, fitted, gradient

RNG = np.random.default_rng(3)


def cases_at(moments: np.ndarray, came: np.ndarray) -> Cases:
    n = len(moments)
    periods = PersonPeriods(
        np.arange(n), np.zeros(n, np.int64), np.full(n, 600.0), np.zeros(n, np.bool_), came, np.ones(n)
    )
    return Cases(moments, np.zeros(n, np.int64), periods)


def test_the_gradient_is_that_of_the_loss() -> None:
    moments = np.sort(RNG.integers(0, 300, 120))
    inputs, came = RNG.normal(size=(300, 3)), (RNG.random(120) < 0.3).astype(np.float64)
    cases = cases_at(moments, came)
    weights = {name: value + 0.1 for name, value in fitted(inputs, cases, rounds=1).items()}
    assert weights["period"].shape == (2, PERIODS)
    _, slope = gradient(weights, inputs, cases)
    for name, value in weights.items():
        place = np.unravel_index(np.abs(slope[name]).argmax(), value.shape)
        around = []
        for step in (1e-5, -1e-5):
            value[place] += step
            around.append(gradient(weights, inputs, cases)[0])
            value[place] -= step
        assert slope[name][place] == pytest.approx((around[0] - around[1]) / 2e-5, rel=1e-4), name


def test_fitting_lowers_the_loss_on_days_it_was_not_fitted_to() -> None:
    """What comes depends on what was heard at the moment before."""
    inputs = RNG.choice([-1.0, 1.0], size=(400, 1))
    moments = np.arange(1, 400)
    came = (inputs[moments - 1, 0] > 0).astype(np.float64)
    cases = cases_at(moments, came)
    later = cases.take(moments >= 340)
    loss = [gradient(fitted(inputs, cases, rounds=rounds), inputs, later)[0] for rounds in (1, 12)]
    assert loss[1] < loss[0]
