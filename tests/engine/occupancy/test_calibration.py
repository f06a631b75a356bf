"""Calibration: nothing to do where nothing is wrong, never turns the order round, mends what is bent."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
import numpy as np
from numpy.typing import NDArray
import pytest
from scipy.special import expit

from custom_components.occupancy_ml.engine.occupancy.calibration import Calibration
from custom_components.occupancy_ml.engine.occupancy.model import log_loss

Floats = NDArray[np.float64]


def sample(seed: int, rows: int) -> tuple[Floats, Floats]:
    """True scores and what then happened."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 2, rows)
    return score, (rng.random(rows) < expit(score)).astype(np.float64)


def test_the_default_does_nothing() -> None:
    score = np.linspace(-20, 20, 101)
    assert np.abs(Calibration().apply(score) - score).max() < 1e-12


@pytest.mark.parametrize("rows", [30, 4000])
def test_scores_that_are_right_stay(rows: int) -> None:
    score = np.linspace(-4, 4, rows)
    fitted = Calibration.fit(score, expit(score), np.ones(rows))
    assert np.abs(fitted.apply(score) - score).max() < 1e-5


def test_platt_below_fifty_labels_and_beta_above() -> None:
    score, targets = sample(1, 49)
    few = Calibration.fit(3 * score, targets, np.ones(49))
    assert few.above == few.below
    score, targets = sample(1, 60)
    skewed = np.where(score > 0, 3 * score, 0.5 * score)
    many = Calibration.fit(skewed, targets, np.ones(60))
    assert many.above != many.below
    # It is the weight that counts, not the rows.
    light = Calibration.fit(skewed, targets, np.full(60, 0.5))
    assert light.above == light.below


@pytest.mark.parametrize(("slope", "shift"), [(3.0, 0.0), (0.3, 0.0), (1.0, 2.0), (2.0, -1.5)])
@pytest.mark.parametrize("rows", [45, 3000])
def test_a_distorted_score_gets_better(slope: float, shift: float, rows: int) -> None:
    score, targets = sample(2, rows)
    fresh, happened = sample(3, 20_000)
    fitted = Calibration.fit(slope * score + shift, targets, np.ones(rows))
    ones = np.ones(20_000)
    before = log_loss(expit(slope * fresh + shift), happened, ones)
    after = log_loss(expit(fitted.apply(slope * fresh + shift)), happened, ones)
    assert after < before
    if rows == 3000:
        assert after < log_loss(expit(fresh), happened, ones) + 0.01


def test_what_is_sure_on_one_side_only_is_mended_on_that_side() -> None:
    """Overconfident above, right below: Platt could not tell them apart."""
    score, targets = sample(4, 20_000)
    fitted = Calibration.fit(np.where(score > 0, 3 * score, score), targets, np.ones(20_000))
    assert fitted.above > fitted.below + 0.2
    assert fitted.apply(np.array([6.0]))[0] < 4


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-30, 30), st.sampled_from([0.0, 0.3, 1.0]), st.floats(0, 5)),
        min_size=1,
        max_size=80,
    )
)
def test_the_order_never_turns_round(rows: list[tuple[float, float, float]]) -> None:
    score, targets, weights = (np.array(column) for column in zip(*rows, strict=True))
    fitted = Calibration.fit(score, targets, weights)
    line = np.linspace(-40, 40, 400)
    out = fitted.apply(line)
    assert np.isfinite(out).all()
    assert (np.diff(out) >= -1e-12).all()


@pytest.mark.parametrize("rows", [40, 900])
def test_a_score_that_is_wrong_way_round_is_put_aside(rows: int) -> None:
    """Slopes that would turn the order are zero, and the shift is then that of the share."""
    score, targets = sample(5, rows)
    fitted = Calibration.fit(-score + 4, targets, np.ones(rows))
    assert (fitted.above, fitted.below) == (0.0, 0.0)
    assert expit(fitted.shift) == pytest.approx(targets.mean(), abs=0.06)


def test_nothing_but_one_answer_is_survived() -> None:
    fitted = Calibration.fit(np.linspace(-3, 3, 200), np.zeros(200), np.ones(200))
    assert (expit(fitted.apply(np.linspace(-3, 3, 20))) < 0.2).all()


def test_plain_numbers_and_back() -> None:
    score, targets = sample(6, 500)
    fitted = Calibration.fit(2 * score, targets, np.ones(500))
    assert Calibration.from_json(fitted.to_json()) == fitted
