"""After hours in which nobody listened, people are believed where they usually are at that hour."""

from __future__ import annotations

from custom_components.occupancy_ml.engine.events import DAY_US, MICROSECONDS
from custom_components.occupancy_ml.engine.tracker import Tracker
from tests.engine.living import START_US, at, at_rest, flat, pulse

HOUR = 3600
BEDROOM = 2


def _week() -> Tracker:
    """Days in the kitchen and nights in bed, then a night's look back."""
    home = flat()
    tracker = Tracker(home, START_US)
    events = at_rest(home, START_US)
    for day in range(3):
        noon = day * 24 * HOUR
        for n in range(0, 12 * HOUR, 300):  # 9:00 to 21:00 in Berlin
            events += pulse(noon + n + 60, ("kitchen", "hall")[n // 300 % 2], 20)
        events += pulse(noon + 12 * HOUR, "bedroom")
        events += [at(noon + 12 * HOUR + 60, "binary_sensor.bed", "on")]
        events += [at(noon + 23 * HOUR, "binary_sensor.bed", "off")]
    for event in sorted(events, key=lambda e: e.time_us):
        list(tracker.advance(event.time_us))
        tracker.take(event)
    list(tracker.look_back())
    return tracker


def test_the_bedroom_is_believed_at_night_and_not_at_noon() -> None:
    payload = _week().to_payload()
    night = Tracker.from_payload(flat(), payload)
    night.skip(START_US + 3 * DAY_US + 18 * HOUR * MICROSECONDS)  # 3:00
    noon = Tracker.from_payload(flat(), payload)
    noon.skip(START_US + 4 * DAY_US + 3 * HOUR * MICROSECONDS)  # 12:00
    assert night.belief()[0][BEDROOM] > 0.6
    assert noon.belief()[0][BEDROOM] < 0.3
