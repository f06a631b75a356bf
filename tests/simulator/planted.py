"""Routines planted in a SIMULATED home: ten kinds, three strengths, beside decoys that follow none.

The residents, their cat and their sensors are those of `two_people_and_a_cat`. Planted things and decoys stand beside
them, so what is true of them is known: a pattern about a decoy, or of another kind than was planted, is false.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from random import Random

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US, Cause, Event
from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.engine.localtime import LocalClock
from tests.simulator.clock import stream
from tests.simulator.presets import two_people_and_a_cat
from tests.simulator.simulation import simulate

_SECOND = MICROSECONDS
_AWAKE = (7 * 60, 23 * 60)
# Here stand the things that have no room of their own. They act while people are up, so that the room itself wakes
# with them: true, but not planted.
WORKSHOP = "workshop"


class Strength(StrEnum):
    """How often a planted routine is kept."""

    STRONG = "strong"
    MIDDLING = "middling"
    WEAK = "weak"


KEPT: Mapping[Strength, float] = {Strength.STRONG: 0.9, Strength.MIDDLING: 0.6, Strength.WEAK: 0.3}
KINDS = (
    "time_of_day", "co_occurrence", "sequence", "room_based", "duration", "anomaly", "session", "day_type",
    "contextual", "seasonal",
)  # fmt: skip
# What else is true where a kind was planted: a session is a busy hour too.
FOLLOWS: Mapping[str, frozenset[str]] = {
    "time_of_day": frozenset({"time_of_day"}),
    "co_occurrence": frozenset({"co_occurrence", "sequence"}),
    "sequence": frozenset({"co_occurrence", "sequence"}),
    "room_based": frozenset({"room_based", "session", "time_of_day"}),
    "duration": frozenset({"duration"}),
    "anomaly": frozenset({"anomaly"}),
    "session": frozenset({"room_based", "session", "time_of_day"}),
    "day_type": frozenset({"day_type"}),
    "contextual": frozenset({"contextual"}),
    "seasonal": frozenset({"seasonal"}),
}


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted routine.

    Attributes:
        kind: which detector is to find it.
        entities: all entities it is about.
        room_id: the room it has for itself, where it needs one.
        parameters: what exactly was planted.
    """

    kind: str
    strength: Strength
    entities: tuple[str, ...]
    room_id: str | None = None
    parameters: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class PlantedHome:
    """A home, what happened in it, and what was planted.

    Attributes:
        own: entities and rooms that are planted or decoys: what is found about others is neither true nor false.
    """

    home: Home
    events: tuple[Event, ...]
    planted: tuple[Planted, ...]
    own: frozenset[str]
    start_us: int
    end_us: int


@dataclass(slots=True)
class _Garden:
    """What grows: sensors and state changes, by entity."""

    clock: LocalClock
    days: list[date]
    seed: int
    sensors: list[Sensor]
    rooms: list[Room]
    changes: dict[str, list[tuple[int, str]]]
    planted: list[Planted]

    def rng(self, *keys: object) -> Random:
        return stream(self.seed, "planted", *keys)

    def at(self, day: date, minute: float) -> int:
        return self.clock.day_bounds(day)[0] + round(minute * MINUTE_US)

    def thing(self, entity_id: str, role: Role, room_id: str, device_class: str | None = None) -> str:
        self.sensors.append(Sensor(entity_id, role, room_id, device_class))
        self.changes[entity_id] = []
        return entity_id

    def room(self, room_id: str) -> str:
        self.rooms.append(Room(room_id, RoomKind.OTHER))
        return room_id

    def pulse(self, entity_id: str, on_us: int, lasting_s: float) -> None:
        self.changes[entity_id] += [(on_us, "on"), (on_us + max(round(lasting_s * _SECOND), _SECOND), "off")]

    def noise(self, entity_id: str, per_day: float, rng: Random, *, hours: tuple[int, int] = _AWAKE) -> None:
        """Acts without any routine, some a day, while people are up; on some days that is earlier or later."""
        for day in self.days:
            up = self.rng("up", day)
            shift = 0.0 if hours != _AWAKE else up.gauss(0, 45)
            begin, end = hours[0] + shift, min(hours[1] + shift, 1439)
            minute = begin + rng.expovariate(per_day) * (end - begin)
            while minute < end:
                self.pulse(entity_id, self.at(day, minute), rng.expovariate(1 / 1500) + 5)
                minute += rng.expovariate(per_day) * (end - begin)


