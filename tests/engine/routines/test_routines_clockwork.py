"""Times of day that return, and on which days of the week."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
import pytest

from custom_components.occupancy_ml.engine.routines.chance import uniforms
from custom_components.occupancy_ml.engine.routines.clockwork import PERMUTATIONS, Return, returns

DAYS = 56
WEEKDAYS: NDArray[np.int64] = np.arange(DAYS) % 7


def found(days: Sequence[int] | NDArray[np.int64], minute: int, seed: int = 1) -> tuple[list[Return], float]:
    """What returns where something happened on some days around a minute, and twice a day at chance; the best of chance."""
    at = minute + np.floor(20 * uniforms(seed, len(days))).astype(np.int64) - 10
    noise = np.floor(960 * uniforms(seed + 1, DAYS * 2)).astype(np.int64) + 420
    day = np.concatenate([np.asarray(days, dtype=np.int64), np.repeat(np.arange(DAYS), 2)])
    times, by_chance = returns(day, np.concatenate([at, noise]), WEEKDAYS, seed)
    assert by_chance.shape == (PERMUTATIONS,)
    return times, float(np.quantile(by_chance, 0.95))


@pytest.mark.parametrize(
    ("weekdays", "told"),
    [
        (range(7), (0, 1, 2, 3, 4, 5, 6)),
        (range(5), (0, 1, 2, 3, 4)),
        ((5, 6), (5, 6)),
        ((3,), (3,)),
    ],
)
def test_the_days_of_the_week_are_those_it_happens_on(weekdays: Sequence[int], told: tuple[int, ...]) -> None:
    times, chance = found(np.flatnonzero(np.isin(WEEKDAYS, list(weekdays))), 1205)
    best = times[0]
    assert best.score > chance
    assert best.weekdays == told
    assert best.minute == pytest.approx(1205, abs=10)
    assert len(best.hits) == best.opportunities == np.isin(WEEKDAYS, list(weekdays)).sum()


def test_one_day_of_the_week_is_none_where_the_others_have_it_too() -> None:
    """On two days of five, all Mondays happen to be among them: that is no habit of Mondays."""
    others = np.flatnonzero((WEEKDAYS != 0) & (uniforms(9, DAYS) < 0.45))
    mondays = np.flatnonzero(WEEKDAYS == 0)
    times, chance = found(np.concatenate([others, mondays]), 846)
    assert not [time for time in times if time.weekdays == (0,) and time.score > chance]
