"""What the tests of the engine share: small homes, events by the second, and a life played minute by minute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US, Cause, Event, to_us
from custom_components.occupancy_ml.engine.features import FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.replay import NOT_NOW
from custom_components.occupancy_ml.engine.senses import ACTIVITY_ROLES
from custom_components.occupancy_ml.engine.snapshot import Snapshot

START_US = to_us(datetime(2026, 3, 2, 8, tzinfo=UTC))
"""A Monday morning."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A correction to be given at a moment."""

    known_us: int
    room_id: str
    start_us: int
    end_us: int
    occupied: bool


def flat(*, exit_door: bool = True, persons: bool = False, zone: str = "Europe/Berlin") -> Home:
    """A hall (with the front door), a kitchen and a bedroom with a bed mat."""
    sensors = [
        Sensor("binary_sensor.hall_motion", Role.MOTION, "hall", "motion"),
        Sensor("binary_sensor.kitchen_motion", Role.MOTION, "kitchen", "motion"),
        Sensor("binary_sensor.bedroom_motion", Role.MOTION, "bedroom", "motion"),
        Sensor("binary_sensor.bed", Role.PRESENCE, "bedroom", "occupancy"),
        Sensor("light.kitchen", Role.LIGHT, "kitchen"),
        Sensor("media_player.kitchen", Role.MEDIA, "kitchen"),
        Sensor("binary_sensor.kettle", Role.APPLIANCE, "kitchen", "running"),
        Sensor("binary_sensor.bedroom_door", Role.DOOR, "bedroom", "door"),
        Sensor("sensor.bedroom_co2", Role.ENVIRONMENT, "bedroom", "carbon_dioxide"),
        Sensor("sensor.bedroom_temperature", Role.ENVIRONMENT, "bedroom", "temperature"),
    ]
    if exit_door:
        sensors.append(Sensor("binary_sensor.front_door", Role.EXIT_DOOR, "hall", "door"))
    if persons:
        sensors += [Sensor("person.ada", Role.PERSON), Sensor("person.bo", Role.PERSON)]
    rooms = (
        Room("hall", RoomKind.PASSAGE),
        Room("kitchen", RoomKind.KITCHEN),
        Room("bedroom", RoomKind.BEDROOM),
    )
    return Home(zone, rooms, tuple(sensors))


def at(seconds: float, entity_id: str, state: str, *, cause: Cause = Cause.UNKNOWN) -> Event:
    """An event so many seconds after START_US."""
    return Event(START_US + round(seconds * MICROSECONDS), entity_id, state, cause=cause)


def pulse(seconds: float, room: str, lasting: float = 30.0) -> list[Event]:
    """The motion sensor of a room of `flat` goes on and off."""
    entity_id = f"binary_sensor.{room}_motion"
    return [at(seconds, entity_id, "on"), at(seconds + lasting, entity_id, "off")]


def at_rest(home: Home, time_us: int) -> list[Event]:
    """Every sensor that notices people says that it is off, as Home Assistant tells all states at the start."""
    roles = ACTIVITY_ROLES | {Role.EXIT_DOOR}
    return [Event(time_us, sensor.entity_id, "off") for sensor in home.sensors if sensor.role in roles]


def minutes(start_us: int, end_us: int) -> Iterator[int]:
    """The full minutes after start up to end."""
    yield from range((start_us // MINUTE_US + 1) * MINUTE_US, end_us + 1, MINUTE_US)


def play(
    engine: Engine,
    events: Sequence[Event],
    start_us: int,
    end_us: int,
    *,
    marked: Iterable[Marked] = (),
    nights: Iterable[int] = (),
    before_tick: Callable[[int], Engine] | None = None,
    now_only: bool = False,
) -> list[Snapshot]:
    """Live from start to end: what happened in a minute, what a person marked, a tick, perhaps a night.

    Args:
        engine: to be used.
        events: by time; those of (start, end] are ingested with the first tick not before them.
        start_us: begin.
        end_us: end.
        marked: corrections.
        nights: moments from which on the night's work is due.
        before_tick: given the moment, may close and open the engine; returns the one to go on with.
        now_only: leave out what who is there now does not depend on, which takes half of the time.
    """
    given = sorted(marked, key=lambda mark: mark.known_us)
    due = sorted(nights)
    coming = [event for event in events if start_us < event.time_us <= end_us]
    shown, done = [], 0
    for now_us in minutes(start_us, end_us):
        if before_tick is not None:
            engine = before_tick(now_us)
        begin = done
        while done < len(coming) and coming[done].time_us <= now_us:
            done += 1
        if done > begin:
            engine.ingest(coming[begin:done])
        while given and given[0].known_us <= now_us:
            mark = given.pop(0)
            engine.relabel(mark.room_id, mark.start_us, mark.end_us, mark.occupied, now_us, "tester")
        shown.append(engine.tick(now_us, forecasts=not now_only))
        while due and due[0] <= now_us:
            due.pop(0)
            list(engine.night(now_us, without=NOT_NOW if now_only else ()))
    return shown


def live(
    path: Path,
    home: Home,
    events: Sequence[Event],
    start_us: int,
    end_us: int,
    *,
    marked: Iterable[Marked] = (),
    nights: Iterable[int] = (),
    now_only: bool = False,
) -> tuple[list[Snapshot], Engine]:
    """`play` in a new file; the engine is left open."""
    engine = Engine.open(path, home, start_us, durable=False)
    return play(engine, events, start_us, end_us, marked=marked, nights=nights, now_only=now_only), engine


def rows_of(
    engine: Engine, until_us: int
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]]:
    """By room: window ends, activity and vectors of the rows of windows that ended by a moment."""
    found = {}
    for room in engine.home.rooms:
        table = engine.store.features.read(room.room_id, 0, until_us, FEATURE_SET_VERSION)
        found[room.room_id] = (table.window_end_us, table.activity, table.vectors)
    return found


def same_rows(one: Engine, other: Engine, until_us: int) -> bool:
    """Whether two engines stored the very same rows up to a moment."""
    left, right = rows_of(one, until_us), rows_of(other, until_us)
    return left.keys() == right.keys() and all(
        np.array_equal(left[room][0], right[room][0])
        and np.array_equal(left[room][1], right[room][1])
        and np.array_equal(left[room][2], right[room][2], equal_nan=True)
        for room in left
    )
