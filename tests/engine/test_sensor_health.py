"""Broken sensors are found on simulated homes, and whole ones left alone. SIMULATED: no claim about real homes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
import json
from pathlib import Path

import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US, Event
from custom_components.occupancy_ml.engine.home import Home, Role, Room, Sensor
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.sensor_health import HOUR_US, SensorHealth
from custom_components.occupancy_ml.engine.snapshot import Fault
from tests.engine.living import START_US, at, flat, play
from tests.simulator import Simulation, demo_home, one_person, simulate
from tests.simulator.config import SimulatedHomeConfig

FIRST = date(2026, 3, 2)
BROKEN = FIRST + timedelta(days=21)
DAYS = 42


def watch(
    home: Home, events: Sequence[Event], end_us: int, health: SensorHealth | None = None
) -> tuple[SensorHealth, dict[tuple[str, Fault], int]]:
    """Let a home's sensors be watched; all faults ever told, by the time they were."""
    health = health or SensorHealth(home)
    found: dict[tuple[str, Fault], int] = {}
    hour = events[0].time_us // HOUR_US
    for event in [*events, Event(end_us, "", "")]:
        while hour < event.time_us // HOUR_US:
            hour += 1
            health.advance(hour * HOUR_US)
            for fault in health.faults():
                found.setdefault((fault.entity_id, fault.fault), hour * HOUR_US)
        health.see(event)
    return health, found


def lived(config: SimulatedHomeConfig, days: int = DAYS, **broken: str) -> Simulation:
    """Days of a home in which some devices (by the end of their id) fail in the middle."""
    devices = tuple(
        replace(device, fails=BROKEN, fails_as=broken[name])
        if (name := device.entity_id.split(".")[1]) in broken
        else device
        for device in config.devices
    )
    return simulate(replace(config, devices=devices), FIRST, days, 5)


@pytest.fixture(scope="module")
def holiday() -> Simulation:
    """A home that is left for two weeks."""
    start = FIRST + timedelta(days=20)
    config = replace(demo_home(), holidays=((start, start + timedelta(days=13)),), pets=())
    return simulate(config, FIRST, DAYS, 5)


def test_whole_sensors_are_left_alone_on_holiday_too(holiday: Simulation) -> None:
    _, found = watch(holiday.home, holiday.events, holiday.end_us)
    assert found == {}


def test_what_breaks_is_found_and_nothing_else() -> None:
    simulated = lived(
        demo_home(),
        kitchen_motion="off",
        living_room_motion="on",
        office_presence="on",
        bathroom_door="unavailable",
        bedroom_carbon_dioxide="612",
    )
    health, found = watch(simulated.home, simulated.events, simulated.end_us)
    broken_us = simulated.start_us + 21 * DAY_US
    days = {key: (time_us - broken_us) / DAY_US for key, time_us in found.items()}
    assert days.keys() == {
        ("binary_sensor.kitchen_motion", Fault.SILENT),
        ("binary_sensor.living_room_motion", Fault.STUCK),
        ("binary_sensor.office_presence", Fault.STUCK),
        ("binary_sensor.bathroom_door", Fault.UNAVAILABLE),
        ("sensor.bedroom_carbon_dioxide", Fault.SILENT),
    }
    assert all(0.5 < day < 9 for day in days.values())
    assert health.ignored == {entity_id for entity_id, _ in found}
    # A restart forgets nothing, and what speaks again is believed again.
    again = SensorHealth(simulated.home)
    again.restore(json.loads(json.dumps(health.to_json())))
    assert again.faults() == health.faults()
    for entity_id, state in (
        ("binary_sensor.kitchen_motion", "on"),
        ("binary_sensor.living_room_motion", "off"),
    ):
        again.see(Event(simulated.end_us + MINUTE_US, entity_id, state))
        assert entity_id not in again.ignored


def test_a_sensor_that_is_back_is_not_blamed_for_the_days_it_was_gone() -> None:
    simulated = lived(demo_home())
    sensor = "binary_sensor.kitchen_motion"
    gone_us = simulated.start_us + 21 * DAY_US
    back_us = gone_us + 16 * DAY_US + 2 * HOUR_US  # at night: nobody passes it
    events = [
        e
        for e in simulated.events
        if e.entity_id != sensor or not gone_us <= e.time_us < back_us + 3 * HOUR_US
    ]
    events += [Event(gone_us, sensor, "unavailable"), Event(back_us, sensor, "off")]
    events.sort(key=lambda event: event.time_us)
    _, found = watch(simulated.home, events, simulated.end_us)
    assert found.keys() == {(sensor, Fault.UNAVAILABLE)}


