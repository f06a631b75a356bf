"""The model of a room: exact parts, exact artifacts, days held out whole."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray
import pytest
from scipy.special import expit, logit

from custom_components.occupancy_ml.engine.occupancy.model import RoomModel, contributions, fit_room, log_loss
from custom_components.occupancy_ml.engine.occupancy.rhythm import rhythm_of_days_before
from custom_components.occupancy_ml.engine.slices import finished

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def room(
    seed: int = 0, days: int = 12, useful: float = 2.0
) -> tuple[Floats, Floats, Floats, Floats, Ints, Ints]:
    """Features, offset, targets, weights, days, slots of a home whose filter is half right."""
    rng = np.random.default_rng(seed)
    rows = days * 96
    features = rng.normal(size=(rows, 5)) * [1, 10, 0.1, 1, 0] + [0, 50, 0, -3, 7]
    offset = rng.normal(0, 1.5, rows)
    truth = offset + useful * features[:, 0] - 0.5
    targets = (rng.random(rows) < expit(truth)).astype(np.float64)
    slots = np.arange(rows, dtype=np.int64)
    return features, offset, targets, np.full(rows, 3.0), slots // 96 + 739_000, slots % 96 // 2


def test_a_useful_feature_is_found_and_the_filter_beaten() -> None:
    fit = finished(fit_room(*room()))
    assert fit.log_loss < fit.filter_log_loss - 0.05
    assert fit.log_loss < fit.prior_log_loss
    strongest = np.argmax(np.abs(fit.model.coefficients))
    assert strongest == 0
    assert fit.model.coefficients[4] == 0.0  # it never moved
    assert fit.model.scale[4] == 1.0


def test_held_out_days_do_not_flatter() -> None:
    """With nothing to learn, what is measured is about what fresh days then show."""
    fit = finished(fit_room(*room(1, days=30, useful=0.0)))
    features, offset, targets, weights, _, slots = room(2, days=60, useful=0.0)
    fresh = log_loss(fit.model.predict(features, offset, slots), targets, weights)
    assert fit.log_loss == pytest.approx(fresh, abs=0.03)


def test_a_day_is_not_learned_from_its_own_rows() -> None:
    """Every day has its own secret: who saw the day before answering would look brilliant."""
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(16), 96)
    secret = rng.integers(0, 2, 16)[days].astype(np.float64)
    marker = rng.normal(size=(16, 8))[days]
    fit = finished(
        fit_room(
            marker, np.zeros(len(days)), secret, np.full(len(days), 6.0), days, np.zeros(len(days), np.int64)
        )
    )
    assert fit.log_loss > 0.5
    by_heart = expit(fit.model.score(marker, np.zeros(len(days)), np.zeros(len(days), np.int64)))
    assert log_loss(by_heart, secret, np.ones(len(days))) < 0.4
    # Calibration knows that the score is worth little, the gate that it is worth less than nothing.
    assert fit.filter_log_loss < fit.log_loss < 1.0


@pytest.mark.parametrize("row", range(0, 1000, 97))
def test_the_parts_add_up_to_the_logit(row: int) -> None:
    features, offset, targets, weights, days, slots = room()
    features[::3, 1] = np.nan
    model = finished(fit_room(features, offset, targets, weights, days, slots)).model
    one = slice(row, row + 1)
    other = finished(fit_room(*room(1))).model
    parts, constants, calibrated = contributions(
        [other, model], features[[0, row]], offset[[0, row]], slots[[0, row]].tolist()
    )
    total = offset[row] + parts[1].sum() + constants[1] + calibrated[1]
    exact = model.calibration.apply(model.score(features[one], offset[one], slots[one]))[0]
    assert total == pytest.approx(exact, abs=1e-12)
    chance = model.predict(features[one], offset[one], slots[one])[0]
    assert total == pytest.approx(logit(chance), abs=1e-9)


def test_artifacts_survive_json_with_every_bit() -> None:
    features, offset, targets, weights, days, slots = room()
    model = finished(fit_room(features, offset, targets, weights, days, slots)).model
    again = RoomModel.from_json(json.loads(json.dumps(model.to_json())))
    assert again.to_json() == model.to_json()
    assert np.array_equal(again.predict(features, offset, slots), model.predict(features, offset, slots))


def test_what_is_not_known_counts_as_usual() -> None:
    """A feature that was never known, or never moved, has no weight; one that is missing now says nothing."""
    features, offset, targets, weights, days, slots = room()
    never = np.full((len(features), 1), np.nan)
    features = np.hstack([features, never])
    features[::2, 0] = np.nan
    fit = finished(fit_room(features, offset, targets, weights, days, slots))
    assert fit.model.coefficients[0] > 0.5
    assert fit.model.coefficients[5] == 0.0
    row = features[1].copy()
    row[4], row[5] = 1_000.0, 900.0  # a device, and air, that were never there before
    parts, _, _ = contributions([fit.model], row[None], np.zeros(1), [0])
    assert parts[0, 4] == parts[0, 5] == 0.0
    row[0] = np.nan
    assert contributions([fit.model], row[None], np.zeros(1), [0])[0][0, 0] == 0.0


def test_the_rhythm_of_a_room_is_learned_from_earlier_days() -> None:
    """Occupied from eight to noon on workdays: a fresh day is told so, and its own rows never told it."""
    rng = np.random.default_rng(5)
    days, half_hours = np.repeat(np.arange(20), 96), np.tile(np.arange(96) // 2, 20)
    slots = half_hours + 48 * (days % 7 >= 5)
    truth = (slots >= 16) & (slots < 24)
    targets = np.where(rng.random(len(days)) < 0.05, ~truth, truth).astype(np.float64)
    zeros, weights = np.zeros(len(days)), np.full(len(days), 3.0)
    fit = finished(fit_room(zeros[:, None], zeros, targets, weights, days, slots))
    chance = fit.model.predict(np.zeros((3, 1)), np.zeros(3), np.array([20, 40, 68]))
    # Weighed with care (docs/decisions.md, 37), and yet twice as likely then as at other hours and on days off.
    assert chance[0] > 2 * max(chance[1:])
    assert fit.log_loss < 0.45 < fit.filter_log_loss
    # What a day and those after it say does not reach it.
    late = np.where(days >= 9, 1 - targets, targets)
    told = rhythm_of_days_before(targets, weights, slots, days)[days <= 9]
    assert np.isnan(told[days[days <= 9] == 0]).all()
    assert np.isfinite(told[days[days <= 9] > 0]).all()
    again = rhythm_of_days_before(late, weights, slots, days)[days <= 9]
    assert np.array_equal(again, told, equal_nan=True)


def test_the_same_rows_give_the_same_bits() -> None:
    assert finished(fit_room(*room())).model.to_json() == finished(fit_room(*room())).model.to_json()


def test_one_day_alone_can_be_fitted() -> None:
    fit = finished(fit_room(*room(days=1)))
    assert np.isfinite([fit.log_loss, fit.brier, fit.filter_log_loss, fit.prior_log_loss]).all()


def test_log_loss_is_that_of_the_book() -> None:
    assert log_loss(np.array([0.8, 0.4]), np.array([1.0, 0.0]), [1, 3]) == pytest.approx(
        -(np.log(0.8) + 3 * np.log(0.6)) / 4
    )
    assert log_loss(np.array([0.5]), np.array([0.3]), [1]) == pytest.approx(np.log(2))
    assert np.isfinite(log_loss(np.array([0.0]), np.array([1.0]), [1]))
