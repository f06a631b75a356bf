"""What happens in a simulated home: daylight saving, holidays, parties, routines, faults."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US, Cause
from tests.simulator import (
    AWAY,
    PRESETS,
    SimulatedHomeConfig,
    Simulation,
    alarm_clock_home,
    demo_home,
    one_person,
    simulate,
    two_people_and_a_cat,
)
from tests.simulator.clock import clock, is_dark, local, wall_us
from tests.simulator.household import Household

HOUR_US = 60 * MINUTE_US
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


def wakings(simulation: Simulation, who: str) -> dict[date, float]:
    """Minutes since midnight at which somebody got up for good, by local date."""
    result: dict[date, float] = {}
    for stay in simulation.stays:
        if stay.who == who and stay.activity == "sleep" and stay.end_us < simulation.end_us:
            moment = local(stay.end_us, simulation.config.zone)
            result[moment.date()] = moment.hour * 60 + moment.minute + moment.second / 60
    return result


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (date(2026, 6, 1), 24)])
@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_days_of_daylight_saving_have_their_own_length(preset: object, day: date, hours: int) -> None:
    assert callable(preset)
    config: SimulatedHomeConfig = preset()
    simulation = simulate(config, day, 1, 3)
    assert simulation.end_us - simulation.start_us == hours * HOUR_US
    assert sum(row.end_us - row.start_us for row in simulation.truth) == hours * HOUR_US
    around = simulate(config, day - timedelta(days=2), 5, 3)
    assert {e for e in simulation.events if e.is_real} <= set(around.events)


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_people_live_by_the_wall_clock_through_daylight_saving(day: date) -> None:
    config = alarm_clock_home()
    simulation = simulate(config, day - timedelta(days=4), 9, 2)
    got_up = wakings(simulation, "ada")
    person = config.people[0]
    assert len(got_up) == 9
    for when, minutes in got_up.items():
        assert abs(minutes - person.shape(when).wake) <= person.spread
    nights = [s for s in simulation.stays if s.activity == "sleep" and s.end_us - s.start_us > 2 * HOUR_US]
    assert all(
        5 * HOUR_US < s.end_us - s.start_us < 11 * HOUR_US for s in nights if s.start_us > simulation.start_us
    )


def test_a_time_that_does_not_exist_still_means_a_moment() -> None:
    zone = demo_home().zone
    times = [wall_us(SPRING, minutes, zone) for minutes in (119, 121, 150, 179, 181)]
    assert all(later >= earlier - HOUR_US for earlier, later in pairwise(times))
    assert wall_us(SPRING, clock("26:00") - 24 * 60, zone) == wall_us(SPRING, clock("03:00"), zone)


def test_the_alarm_clock_home_keeps_its_times() -> None:
    config = alarm_clock_home()
    simulation = simulate(config, date(2026, 1, 5), 60, 4)
    person = config.people[0]
    left = [s for s in simulation.stays if s.room_id == AWAY]
    assert len(left) == 60
    for stay in left:
        for time_us, planned in ((stay.start_us, "leave"), (stay.end_us, "back")):
            moment = local(time_us, config.zone)
            wanted = getattr(person.shape(moment.date()), planned)
            minutes = moment.hour * 60 + moment.minute + moment.second / 60
            assert abs(minutes - wanted) <= person.spread + 2


def test_holidays_empty_the_home_on_their_dates() -> None:
    first, last = date(2026, 5, 11), date(2026, 5, 14)
    config = replace(demo_home(), trips=(), holidays=((first, last),))
    simulation = simulate(config, first - timedelta(days=3), 10, 1)
    start_us, end_us = wall_us(first, clock("12:00"), config.zone), wall_us(last, clock("12:00"), config.zone)
    inside = [row for row in simulation.truth if row.start_us < end_us and row.end_us > start_us]
    assert {row.area_id for row in inside} == {AWAY}
    phones = [
        e for e in simulation.events if e.entity_id.startswith("person.") and start_us < e.time_us < end_us
    ]
    assert phones == []
    after = simulation.people_at(wall_us(last, clock("22:00"), config.zone))
    assert set(after) == {"alex", "robin"}


def test_trips_recur_and_a_day_out_ends_at_home() -> None:
    config = two_people_and_a_cat()
    household = Household(config, 3)
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(120)]
    found = {household.trip(day) for day in days} - {None}
    lengths = Counter((trip[1] - trip[0]).days + 1 for trip in found if trip is not None)
    assert lengths[1] >= 6
    assert lengths[4] >= 2
    out = next(trip[0] for trip in sorted(t for t in found if t is not None) if trip[0] == trip[1])
    simulation = simulate(config, out, 1, 3)
    noon = simulation.people_count(wall_us(out, clock("13:00"), config.zone))
    night = simulation.people_count(wall_us(out, clock("22:00"), config.zone))
    assert (noon, night) == (0, 2)


def test_a_party_fills_the_living_room_and_ends() -> None:
    config = two_people_and_a_cat()
    household = Household(config, 1)
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(90)]
    parties = [(day, v) for day in days if (v := household.visit(day)) is not None and v.party]
    assert len(parties) >= 2
    day, party = parties[0]
    assert day.weekday() == 5
    simulation = simulate(config, day, 2, 1)
    busy = simulation.people_at(wall_us(day, party.start + 120, config.zone))
    assert len(busy) >= 6
    assert Counter(busy.values())["living_room"] >= 2
    assert set(simulation.people_at(wall_us(day, party.end + 90, config.zone))) <= {"noor", "sam"}


def test_a_routine_changes_on_its_day() -> None:
    change = date(2026, 4, 6)
    changed = simulate(alarm_clock_home(routine_change_day=change), change - timedelta(days=14), 28, 1)
    before = {m for day, m in wakings(changed, "ada").items() if day < change and day.weekday() < 5}
    after = {m for day, m in wakings(changed, "ada").items() if day >= change and day.weekday() < 5}
    assert min(after) - max(before) > 90
    unchanged = simulate(alarm_clock_home(), change - timedelta(days=14), 28, 1)
    split_us = wall_us(change - timedelta(days=1), 0, changed.config.zone)
    assert [e for e in changed.events if e.time_us < split_us] == [
        e for e in unchanged.events if e.time_us < split_us
    ]


@pytest.mark.parametrize("preset", [demo_home, one_person, two_people_and_a_cat])
def test_every_preset_with_a_life_can_change_it(preset: object) -> None:
    assert callable(preset)
    change = date(2026, 4, 6)
    new = simulate(preset(routine_change_day=change), change, 7, 1)
    old = simulate(preset(), change, 7, 1)
    assert new.truth != old.truth


def test_people_sleep_at_night_and_weekends_are_later() -> None:
    simulation = simulate(replace(one_person(), trips=()), date(2026, 1, 5), 56, 2)
    got_up = wakings(simulation, "kim")
    weekday = [m for day, m in got_up.items() if day.weekday() < 5]
    weekend = [m for day, m in got_up.items() if day.weekday() >= 5]
    assert sum(weekend) / len(weekend) - sum(weekday) / len(weekday) > 45
    at_night = [
        simulation.people_at(
            wall_us(date(2026, 1, 5) + timedelta(days=n), clock("03:30"), simulation.config.zone)
        )
        for n in range(56)
    ]
    assert sum(where.get("kim") == "bedroom" for where in at_night) >= 53


def test_dropouts_end_and_hide_what_happened() -> None:
    config = demo_home()
    noisy = replace(
        config, devices=tuple(replace(d, dropouts_per_week=4) for d in config.devices), duplicates=0
    )
    simulation = simulate(noisy, date(2026, 3, 1), 14, 1)
    lost = Counter(e.entity_id for e in simulation.events if e.state == "unavailable")
    assert len(lost) == len(config.devices)
    for entity_id in lost:
        own = [e for e in simulation.events if e.entity_id == entity_id]
        for event, following in pairwise(own):
            if event.state == "unavailable":
                assert following.is_real
                assert following.time_us - event.time_us < 7 * HOUR_US
    plain = simulate(config, date(2026, 3, 1), 14, 1)
    assert simulation.truth == plain.truth
    assert any(e.state == "unavailable" for e in simulate(config, date(2026, 3, 1), 30, 1).events)


def test_chatter_comes_as_short_pulses_in_bursts() -> None:
    base = replace(one_person(), duplicates=0)
    calm = replace(
        base, devices=tuple(replace(d, chatter_per_day=0, dropouts_per_week=0) for d in base.devices)
    )
    motion = "binary_sensor.bedroom_motion"
    wild = replace(
        calm,
        devices=tuple(replace(d, chatter_per_day=160) if d.entity_id == motion else d for d in calm.devices),
    )

    def short(simulation: Simulation) -> list[int]:
        own = [e for e in simulation.events if e.entity_id == motion]
        return [a.time_us for a, b in pairwise(own) if b.time_us - a.time_us < 1_500_000]

    quiet, chatty = simulate(calm, date(2026, 3, 2), 10, 1), simulate(wild, date(2026, 3, 2), 10, 1)
    pulses = short(chatty)
    assert len(short(quiet)) <= 2
    assert 600 < len(pulses) < 900
    near = sum(b - a < 25_000_000 for a, b in pairwise(pulses))
    assert near > 0.7 * len(pulses)
    assert [e for e in quiet.events if e.entity_id != motion] == [
        e for e in chatty.events if e.entity_id != motion
    ]


def test_duplicates_arrive_unchanged() -> None:
    simulation = simulate(replace(demo_home(), duplicates=0.05), date(2026, 3, 2), 10, 1)
    twice = sum(one == two for one, two in pairwise(simulation.events))
    assert 0.03 < twice / len(simulation.events) < 0.07


def test_sensors_are_put_up_and_fail_on_their_day() -> None:
    config = one_person()
    up, broken = date(2026, 3, 5), date(2026, 3, 8)
    devices = tuple(
        replace(d, dropouts_per_week=0, installed=up)
        if d.entity_id == "binary_sensor.kitchen_motion"
        else replace(d, chatter_per_day=0, fails=broken, fails_as="on")
        if d.entity_id == "binary_sensor.living_room_motion"
        else d
        for d in config.devices
    )
    simulation = simulate(replace(config, devices=devices), date(2026, 3, 2), 12, 1)
    new = [e for e in simulation.events if e.entity_id == "binary_sensor.kitchen_motion"]
    stuck = [e for e in simulation.events if e.entity_id == "binary_sensor.living_room_motion"]
    noon_up, noon_broken = (wall_us(day, clock("12:00"), config.zone) for day in (up, broken))
    assert simulation.initial["binary_sensor.kitchen_motion"] == "unavailable"
    assert new[0].time_us == noon_up
    assert new[0].previous == "unavailable"
    assert len(new) > 50
    assert stuck[-1].time_us <= noon_broken
    assert stuck[-1].state == "on"
    late = simulate(replace(config, devices=devices), date(2026, 3, 12), 2, 1)
    assert late.initial["binary_sensor.living_room_motion"] == "on"
    assert late.initial["binary_sensor.kitchen_motion"] in {"on", "off"}


def test_lights_know_who_switched_them() -> None:
    simulation = simulate(demo_home(), date(2026, 1, 5), 21, 1)
    causes = Counter(
        (e.entity_id, e.cause) for e in simulation.events if e.entity_id.startswith("light.") and e.is_real
    )
    assert causes["light.kitchen", Cause.PERSON] > 20
    assert causes["light.kitchen", Cause.AUTOMATION] > 0
    assert causes["light.hallway", Cause.AUTOMATION] > 50
    assert causes["light.hallway", Cause.PERSON] == 0
    motion = {e.cause for e in simulation.events if e.entity_id.endswith("_motion") and e.state == "on"}
    assert Cause.DEVICE in motion
    assert Cause.PERSON not in motion


def test_it_is_dark_at_night_and_longer_in_winter() -> None:
    zone = demo_home().zone

    def dark_hours(day: date) -> int:
        return sum(is_dark(wall_us(day, 60.0 * hour, zone), zone, 52.0) for hour in range(24))

    assert is_dark(wall_us(date(2026, 6, 21), clock("01:00"), zone), zone, 52.0)
    assert not is_dark(wall_us(date(2026, 12, 21), clock("12:00"), zone), zone, 52.0)
    assert dark_hours(date(2026, 12, 21)) > 14
    assert dark_hours(date(2026, 6, 21)) < 9