def planted_home(days: int, seed: int, *, each: int = 2, start: date = date(2026, 2, 1)) -> PlantedHome:
    """All kinds but the seasonal one, `each` of every strength, in a home with people and a cat.

    Args:
        days: from four weeks on.
        seed: of people and plants.
        each: how many of every kind and strength.
        start: the first day.
    """
    config = two_people_and_a_cat()
    simulation = simulate(config, start, days, seed)
    garden = _garden(simulation.home.time_zone, start, days, seed)
    _decoys(garden)
    _weather(garden)
    for strength in Strength:
        for number in range(each):
            name = f"{strength.value}_{number}"
            for plant in (_time_of_day, _pair, _chain, _busy, _lasting, _odd, _bout, _weekend, _wet):
                plant(garden, name, strength)
    return _grown(garden, simulation.home, tuple(simulation.events))


def seasonal_home(days: int, seed: int, *, each: int = 3, start: date = date(2025, 1, 1)) -> PlantedHome:
    """The seasonal kind alone, over more than a year; without people, whose lives know no seasons."""
    garden = _garden("Europe/Berlin", start, days, seed)
    _decoys(garden)
    for strength in Strength:
        for number in range(each):
            _summer(garden, f"{strength.value}_{number}", strength)
    return _grown(garden, Home("Europe/Berlin", (), ()), ())


def _garden(time_zone: str, start: date, days: int, seed: int) -> _Garden:
    clock = LocalClock(time_zone)
    return _Garden(clock, [start + timedelta(days=n) for n in range(days)], seed, [], [], {}, [])


def _grown(garden: _Garden, home: Home, events: tuple[Event, ...]) -> PlantedHome:
    whole = Home(home.time_zone or "UTC", (*home.rooms, *garden.rooms), (*home.sensors, *garden.sensors))
    start_us = garden.clock.day_bounds(garden.days[0])[0]
    end_us = garden.clock.day_bounds(garden.days[-1])[1]
    grown = [event for entity_id in garden.changes for event in _events(entity_id, garden, start_us, end_us)]
    together = sorted((*events, *grown), key=lambda event: (event.time_us, event.entity_id))
    own = frozenset(garden.changes) | {room.room_id for room in garden.rooms} - {WORKSHOP}
    return PlantedHome(whole, tuple(together), tuple(garden.planted), own, start_us, end_us)


def _events(entity_id: str, garden: _Garden, start_us: int, end_us: int) -> Iterator[Event]:
    """Changes in order; what overlaps runs together."""
    state: str | None = None
    told = sorted(garden.changes[entity_id])
    if entity_id.startswith("weather."):
        spans = told
    else:
        spans = []
        until = -1
        for (on_us, _), (off_us, _) in sorted(
            (told_pair[0], told_pair[1]) for told_pair in _pairs(garden.changes[entity_id])
        ):
            if on_us <= until:
                continue
            spans += [(on_us, "on"), (off_us, "off")]
            until = off_us + 15 * _SECOND
    for time_us, now in spans:
        if start_us <= time_us < end_us and now != state:
            yield Event(time_us, entity_id, now, state or "off", cause=Cause.DEVICE)
            state = now


def _pairs(changes: list[tuple[int, str]]) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    return list(zip(changes[::2], changes[1::2], strict=True))


def _plant(
    garden: _Garden, kind: str, strength: Strength, *entities: str, room: str | None = None, **more: object
) -> None:
    garden.planted.append(Planted(kind, strength, entities, room, more))


def _decoys(garden: _Garden) -> None:
    """Things without a routine: lamps, switches, a door, and motion in rooms of its own."""
    room = garden.room(WORKSHOP)
    for number in range(4):
        for entity_id, role, per_day in (
            (f"light.decoy_{number}", Role.LIGHT, 1.0 + number),
            (f"switch.decoy_{number}", Role.ROUTINE_ONLY, 0.5 + number),
        ):
            garden.noise(garden.thing(entity_id, role, room), per_day, garden.rng(entity_id))
    door = garden.thing("binary_sensor.decoy_door", Role.DOOR, room, "door")
    garden.noise(door, 5.0, garden.rng(door))
    for number, per_day in enumerate((3.0, 8.0, 20.0)):
        other = garden.room(f"decoy_room_{number}")
        motion = garden.thing(f"binary_sensor.{other}_motion", Role.MOTION, other, "motion")
        garden.noise(motion, per_day, garden.rng(motion), hours=(0, 1440))


