"""On the evening before the clock jumps, members that keep to the clock know of it; on any other all is as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
import itertools
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US, from_us, to_us
from custom_components.occupancy_ml.engine.forecast.bins import cdf_of, quantiles
from custom_components.occupancy_ml.engine.forecast.boosting import Boosting
from custom_components.occupancy_ml.engine.forecast.gaussian_process import GaussianProcess
from custom_components.occupancy_ml.engine.forecast.logistic_hazard import LogisticHazard
from custom_components.occupancy_ml.engine.forecast.model import ProcessModel
from custom_components.occupancy_ml.engine.forecast.periods import EDGES, all_periods
from custom_components.occupancy_ml.engine.forecast.processes import Process
from custom_components.occupancy_ml.engine.forecast.recurrent import Recurrent
from custom_components.occupancy_ml.engine.forecast.rows import Rows, by_the_clock
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.store import Episode
from tests.engine.forecast.made import DAY, FIRST, rows

DAYS = 42
WAKE, BED = 390, 1350
"""Minutes on the wall at which they wake and go to bed, give or take five."""
JUMPS = {"Europe/Berlin": "2026-03-29", "Australia/Sydney": "2026-04-05"}
"""In one the clock goes forward on this morning, in the other back."""


@dataclass(frozen=True, slots=True)
class Life:
    """A sleeper by the clock on the wall, and a model of all that was known two days before the jump."""

    zone: ZoneInfo
    known: Rows
    model: ProcessModel

    def at(self, local: datetime) -> Rows:
        """The row of a local time."""
        return self.known.take(np.flatnonzero(self.known.time_us == to_us(local.replace(tzinfo=self.zone))))


@pytest.fixture(scope="module", params=JUMPS)
def life(request: pytest.FixtureRequest) -> Life:
    zone, rng = ZoneInfo(request.param), np.random.default_rng(3)
    first = from_us(FIRST * MINUTE_US).replace(tzinfo=None)
    changes = [
        to_us((first + timedelta(days=day, minutes=minute + int(rng.integers(-5, 6)))).replace(tzinfo=zone))
        for day in range(1, DAYS)
        for minute in (WAKE, BED)
    ]
    process = Process.of(
        [
            Episode("room", begin, end, number % 2 == 1, 1.0)
            for number, (begin, end) in enumerate(itertools.pairwise(changes))
        ]
    )
    known = rows(process, DAYS, features=16, clock=LocalClock(request.param))
    jump_us = to_us(datetime.fromisoformat(JUMPS[request.param]).replace(tzinfo=zone))
    model = ProcessModel([Recurrent(), Boosting(), GaussianProcess(), LogisticHazard()])
    for _ in model.fit(known.take(known.time_us < jump_us - 2 * DAY * MINUTE_US)):
        pass
    return Life(zone, known, model)


@pytest.mark.parametrize("hour", [22.75, 23.5])
def test_on_the_evening_before_the_morning_is_when_the_clock_on_the_wall_says(
    life: Life, hour: float
) -> None:
    morning = datetime.fromisoformat(JUMPS[life.zone.key])
    asked = life.at(morning + timedelta(hours=hour - 24))
    assert len(asked) == 1
    for member in (life.model.kernel, life.model.climatology, life.model.by_clock):
        (median,) = quantiles(cdf_of(member.hazard(asked)), np.array([[0.5]]))[0]
        assert median == pytest.approx(asked.wait[0], abs=20), member.name
    told = life.model.predict(asked)
    assert told.quantiles[0, 2] == pytest.approx(asked.wait[0], abs=25)


def test_periods_are_at_the_time_on_the_wall(life: Life) -> None:
    morning = datetime.fromisoformat(JUMPS[life.zone.key])
    for hours in (-30, -24, -2, 0, 1, 4):
        asked = life.at(morning + timedelta(hours=hours))
        cases = all_periods(asked)
        middles = (EDGES[1:] + EDGES[:-1]) * 2.5
        for minutes, clock, free in zip(middles.tolist(), cases.clock, cases.free, strict=True):
            wall = (from_us(int(asked.time_us[0])) + timedelta(minutes=minutes)).astimezone(life.zone)
            assert clock == 60 * wall.hour + wall.minute + wall.second / 60
            assert free == (wall.weekday() >= 5)


def test_on_a_day_without_a_jump_all_is_said_as_if_clocks_never_jumped(life: Life) -> None:
    plain = np.full(len(life.known), np.inf)
    unaware = replace(life.known, jumps_in=plain, jump=np.zeros(len(plain)))
    said = []
    for known in (life.known, unaware):
        model = ProcessModel([Recurrent()])
        for _ in model.fit(known):
            pass
        said.append(model.asked(known.take(np.isinf(life.known.jumps_in)).take(slice(None, None, 7))))
    assert np.isfinite(life.known.jumps_in).sum() == 95
    assert np.array_equal(said[0].members, said[1].members, equal_nan=True)
    assert np.isfinite(said[0].members[0]).any()


def test_what_would_come_in_the_hour_that_is_skipped_comes_when_it_is() -> None:
    wait = 5.0 * np.arange(60).astype(np.float64)
    assert by_the_clock(wait, np.inf, 0.0).tolist() == wait.tolist()
    spring, autumn = by_the_clock(wait, 100.0, 60.0), by_the_clock(wait, 100.0, -60.0)
    assert spring.tolist() == [*wait[:20], *[100.0] * 12, *wait[20:-12]]
    assert autumn.tolist() == [*wait[:20], *(wait[20:] + 60)]
