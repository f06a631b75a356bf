"""The grid: distributions, hazards, quantiles and scores agree with one another and with their definitions."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from custom_components.occupancy_ml.engine.forecast.bins import (
    BINS,
    CAP,
    at,
    cdf_of,
    crps,
    hazard_of,
    quantiles,
)

RNG = np.random.default_rng(3)
CDF = np.sort(RNG.uniform(0, 0.95, (5, BINS)), axis=1)


def test_hazards_and_distributions_are_each_others_inverse() -> None:
    assert cdf_of(hazard_of(CDF)) == pytest.approx(CDF)
    # Where everything has come there is nothing left to come.
    sure = np.ones((1, BINS))
    assert hazard_of(sure)[0, 1:].tolist() == [1.0] * (BINS - 1)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.001, 0.94))
def test_a_quantile_is_where_the_distribution_reaches_its_level(level: float) -> None:
    found = quantiles(CDF, np.full((5, 1), level))
    inside = np.isfinite(found[:, 0])
    assert at(CDF[inside], found[inside])[:, 0] == pytest.approx(level, abs=1e-9)
    assert (CDF[~inside, -1] < level).all()


def test_a_level_beyond_24_hours_has_no_minutes() -> None:
    assert quantiles(CDF, np.full((5, 1), 0.99)).tolist() == [[np.inf]] * 5


def test_the_score_is_the_integral_of_the_squared_difference() -> None:
    wait = np.array([3.0, 77.5, 600.0, 1439.0, CAP])
    fine = np.linspace(0, CAP, 200 * BINS + 1)
    for n in range(5):
        drawn = np.interp(fine, np.arange(BINS + 1) * 5.0, np.concatenate([[0.0], CDF[n]]))
        true = np.trapezoid((drawn - (fine >= wait[n])) ** 2, fine)
        assert crps(CDF[n : n + 1], wait[n : n + 1])[0] == pytest.approx(true, abs=3.0)


def test_the_true_distribution_scores_best() -> None:
    hazard = np.full((1, BINS), 0.02)
    waits = RNG.exponential(-5 / np.log(0.98), 4000)
    scores = {
        rate: crps(np.repeat(cdf_of(np.full((1, BINS), rate)), len(waits), 0), np.minimum(waits, CAP)).mean()
        for rate in (0.01, 0.02, 0.04)
    }
    assert min(scores, key=scores.__getitem__) == hazard[0, 0]