def _weather(garden: _Garden) -> None:
    """Dry and wet spells of some hours."""
    entity_id = "weather.home"
    garden.sensors.append(Sensor(entity_id, Role.ROUTINE_ONLY))
    rng = garden.rng(entity_id)
    time_us, wet = garden.at(garden.days[0], 0), False
    changes = []
    while time_us < garden.at(garden.days[-1], 1440):
        changes.append((time_us, "rainy" if wet else "sunny"))
        time_us += round((4 + rng.expovariate(1 / 8)) * 60 * MINUTE_US)
        wet = not wet
    garden.changes[entity_id] = changes


def _time_of_day(garden: _Garden, name: str, strength: Strength) -> None:
    room = garden.rooms[0].room_id
    entity_id = garden.thing(f"light.clock_{name}", Role.LIGHT, room)
    rng = garden.rng(entity_id)
    minute = rng.uniform(360, 1350)
    for day in garden.days:
        if rng.random() < KEPT[strength]:
            garden.pulse(entity_id, garden.at(day, minute + rng.gauss(0, 8)), rng.expovariate(1 / 1800) + 60)
    garden.noise(entity_id, 0.4, rng)
    _plant(garden, "time_of_day", strength, entity_id, minute=minute)


def _pair(garden: _Garden, name: str, strength: Strength) -> None:
    room = garden.rooms[0].room_id
    first = garden.thing(f"switch.first_{name}", Role.ROUTINE_ONLY, room)
    then = garden.thing(f"light.then_{name}", Role.LIGHT, room)
    rng = garden.rng(then)
    garden.noise(first, 2.0, rng)
    for on_us, state in list(garden.changes[first]):
        if state == "on" and rng.random() < KEPT[strength]:
            garden.pulse(then, on_us + round(rng.uniform(4, 50) * _SECOND), rng.expovariate(1 / 1500) + 60)
    garden.noise(then, 0.5, rng)
    _plant(garden, "co_occurrence", strength, first, then)


def _chain(garden: _Garden, name: str, strength: Strength) -> None:
    room = garden.rooms[0].room_id
    things = [
        garden.thing(f"{domain}.step_{number}_{name}", role, room)
        for number, (domain, role) in enumerate(
            (("switch", Role.ROUTINE_ONLY), ("light", Role.LIGHT), ("media_player", Role.MEDIA))
        )
    ]
    rng = garden.rng(things[-1])
    garden.noise(things[0], 1.5, rng)
    for on_us, state in list(garden.changes[things[0]]):
        # The whole chain is kept, or left after its first step.
        if state == "on" and rng.random() < KEPT[strength]:
            time_us = on_us
            for thing in things[1:]:
                time_us += round(rng.uniform(100, 240) * _SECOND)
                garden.pulse(thing, time_us, rng.expovariate(1 / 1500) + 600)
    for thing in things[1:]:
        garden.noise(thing, 0.3, rng)
    _plant(garden, "sequence", strength, *things)


def _busy(garden: _Garden, name: str, strength: Strength) -> None:
    room = garden.room(f"studio_{name}")
    entity_id = garden.thing(f"binary_sensor.{room}_motion", Role.MOTION, room, "motion")
    rng = garden.rng(entity_id)
    hour = rng.randrange(8, 21)
    for day in garden.days:
        if rng.random() < KEPT[strength]:
            for _ in range(3):
                garden.pulse(entity_id, garden.at(day, 60 * hour + rng.uniform(2, 58)), rng.uniform(10, 40))
    garden.noise(entity_id, 1.0, rng)
    _plant(garden, "room_based", strength, entity_id, room=room, hour=hour)


