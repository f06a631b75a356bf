"""Days with a planted habit, told as events; and the pattern that a detector would make of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from custom_components.occupancy_ml.engine.events import Cause, Event, to_us
from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.engine.routines.patterns import (
    EVERY_DAY,
    Act,
    Life,
    Pattern,
    PatternType,
    Statistics,
    When,
)
from custom_components.occupancy_ml.engine.store import Store

ZONE = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 3, 2)
DAYS = 28
NOW_US = to_us(datetime.combine(MONDAY + timedelta(days=DAYS), time(3), ZONE))
"""The night after the days, also after the clocks went forward on March 29."""

LAMP = "light.living_lamp"
MOTION = "binary_sensor.hall_motion"
HALL_LIGHT = "light.hall"
FAN = "fan.bathroom"
PLAYER = "media_player.kitchen"
DOOR = "cover.garage"
ADA = "person.ada"

HOME = Home(
    "Europe/Berlin",
    (Room("living", RoomKind.LIVING), Room("hall", RoomKind.PASSAGE), Room("kitchen", RoomKind.KITCHEN)),
    (
        Sensor(LAMP, Role.LIGHT, "living"),
        Sensor(MOTION, Role.MOTION, "hall", "motion"),
        Sensor(HALL_LIGHT, Role.LIGHT, "hall"),
        Sensor(FAN, Role.ROUTINE_ONLY, "hall"),
        Sensor(PLAYER, Role.MEDIA, "kitchen"),
        Sensor(DOOR, Role.ROUTINE_ONLY, None, "garage"),
        Sensor(ADA, Role.PERSON),
    ),
)


def local(day: int, hour: int, minute: int = 0, second: int = 0) -> int:
    """A local time, so many days after the first Monday."""
    moment = datetime.combine(MONDAY + timedelta(days=day), time(hour, minute, second), ZONE)
    return to_us(moment.astimezone(UTC))


def event(time_us: int, entity_id: str, state: str, cause: Cause = Cause.PERSON) -> Event:
    return Event(time_us, entity_id, state, cause=cause)


def every_evening(
    entity_id: str = LAMP, *, skipped: tuple[int, ...] = (), cause: Cause = Cause.PERSON
) -> list[Event]:
    """On between 19:02 and 19:08, off at 23:00; but for some days."""
    found = [event(local(0, 0), entity_id, "off", Cause.UNKNOWN)]
    for day in range(DAYS):
        if day not in skipped:
            found.append(event(local(day, 19, 2 + day % 7), entity_id, "on", cause))
            found.append(event(local(day, 23), entity_id, "off"))
    return found


def pattern(kind: PatternType = PatternType.TIME_OF_DAY, **changes: Any) -> Pattern:
    """The lamp goes on at about seven in the evening; or something else."""
    fields: dict[str, Any] = {
        "key": f"{kind.value}|{changes.get('action', LAMP)}",
        "pattern_type": kind,
        "entities": (LAMP,),
        "statistics": Statistics(3.0, 26, 28, 26, 0.93, 0.77, 0.98, 0.01),
        "description": "light.living_lamp turns on at about 19:05",
        "first_seen": MONDAY.isoformat(),
        "last_seen": (MONDAY + timedelta(days=DAYS - 1)).isoformat(),
        "action": Act(LAMP, "on"),
        "when": When(19 * 60 + 5, 5.0, (19,), EVERY_DAY),
        "life": Life.STABLE,
    }
    return Pattern(**(fields | changes))


def fill(store: Store, *events: list[Event]) -> None:
    told = [each for found in events for each in found]
    roles = {sensor.entity_id: (sensor.role, sensor.room_id) for sensor in HOME.sensors}
    store.events.append(told, roles)
