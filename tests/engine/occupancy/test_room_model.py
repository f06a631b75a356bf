"""The model of a room: exact parts, exact artifacts, days held out whole."""

from __future__ import annotations

from collections.abc import Generator
import json

import numpy as np
from numpy.typing import NDArray
import pytest
from scipy.special import expit, logit

from custom_components.occupancy_ml.engine.occupancy.model import Fit, RoomModel, fit_room, log_loss

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def finish(work: Generator[None, None, Fit]) -> Fit:
    while True:
        try:
            next(work)
        except StopIteration as stop:
            fit: Fit = stop.value
            return fit


def room(
    seed: int = 0, days: int = 12, useful: float = 2.0
) -> tuple[Floats, Floats, Floats, Floats, Ints, Ints]:
    """Features, offset, targets, weights, days, half hours of a home whose filter is half right."""
    rng = np.random.default_rng(seed)
    rows = days * 96
    features = rng.normal(size=(rows, 5)) * [1, 10, 0.1, 1, 0] + [0, 50, 0, -3, 7]
    offset = rng.normal(0, 1.5, rows)
    truth = offset + useful * features[:, 0] - 0.5
    targets = (rng.random(rows) < expit(truth)).astype(np.float64)
    slots = np.arange(rows, dtype=np.int64)
    return features, offset, targets, np.full(rows, 3.0), slots // 96 + 739_000, slots % 96 // 2


def test_a_useful_feature_is_found_and_the_filter_beaten() -> None:
    fit = finish(fit_room(*room()))
    assert fit.log_loss < fit.filter_log_loss - 0.05
    assert fit.log_loss < fit.prior_log_loss
    strongest = np.argmax(np.abs(fit.model.coefficients))
    assert strongest == 0
    assert fit.model.coefficients[4] == 0.0  # it never moved
    assert fit.model.scale[4] == 1.0


def test_held_out_days_do_not_flatter() -> None:
    """With nothing to learn, what is measured is about what fresh days then show."""
    fit = finish(fit_room(*room(1, days=30, useful=0.0)))
    features, offset, targets, weights, _, _ = room(2, days=60, useful=0.0)
    fresh = log_loss(fit.model.predict(features, offset), targets, weights)
    assert fit.log_loss == pytest.approx(fresh, abs=0.03)


def test_a_day_is_not_learned_from_its_own_rows() -> None:
    """Every day has its own secret: who saw the day before answering would look brilliant."""
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(16), 96)
    secret = rng.integers(0, 2, 16)[days].astype(np.float64)
    marker = rng.normal(size=(16, 8))[days]
    fit = finish(
        fit_room(
            marker, np.zeros(len(days)), secret, np.full(len(days), 6.0), days, np.zeros(len(days), np.int64)
        )
    )
    assert fit.log_loss > 0.5
    by_heart = expit(fit.model.score(marker, np.zeros(len(days))))
    assert log_loss(by_heart, secret, np.ones(len(days))) < 0.4
    # Calibration knows that the score is worth little, the gate that it is worth less than nothing.
    assert fit.filter_log_loss < fit.log_loss < 1.0


@pytest.mark.parametrize("row", range(0, 1000, 97))
def test_the_parts_add_up_to_the_logit(row: int) -> None:
    features, offset, targets, weights, days, half_hours = room()
    model = finish(fit_room(features, offset, targets, weights, days, half_hours)).model
    parts, constant, calibration = model.contributions(features[row], float(offset[row]))
    total = offset[row] + parts.sum() + constant + calibration
    exact = model.calibration.apply(model.score(features[row : row + 1], offset[row : row + 1]))[0]
    assert total == pytest.approx(exact, abs=1e-12)
    assert total == pytest.approx(
        logit(model.predict(features[row : row + 1], offset[row : row + 1])[0]), abs=1e-9
    )


def test_artifacts_survive_json_with_every_bit() -> None:
    features, offset, targets, weights, days, half_hours = room()
    model = finish(fit_room(features, offset, targets, weights, days, half_hours)).model
    again = RoomModel.from_json(json.loads(json.dumps(model.to_json())))
    assert again.to_json() == model.to_json()
    assert np.array_equal(again.predict(features, offset), model.predict(features, offset))


def test_the_same_rows_give_the_same_bits() -> None:
    assert finish(fit_room(*room())).model.to_json() == finish(fit_room(*room())).model.to_json()


def test_one_day_alone_can_be_fitted() -> None:
    fit = finish(fit_room(*room(days=1)))
    assert np.isfinite([fit.log_loss, fit.brier, fit.filter_log_loss, fit.prior_log_loss]).all()


def test_log_loss_is_that_of_the_book() -> None:
    assert log_loss(np.array([0.8, 0.4]), np.array([1.0, 0.0]), [1, 3]) == pytest.approx(
        -(np.log(0.8) + 3 * np.log(0.6)) / 4
    )
    assert log_loss(np.array([0.5]), np.array([0.3]), [1]) == pytest.approx(np.log(2))
    assert np.isfinite(log_loss(np.array([0.0]), np.array([1.0]), [1]))