def _lasting(garden: _Garden, name: str, strength: Strength) -> None:
    room = garden.rooms[0].room_id
    entity_id = garden.thing(f"switch.fan_{name}", Role.ROUTINE_ONLY, room)
    rng = garden.rng(entity_id)
    median = rng.uniform(400, 4000)
    for day in garden.days:
        minute = rng.uniform(*_AWAKE)
        same = rng.random() < KEPT[strength]
        lasting = median * rng.gauss(1, 0.05) if same else rng.expovariate(1 / 1800) + 20
        garden.pulse(entity_id, garden.at(day, minute), lasting)
    _plant(garden, "duration", strength, entity_id, median_s=median)


def _odd(garden: _Garden, name: str, strength: Strength) -> None:
    """About fifteen acts a day; within the last week one day without any, with a third, or with half of them."""
    room = garden.rooms[0].room_id
    entity_id = garden.thing(f"binary_sensor.box_{name}", Role.OPENING, room, "opening")
    rng = garden.rng(entity_id)
    garden.noise(entity_id, 15.0, rng)
    day = garden.days[-1 - rng.randrange(6)]
    begin, end = garden.at(day, 0), garden.at(day, 1440)
    left = {Strength.STRONG: 0.0, Strength.MIDDLING: 0.12, Strength.WEAK: 0.5}[strength]
    kept = [
        pair
        for pair in _pairs(garden.changes[entity_id])
        if not begin <= pair[0][0] < end or rng.random() < left
    ]
    garden.changes[entity_id] = [change for pair in kept for change in pair]
    _plant(garden, "anomaly", strength, entity_id, date=day.isoformat())


def _bout(garden: _Garden, name: str, strength: Strength) -> None:
    room = garden.room(f"den_{name}")
    motion = garden.thing(f"binary_sensor.{room}_motion", Role.MOTION, room, "motion")
    rng = garden.rng(motion)
    minute = rng.uniform(480, 1200)
    for day in garden.days:
        if rng.random() < KEPT[strength]:
            time = minute + rng.gauss(0, 8)
            end = time + rng.uniform(60, 100)
            while time < end:
                garden.pulse(motion, garden.at(day, time), rng.uniform(5, 30))
                time += rng.uniform(6, 14)
    garden.noise(motion, 1.0, rng)
    _plant(garden, "session", strength, motion, room=room, minute=minute)


def _on_such_days(
    garden: _Garden, entity_id: str, often: float, seldom: float, is_such: Callable[[date], bool]
) -> str:
    """A switch that is used on such days often, on others seldom, at any hour."""
    garden.thing(entity_id, Role.ROUTINE_ONLY, garden.rooms[0].room_id)
    rng = garden.rng(entity_id)
    for day in garden.days:
        if rng.random() < (often if is_such(day) else seldom):
            garden.pulse(entity_id, garden.at(day, rng.uniform(*_AWAKE)), rng.expovariate(1 / 1500) + 30)
    return entity_id


def _weekend(garden: _Garden, name: str, strength: Strength) -> None:
    entity_id = _on_such_days(
        garden, f"switch.weekend_{name}", KEPT[strength], 0.08, lambda day: day.weekday() >= 5
    )
    _plant(garden, "day_type", strength, entity_id, day_type="weekend")


def _wet(garden: _Garden, name: str, strength: Strength) -> None:
    """Acts at any time of the day; of those in dry weather only the share that does not keep to the routine."""
    room = garden.rooms[0].room_id
    entity_id = garden.thing(f"switch.pump_{name}", Role.ROUTINE_ONLY, room)
    rng = garden.rng(entity_id)
    garden.noise(entity_id, 2.5, rng, hours=(0, 1440))
    weather = garden.changes["weather.home"]
    kept = []
    for pair in _pairs(garden.changes[entity_id]):
        told = [state for time_us, state in weather if time_us <= pair[0][0]]
        if told[-1] == "rainy" or rng.random() > KEPT[strength]:
            kept += list(pair)
    garden.changes[entity_id] = kept
    _plant(garden, "contextual", strength, entity_id, context="wet")


def _summer(garden: _Garden, name: str, strength: Strength) -> None:
    entity_id = _on_such_days(
        garden, f"switch.summer_{name}", KEPT[strength], 0.05, lambda day: day.month in (6, 7, 8)
    )
    _plant(garden, "seasonal", strength, entity_id, season="summer")


def without_cause(home: PlantedHome) -> PlantedHome:
    """The same, as an import would tell it: nobody knows who did what."""
    return replace(home, events=tuple(replace(event, cause=Cause.UNKNOWN) for event in home.events))
