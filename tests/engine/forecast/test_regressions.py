"""Regressions of hazards: against scikit-learn, and on a law that is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from custom_components.occupancy_ml.engine.forecast import ridge
from custom_components.occupancy_ml.engine.forecast.bins import BINS, cdf_of, crps, frequencies
from custom_components.occupancy_ml.engine.forecast.boosted_trees import BoostedTrees
from custom_components.occupancy_ml.engine.forecast.boosting import Boosting
from custom_components.occupancy_ml.engine.forecast.gaussian_process import GaussianProcess
from custom_components.occupancy_ml.engine.forecast.logistic_hazard import LogisticHazard
from custom_components.occupancy_ml.engine.forecast.member import Member
from custom_components.occupancy_ml.engine.forecast.periods import EDGES, PERIODS, spread
from custom_components.occupancy_ml.engine.forecast.recurrent import Recurrent
from custom_components.occupancy_ml.engine.slices import finished
from tests.engine.forecast.made import history, rows

RNG = np.random.default_rng(2)


def cases(count: int) -> tuple[np.ndarray, np.ndarray]:
    values = RNG.normal(size=(count, 6))
    score = 1.5 * (values[:, 0] > 0.3) * (values[:, 1] < 0.5) + 0.8 * values[:, 2] - 1.0
    return values, (RNG.uniform(size=count) < 1 / (1 + np.exp(-score))).astype(np.float64)


def fitted(values: np.ndarray, target: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    return finished(ridge.fit(values, target, np.ones(len(target)), penalty))


def test_newton_finds_what_scikit_learn_finds() -> None:
    values, target = cases(1500)
    found = fitted(values, target, np.full(6, 2.0))
    theirs = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-8).fit(values, target)
    assert found == pytest.approx(theirs.coef_[0], abs=2e-3)


def test_newton_does_not_diverge_on_what_never_happens() -> None:
    found = fitted(np.ones((50, 2)), np.zeros(50), np.full(2, 0.1))
    assert np.isfinite(found).all()
    assert (np.ones(2) @ found) < -3


def test_trees_are_as_good_as_those_of_scikit_learn() -> None:
    values, target = cases(4000)
    fresh, truth = cases(4000)
    ours = BoostedTrees(trees=60, depth=3)
    for _ in ours.fit(values, target, np.ones(len(target))):
        pass
    theirs = HistGradientBoostingClassifier(
        max_iter=60, max_depth=3, learning_rate=0.15, max_bins=32, min_samples_leaf=20, l2_regularization=5.0,
        early_stopping=False,
    ).fit(values, target)  # fmt: skip
    mine = log_loss(truth, 1 / (1 + np.exp(-ours.score(fresh))))
    assert mine < 1.01 * log_loss(truth, theirs.predict_proba(fresh)[:, 1])
    again = BoostedTrees.of(ours.arrays())
    assert np.array_equal(again.score(fresh), ours.score(fresh))


def test_hazards_of_periods_are_spread_evenly() -> None:
    hazard = RNG.uniform(0, 0.5, (2, PERIODS))
    survival = np.cumprod(1 - hazard, axis=1)
    assert 1 - cdf_of(spread(hazard))[:, EDGES[1:] - 1] == pytest.approx(survival)
    assert spread(hazard).shape == (2, BINS)


@pytest.mark.parametrize("kind", [LogisticHazard, Boosting, GaussianProcess, Recurrent])
def test_a_member_learns_the_time_of_day_and_survives_a_restart(kind: Callable[[], Member]) -> None:
    process = history(28, lambda day: [480 + int(RNG.integers(-30, 31)), 1050 + int(RNG.integers(-30, 31))])
    known = rows(process, 28)
    past, asked = known.take(known.day < known.day[0] + 22), known.take(known.day == known.day[0] + 24)
    member = kind()
    for _ in member.fit(past) or ():
        pass
    told = cdf_of(member.hazard(asked))
    # What a moment of that state is followed by, whenever it is.
    usual = [frequencies(past.wait[(past.state == s) & np.isfinite(past.wait)]) for s in asked.state]
    assert crps(told, asked.wait).mean() < 0.5 * crps(np.array(usual), asked.wait).mean()
    again = kind()
    assert np.isnan(again.hazard(asked)).all()
    again.use(member.arrays())
    assert np.array_equal(again.hazard(asked), member.hazard(asked))


@pytest.mark.parametrize("kind", [LogisticHazard, Recurrent])
def test_nights_of_a_step_are_as_good_as_a_refit(kind: Callable[[], Member]) -> None:
    rng = np.random.default_rng(5)
    process = history(34, lambda day: [480 + int(rng.integers(-30, 31)), 1050 + int(rng.integers(-30, 31))])
    known = rows(process, 34)
    begin = int(known.day[0])
    member, whole = kind(), kind()
    for each, days in ((member, 27), (whole, 32)):
        for _ in each.fit(known.take(known.day < begin + days)) or ():
            pass
    for day in range(28, 33):
        for _ in member.update(known.take(known.day < begin + day), 0) or ():
            pass
    asked = known.take(known.day == begin + 32)
    stepped, refitted = (crps(cdf_of(each.hazard(asked)), asked.wait).mean() for each in (member, whole))
    assert stepped < 1.05 * refitted
