"""After hours in which nobody listened, people are believed where they usually are at that hour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, MICROSECONDS, MINUTE_US, Event
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.slices import finished
from custom_components.occupancy_ml.engine.tracker import Tracker
from custom_components.occupancy_ml.engine.whereabouts import Hindsight
from tests.engine.living import START_US, at, at_rest, flat, live, pulse

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


def _night_in_bed(gap_from: int = 0, gap_to: int = 0) -> Tracker:
    """Two evenings in the kitchen, two nights in bed; between two hours nobody listened."""
    home = flat()
    tracker = Tracker(home, START_US)
    events = at_rest(home, START_US)
    for day in range(2):
        for n in (*range(0, 12 * HOUR, 300), *range(21 * HOUR, 24 * HOUR, 300)):
            events += pulse(day * 24 * HOUR + n + 60, ("kitchen", "hall")[n // 300 % 2], 20)
        events += pulse(day * 24 * HOUR + 12 * HOUR, "bedroom")
    begin_us, end_us = (START_US + hour * HOUR * MICROSECONDS for hour in (gap_from, gap_to))
    for event in sorted(events, key=lambda e: e.time_us):
        if begin_us < event.time_us < end_us:
            continue
        if tracker.time_us <= begin_us < end_us <= event.time_us:
            list(tracker.advance(begin_us))
            tracker.skip(end_us)
        list(tracker.advance(event.time_us))
        tracker.take(event)
    list(tracker.advance(START_US + 2 * DAY_US))
    return tracker


def _hindsight(tracker: Tracker) -> Hindsight:
    found = finished(tracker.look_back())
    assert found is not None
    return found


def test_hindsight_of_the_time_before_outlives_a_restart_of_an_hour() -> None:
    """Home Assistant was away from 3:00 to 4:00: who went to bed before is still known to have slept."""
    found, whole = _hindsight(_night_in_bed(18, 19)), _hindsight(_night_in_bed())
    assert found.lengths.sum() == whole.lengths.sum()
    for hour in (3.5, 15, 18.5, 30):
        minute = START_US // 60_000_000 + int(60 * hour)
        with_gap, without = (each.occupied[np.searchsorted(each.minutes, minute)] for each in (found, whole))
        np.testing.assert_allclose(with_gap, without, atol=0.15)
    # Silence that nobody could hear teaches no rates.
    assert found.counts.fires[..., 0].sum() < whole.counts.fires[..., 0].sum()


def test_after_a_day_without_ears_hindsight_begins_anew_and_the_state_survives_being_saved() -> None:
    tracker = _night_in_bed(13, 37)
    assert _hindsight(tracker).minutes[0] * 60_000_000 > START_US + 36 * HOUR * MICROSECONDS
    bridged = _night_in_bed(18, 19)
    again = Tracker.from_payload(flat(), bridged.to_payload())
    np.testing.assert_array_equal(_hindsight(again).occupied, _hindsight(bridged).occupied)


@pytest.mark.parametrize("hours", [2, 8])
def test_an_empty_home_is_not_shown_as_occupied_after_an_outage(tmp_path: Path, hours: int) -> None:
    """What persons are now is known at once; it is no news minute by minute."""
    home = flat(persons=True)
    events = [*at_rest(home, START_US + 1), at(1, "person.ada", "home"), at(1, "person.bo", "home")]
    events += [*pulse(60, "bedroom"), *pulse(300, "kitchen"), *pulse(600, "hall")]
    events += [at(620, "binary_sensor.front_door", "on"), at(630, "binary_sensor.front_door", "off")]
    events += [at(900, "person.ada", "not_home"), at(905, "person.bo", "not_home")]
    shown, engine = live(tmp_path / "home.db", home, events, START_US, START_US + 120 * MINUTE_US)
    assert shown[-1].home.occupied is False
    engine.close()
    back_us = START_US + (120 + hours * 60) * MINUTE_US
    for persons, expected in (("not_home", False), ("home", True)):
        again = Engine.open(tmp_path / "home.db", home, back_us)
        present = [Event(back_us, f"person.{name}", persons) for name in ("ada", "bo")]
        again.ingest([*present, *at_rest(home, back_us)])
        for minute in range(5):
            snapshot = again.tick(back_us + minute * MINUTE_US, forecasts=False)
            assert snapshot.home.occupied is expected
        again.close()
        back_us += hours * 60 * MINUTE_US
