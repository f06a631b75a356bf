"""Moments: what is believed and since when, to the minute; who rests by day is not asleep."""

from __future__ import annotations

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES
from custom_components.occupancy_ml.engine.forecast.moments import Layout, Moments, Watch
from custom_components.occupancy_ml.engine.forecast.rows import known_context
from custom_components.occupancy_ml.engine.home import Home, Room, RoomKind

LAYOUT = Layout.of(Home("UTC", (Room("den", RoomKind.LIVING), Room("bedroom", RoomKind.BEDROOM)), ()))
VECTORS = np.zeros((2, len(FEATURE_NAMES)))
BEGIN_US = 20_515 * 86_400_000_000


def lived(stays: list[tuple[int, int]], minutes: int) -> Moments:
    """The moment after so many minutes in which the den was occupied over some [begin, end), looked at every minute."""
    watch = Watch(LAYOUT)
    vector = np.zeros(0)
    for minute in range(minutes + 1):
        here = any(begin <= minute < end for begin, end in stays)
        shown = np.array([0.99 if here else 0.01, 0.01, 0.99])
        now_us = BEGIN_US + minute * MINUTE_US
        watch.notice(now_us, shown)
        if minute % 5 == 0:
            vector = watch.see(now_us, VECTORS, shown)
    return Moments.of(LAYOUT, np.array([BEGIN_US], dtype=np.int64), vector[None])


@pytest.mark.parametrize("begin", [61, 63, 64])
def test_since_when_is_known_to_the_minute(begin: int) -> None:
    assert lived([(begin, 200)], 75).elapsed[0, 0] == 75 - begin


@pytest.mark.parametrize(("length", "counts"), [(2, False), (4, False), (7, True), (9, True)])
@pytest.mark.parametrize("begin", [30, 32, 34])
def test_what_is_taken_back_within_five_minutes_was_no_change(begin: int, length: int, counts: bool) -> None:
    elapsed = lived([(begin, begin + length)], 60).elapsed[0, 0]
    assert elapsed == (60 - begin - length if counts else 60)


@pytest.mark.parametrize(("usual", "asleep"), [(0.0, True), (0.05, False), (0.5, True), (0.95, True)])
def test_who_rests_in_the_bedroom_sleeps_only_where_they_usually_do(usual: float, asleep: bool) -> None:
    """0 says that nothing is known of it yet: then the bedroom alone tells."""
    vector = Watch(LAYOUT).see(BEGIN_US, VECTORS, np.array([0.01, 0.99, 0.99]), usual_sleep=usual)
    moment = Moments.of(LAYOUT, np.array([BEGIN_US], dtype=np.int64), vector[None])
    assert (moment.chance[0, LAYOUT.processes.index("@sleep")] >= 0.5) == asleep


def test_who_slept_and_still_rests_sleeps_on_until_the_first_leaving() -> None:
    """Shortly before they get up on most days it is as certain as in the middle of the night; back to dress it is not."""
    watch, asleep = Watch(LAYOUT), []
    for number, (in_bed, usual) in enumerate([(True, 0.95), (True, 0.3), (False, 0.3), (True, 0.3)]):
        shown = np.array([0.01 if in_bed else 0.99, 0.99 if in_bed else 0.01, 0.99])
        time_us = BEGIN_US + number * 15 * MINUTE_US
        vector = watch.see(time_us, VECTORS, shown, usual_sleep=usual)
        restored = Watch(LAYOUT)
        restored.restore(watch.to_json())
        watch = restored
        moment = Moments.of(LAYOUT, np.array([time_us], dtype=np.int64), vector[None])
        asleep.append(float(moment.chance[0, LAYOUT.processes.index("@sleep")]))
    assert asleep[0] == asleep[1] > 0.95
    assert asleep[2] < 0.03
    assert asleep[3] < 0.9


def test_an_entity_that_says_nothing_does_not_say_zero() -> None:
    said, silent = known_context(np.array([[0.0, np.nan], [6.5, 1.0]]))
    assert said.tolist() == [[0.0, 0.0], [6.5, 1.0]]
    assert silent.tolist() == [[0.0, 1.0], [0.0, 0.0]]