def test_a_room_with_one_sensor_is_judged_by_the_home() -> None:
    config = one_person()
    alone = replace(
        config,
        devices=tuple(d for d in config.devices if "kitchen" not in d.entity_id or "motion" in d.entity_id),
    )
    simulated = lived(alone, kitchen_motion="off")
    _, found = watch(simulated.home, simulated.events, simulated.end_us)
    assert found.keys() == {("binary_sensor.kitchen_motion", Fault.SILENT)}


def test_a_room_used_seldom_or_in_summer_only_is_not_broken() -> None:
    """A guest room every third week; a terrace daily for two months, then less and less, then not at all."""
    home = Home(
        "Europe/Berlin",
        (Room("guest"), Room("terrace"), Room("hall")),
        (
            Sensor("binary_sensor.guest", Role.MOTION, "guest"),
            Sensor("light.guest", Role.LIGHT, "guest"),
            Sensor("binary_sensor.terrace", Role.MOTION, "terrace"),
            Sensor("light.terrace", Role.LIGHT, "terrace"),
            Sensor("binary_sensor.hall", Role.MOTION, "hall"),
        ),
    )
    events = []
    for day in range(200):
        for hour in range(7, 23):
            for minute in (0, 10, 20, 30):
                begin_us = START_US + day * DAY_US + (hour * 60 + minute) * MINUTE_US
                rooms = ["hall"]
                rooms += ["guest"] if day % 21 < 2 else []
                rooms += ["terrace"] if day < 60 or (day < 100 and day % 7 == 0) else []
                for room in rooms:
                    events += [
                        Event(begin_us, f"binary_sensor.{room}", "on"),
                        Event(begin_us + MINUTE_US, f"binary_sensor.{room}", "off"),
                    ]
    events.sort(key=lambda event: event.time_us)
    _, found = watch(home, events, START_US + 200 * DAY_US)
    assert found == {}


def test_a_sensor_that_will_not_be_still_is_not_believed_until_it_is() -> None:
    home = flat()
    entity_id = "binary_sensor.hall_motion"
    flapping = [at(3600 + 5 * n, entity_id, "on" if n % 2 == 0 else "off") for n in range(1400)]
    health, found = watch(home, flapping, START_US + 3 * HOUR_US)
    assert found.keys() == {(entity_id, Fault.RESTLESS)}
    health, _ = watch(home, [at(3.5 * 3600, entity_id, "on")], START_US + 5 * HOUR_US, health)
    assert health.ignored == frozenset()


def test_a_sensor_that_is_not_believed_moves_nothing(tmp_path: Path) -> None:
    """A hall sensor that fires every few seconds all night does not put anybody into the hall."""
    events = [at(5 * n, "binary_sensor.hall_motion", "on" if n % 2 == 0 else "off") for n in range(7200)]
    engine = Engine.open(tmp_path / "home.db", flat(), START_US, durable=False)
    shown = play(engine, events, START_US, START_US + 4 * HOUR_US)
    (fault,) = shown[-1].faults
    assert fault.fault is Fault.RESTLESS
    heard = engine.tracker.windows.activity(60)
    assert heard.tolist() == [0, 0, 0]
    engine.close()


def test_a_sensor_that_was_stuck_for_long_is_found_again_soon() -> None:
    """However long it was stuck, or on while nobody listened, is not how long it may be on."""
    home, motion = flat(), "binary_sensor.kitchen_motion"
    health = SensorHealth(home)
    busy = [Event(START_US + n * HOUR_US, motion, ("on", "off")[n % 2]) for n in range(6)]
    health, _ = watch(
        home, [*busy, Event(START_US + 6 * HOUR_US, motion, "on")], START_US + 9 * DAY_US, health
    )
    assert [fault.fault for fault in health.faults()] == [Fault.STUCK]
    mended_us = START_US + 9 * DAY_US + HOUR_US
    again = [Event(mended_us, motion, "off"), Event(mended_us + HOUR_US, motion, "on")]
    _, found = watch(home, again, mended_us + DAY_US, health)
    assert found[motion, Fault.STUCK] - again[1].time_us <= 17 * HOUR_US
    deaf = SensorHealth(home)
    deaf.see(Event(START_US, motion, "on"))
    deaf.advance(START_US + HOUR_US)
    deaf.skip(START_US + 5 * DAY_US)
    deaf.advance(START_US + 5 * DAY_US + HOUR_US)
    assert deaf.faults() == ()
    _, found = watch(
        home, [Event(START_US + 5 * DAY_US + HOUR_US, motion, "off"), *again], mended_us + DAY_US, deaf
    )
    assert found[motion, Fault.STUCK] - again[1].time_us <= 5 * HOUR_US
