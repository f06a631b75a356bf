"""Who lies in bed without a sound is still there, on the first night and when nights have been learned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, MICROSECONDS, MINUTE_US, Event
from custom_components.occupancy_ml.engine.home import Home, Role
from custom_components.occupancy_ml.engine.tracker import Tracker
from tests.engine.living import START_US, flat, pulse

BEDROOM = 2
NIGHTS = 8
LEARNS_ON = (0, 3, 6)  # each look back is over the whole week
# Seconds after START_US, which is nine in the morning in Berlin.
TO_BED, UP, NIGHT_WORK = 14 * 3600, 22 * 3600 + 600, 18 * 3600


def motion_only() -> Home:
    """The flat without its bed mat."""
    home = flat()
    return Home(home.time_zone, home.rooms, tuple(s for s in home.sensors if s.role is not Role.PRESENCE))


def a_day(day: int, rng: np.random.Generator) -> Iterator[Event]:
    """Up at seven, out from nine to five, an evening in the kitchen, to bed at eleven; then eight silent hours."""
    begin = day * 86_400

    def around(room: str, start: float, end: float) -> Iterator[Event]:
        seconds = start
        while seconds < end:
            yield from pulse(begin + seconds, room, 8.0)
            seconds += rng.uniform(10.0, 180.0)

    def door(seconds: float) -> Iterator[Event]:
        for offset, state in ((0.0, "on"), (6.0, "off")):
            time_us = START_US + int((begin + seconds + offset) * MICROSECONDS)
            yield Event(time_us, "binary_sensor.front_door", state)

    yield from door(60)
    yield from door(8 * 3600)
    yield from around("hall", 8 * 3600 + 10, 8 * 3600 + 40)
    yield from around("kitchen", 8 * 3600 + 60, TO_BED - 120)
    yield from around("hall", TO_BED - 60, TO_BED - 30)
    yield from around("bedroom", TO_BED, TO_BED + 600)
    yield from around("bedroom", UP, UP + 600)
    yield from around("kitchen", UP + 660, 24 * 3600 - 60)
    yield from around("hall", 24 * 3600 - 30, 24 * 3600 + 50)


@pytest.fixture(scope="module")
def nights() -> list[list[float]]:
    """By night, P(somebody is in the bedroom) every ten minutes from eleven to seven."""
    rng = np.random.default_rng(1)
    events = sorted((event for day in range(NIGHTS) for event in a_day(day, rng)), key=lambda e: e.time_us)
    tracker = Tracker(motion_only(), START_US)
    found: list[list[float]] = []
    done = 0
    for day in range(NIGHTS):
        chances = []
        for minute in range(1440):
            now_us = START_US + day * DAY_US + minute * MINUTE_US
            while done < len(events) and events[done].time_us <= now_us:
                list(tracker.advance(events[done].time_us))
                tracker.take(events[done])
                done += 1
            list(tracker.advance(now_us))
            if TO_BED + 600 <= minute * 60 < UP and minute % 10 == 0:
                chances.append(float(tracker.belief()[0][BEDROOM]))
            if minute * 60 == NIGHT_WORK and day in LEARNS_ON:
                list(tracker.look_back())
        found.append(chances)
    return found


def test_the_first_silent_night_is_slept_through(nights: list[list[float]]) -> None:
    assert min(nights[0]) > 0.5


def test_after_seven_nights_more_surely(nights: list[list[float]]) -> None:
    assert min(nights[-1]) > 0.6
    assert np.mean(nights[-1]) > 0.9


def test_learning_never_loses_the_sleeper(nights: list[list[float]]) -> None:
    assert min(min(chances) for chances in nights) > 0.5
