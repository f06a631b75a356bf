"""What a forecast has to beat, against its definitions."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.forecast.baselines import BASELINES, baselines
from custom_components.occupancy_ml.engine.forecast.bins import CAP, HORIZONS, LEVELS
from custom_components.occupancy_ml.engine.forecast.rows import Rows
from custom_components.occupancy_ml.engine.slices import finished
from tests.engine.forecast.made import history, rows

RNG = np.random.default_rng(7)
MEIER, USUAL, STAYING, NEAR = range(4)


def stays(day: int) -> list[int]:
    """Stays of two lengths that begin whenever."""
    begins = np.sort(RNG.choice(np.arange(0, 1380, 41), 6, replace=False))
    return [m for begin in begins.tolist() for m in (begin + 1, begin + 1 + int(RNG.choice([7, 28])))]


AT_RANDOM = history(60, stays)
KNOWN = rows(AT_RANDOM, 60)


def of_day(number: int) -> tuple[Rows, Rows]:
    """The days before one, and that day."""
    first = KNOWN.day[0] + number
    return KNOWN.take(KNOWN.day < first), KNOWN.take(KNOWN.day == first + 1)


def whole(past: Rows, asked: Rows) -> tuple[np.ndarray, np.ndarray]:
    return finished(baselines(past, asked))


def test_kaplan_meier_is_exact_in_minutes_and_counts_the_stays_no_moment_fell_into() -> None:
    past, asked = of_day(50)
    said = whole(past, asked)[0][MEIER]
    inside = np.flatnonzero((asked.state == 1) & (asked.held < 7))
    assert len(inside)
    for n in inside.tolist():
        # Half of all stays last seven minutes, though more than half of the moments fall into the others.
        left = np.array([7.0, 28.0]) - asked.held[n]
        assert said[n][[0, 1, 3, 4]] == pytest.approx(left[[0, 0, 1, 1]])
    longer = np.flatnonzero((asked.state == 1) & (asked.held >= 7))
    assert len(longer)
    assert said[longer] == pytest.approx(np.repeat(28 - asked.held[longer, None], len(LEVELS), 1))


def test_climatology_is_what_came_at_this_half_hour_on_such_days() -> None:
    past, asked = of_day(50)
    said, then = whole(past, asked)
    vacant = np.flatnonzero(asked.state == 0)
    for n in vacant[::20].tolist():
        same = past.take(
            (past.clock // 30 == asked.clock[n] // 30)
            & (past.free == asked.free[n])
            & (past.state == asked.state[n])
            & np.isfinite(past.wait)
        )
        assert len(same) >= 8
        assert said[USUAL, n] == pytest.approx(np.quantile(same.wait, LEVELS))
        assert then[USUAL, n] == pytest.approx(same.later.mean(axis=0))


def test_persistence_lasts() -> None:
    past, asked = of_day(50)
    said, then = whole(past, asked)
    assert (said[STAYING] == CAP).all()
    assert then[STAYING].tolist() == [[float(state == 1)] * len(HORIZONS) for state in asked.state]


def test_the_nearest_days_are_those_that_went_alike() -> None:
    # Odd days: out all day. Even days: back at noon.
    known = rows(history(24, lambda day: [480, 720] if day % 2 == 0 else [480, 1200]), 24)
    past = known.take(known.day < known.day[0] + 20)
    asked = known.take((known.day == known.day[0] + 20) & (known.clock >= 800))
    said, then = whole(past, asked)
    assert np.isfinite(asked.wait[0])
    assert said[NEAR, 0] == pytest.approx(np.full(len(LEVELS), min(asked.wait[0], CAP)))
    assert then[NEAR, 0, 2] == asked.later[0, 2]


def test_they_are_told_the_true_state_whatever_is_believed() -> None:
    past, asked = of_day(15)
    wrong = replace(asked, believed=~asked.believed, elapsed=asked.elapsed + 50)
    one, other = whole(past, asked), whole(past, wrong)
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1], equal_nan=True)
    assert one[0].shape == (len(BASELINES), len(asked), len(LEVELS))


def test_levels_ascend_and_stay_within_a_day() -> None:
    for number in (1, 3, 15, 55):
        said = whole(*of_day(number))[0]
        assert all((high >= low).all() for low, high in pairwise(np.moveaxis(said, -1, 0)))
        assert (said >= 0).all()
        assert (said <= CAP).all()


def test_who_knows_nothing_says_not_within_a_day() -> None:
    past, asked = of_day(50)
    said, then = whole(past.take(past.day < 0), asked)
    assert (said == CAP).all()
    assert np.isnan(then[USUAL]).all()
