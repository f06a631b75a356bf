"""What the tests of forecasts share: rows of a process whose law is known."""

from __future__ import annotations

from collections.abc import Callable
import itertools

import numpy as np

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.forecast.bins import HORIZONS
from custom_components.occupancy_ml.engine.forecast.processes import Process
from custom_components.occupancy_ml.engine.forecast.reservoir import UNITS
from custom_components.occupancy_ml.engine.forecast.rows import Rows, clock_of
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.store import Episode
from tests.engine.living import START_US

CLOCK = LocalClock("UTC")
DAY = 1440
FIRST = START_US // MINUTE_US // DAY * DAY


def history(days: int, changes: Callable[[int], list[int]]) -> Process:
    """A process that begins vacant and changes at given minutes of each day, by the number of the day."""
    times = [FIRST + DAY * day + minute for day in range(days) for minute in changes(day)]
    edges = [FIRST, *times, FIRST + DAY * days]
    return Process.of(
        [
            Episode("room", begin * MINUTE_US, end * MINUTE_US, number % 2 == 1, 1.0)
            for number, (begin, end) in enumerate(itertools.pairwise(edges))
        ]
    )


def rows(process: Process, days: int, *, features: int = 12, clock: LocalClock = CLOCK) -> Rows:
    """Every quarter of an hour of the days, what is believed being what is."""
    times = (FIRST + np.arange(0, days * DAY, 15, dtype=np.int64)) * MINUTE_US
    state, wait, held = process.at(times)
    day, minutes, free = clock_of(clock, times)
    n = len(times)
    later = np.stack([process.at(times + ahead * MINUTE_US)[0] for ahead in HORIZONS], axis=1)
    known = np.zeros((n, features + UNITS))
    known[:, 0] = np.log1p(np.nan_to_num(held))
    return Rows(
        times,
        day,
        minutes,
        free,
        day % 7 >= 5,
        state == 1,
        np.where(state == 1, 0.99, 0.01),
        np.nan_to_num(held),
        np.where(state == 1, 0, -1).astype(np.int64),
        known,
        state,
        wait,
        np.nan_to_num(held),
        later,
        np.zeros(n, dtype=np.bool_),
        *clock.jumps(times),
    )
