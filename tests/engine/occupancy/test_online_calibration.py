"""Online calibration against a batch fit, and what it must never do."""

from __future__ import annotations

from hypothesis import given, strategies as st
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from custom_components.occupancy_ml.engine.occupancy.online import OnlineCalibration

SCORES = st.floats(-30, 30)


def test_untold_it_changes_nothing() -> None:
    assert OnlineCalibration().apply(1.7) == 1.7


def test_it_comes_close_to_a_batch_fit() -> None:
    rng = np.random.default_rng(5)
    score = rng.normal(0, 3, 4000)
    occupied = rng.random(4000) < 1 / (1 + np.exp(-(0.6 * score - 0.8)))
    online = OnlineCalibration()
    for one, told in zip(score.tolist(), occupied.tolist(), strict=True):
        online = online.update(one, told, 1.0)
    recent = slice(-1000, None)
    batch = LogisticRegression(C=1e6).fit(score[recent, None], occupied[recent])
    # The prior weighs as much as some thirty of the three hundred labels it remembers.
    assert online.slope == pytest.approx(batch.coef_[0, 0], abs=0.2)
    assert online.shift == pytest.approx(batch.intercept_[0], abs=0.3)


@given(SCORES, st.booleans(), st.floats(0.01, 5))
def test_a_label_moves_its_own_score_towards_it(score: float, occupied: bool, weight: float) -> None:
    moved = OnlineCalibration().update(score, occupied, weight).apply(score) - score
    assert moved >= -1e-9 if occupied else moved <= 1e-9


@given(st.lists(st.tuples(SCORES, st.booleans()), max_size=60))
def test_the_order_of_scores_stays(told: list[tuple[float, bool]]) -> None:
    online = OnlineCalibration()
    for score, occupied in told:
        online = online.update(score, occupied, 1.0)
    calibrated = [online.apply(score) for score in (-9.0, -1.0, 0.0, 2.0, 8.0)]
    assert calibrated == sorted(calibrated)


def test_what_is_confirmed_again_and_again_stays_as_it_is() -> None:
    rng = np.random.default_rng(6)
    online = OnlineCalibration()
    for score in rng.normal(0, 3, 3000).tolist():
        online = online.update(score, bool(rng.random() < 1 / (1 + np.exp(-score))), 1 / 6)
    assert online.slope == pytest.approx(1.0, abs=0.2)
    assert online.shift == pytest.approx(0.0, abs=0.3)


def test_it_comes_back_from_plain_numbers() -> None:
    online = OnlineCalibration().update(2.0, False, 1.0)
    assert OnlineCalibration.from_json(online.to_json()) == online
