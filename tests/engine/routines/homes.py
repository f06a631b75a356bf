"""What the tests of routines share: a home of lamps and switches, stores that hold its events, all that is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US, Cause, Event
from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.routines import Routines
from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.routines import PERIOD

ZONE = "Europe/Berlin"
CLOCK = LocalClock(ZONE)
FIRST = date(2026, 3, 2)
"""A Monday; the clocks change on the 29th."""

HOME = Home(
    ZONE,
    (Room("hall", RoomKind.PASSAGE), Room("den", RoomKind.LIVING)),
    (
        Sensor("binary_sensor.hall_motion", Role.MOTION, "hall", "motion", "dev_hall"),
        Sensor("binary_sensor.den_motion", Role.MOTION, "den", "motion"),
        Sensor("light.hall", Role.LIGHT, "hall"),
        Sensor("light.den", Role.LIGHT, "den", None, "dev_lamp"),
        Sensor("switch.den_socket", Role.ROUTINE_ONLY, "den", None, "dev_lamp"),
        Sensor("switch.coffee", Role.ROUTINE_ONLY, "den"),
        Sensor("media_player.tv", Role.MEDIA, "den"),
        Sensor("sensor.outside", Role.ENVIRONMENT, "hall", "temperature"),
        Sensor("person.ada", Role.PERSON),
    ),
)
ROLES = {s.entity_id: (s.role, s.room_id) for s in HOME.sensors}


def at(day: date, minute: float) -> int:
    """So many minutes after a local day began."""
    return CLOCK.day_bounds(day)[0] + round(minute * MINUTE_US)


def pulse(
    entity_id: str,
    on_us: int,
    seconds: float,
    cause: Cause = Cause.DEVICE,
    states: tuple[str, str] = ("on", "off"),
) -> list[Event]:
    """Something goes on, and off again."""
    on, off = states
    return [
        Event(on_us, entity_id, on, off, cause=cause),
        Event(on_us + round(seconds * MICROSECONDS), entity_id, off, on, cause=cause),
    ]


def month_of_habits(days: int, seed: int = 1) -> list[Event]:
    """Coffee at 06:40, the den's lamp half a minute after the hall's, the television at chance."""
    rng = Random(seed)
    events: list[Event] = []
    for number in range(days):
        day = FIRST + timedelta(days=number)
        if rng.random() < 0.9:
            events += pulse("switch.coffee", at(day, 400 + rng.gauss(0, 5)), 600)
        for _ in range(2):
            on_us = at(day, rng.uniform(500, 1300))
            events += pulse("light.hall", on_us, rng.uniform(300, 3000))
            events += pulse(
                "light.den", on_us + round(rng.uniform(20, 40) * MICROSECONDS), rng.uniform(300, 3000)
            )
        events += pulse(
            "media_player.tv",
            at(day, rng.uniform(450, 1350)),
            rng.expovariate(1 / 2000) + 30,
            states=("playing", "idle"),
        )
        for _ in range(4):
            events += pulse("binary_sensor.hall_motion", at(day, rng.uniform(400, 1380)), 20)
    return ordered(events)


def ordered(events: Iterable[Event]) -> list[Event]:
    """By time, then entity."""
    return sorted(events, key=lambda event: (event.time_us, event.entity_id))


def store_with(path: Path, events: Sequence[Event], home: Home = HOME) -> Store:
    """A store that holds events."""
    store = Store.open(path, 0)
    keep(store, events, home)
    return store


def keep(store: Store, events: Sequence[Event], home: Home = HOME) -> None:
    """Put more events into a store."""
    store.events.append(events, {s.entity_id: (s.role, s.room_id) for s in home.sensors})


def night_after(day: date) -> int:
    """Three in the morning after a local day."""
    return at(day + timedelta(days=1), 180)


def routines_of(store: Store, home: Home = HOME) -> Routines:
    """The routines of a home."""
    return Routines(store, home, LocalClock(home.time_zone))


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all aggregates."""
    return {table: store.database.all(f"SELECT * FROM {table}") for table in PERIOD}
