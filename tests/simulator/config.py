"""What a simulated home is made of: rooms, devices, people, pets and what happens to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from zoneinfo import ZoneInfo

from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor

AWAY = "away"


class DeviceKind(StrEnum):
    """How a simulated device reacts to people."""

    PIR = "pir"
    MMWAVE = "mmwave"
    BED = "bed"
    DOOR = "door"
    LIGHT = "light"
    MEDIA = "media"
    APPLIANCE = "appliance"
    TEMPERATURE = "temperature"
    CARBON_DIOXIDE = "carbon_dioxide"
    PHONE = "phone"


_ROLES = {
    DeviceKind.PIR: (Role.MOTION, "motion"),
    DeviceKind.MMWAVE: (Role.PRESENCE, "occupancy"),
    DeviceKind.BED: (Role.PRESENCE, "occupancy"),
    DeviceKind.DOOR: (Role.DOOR, "door"),
    DeviceKind.LIGHT: (Role.LIGHT, None),
    DeviceKind.MEDIA: (Role.MEDIA, None),
    DeviceKind.APPLIANCE: (Role.APPLIANCE, "running"),
    DeviceKind.TEMPERATURE: (Role.ENVIRONMENT, "temperature"),
    DeviceKind.CARBON_DIOXIDE: (Role.ENVIRONMENT, "carbon_dioxide"),
    DeviceKind.PHONE: (Role.PERSON, None),
}


@dataclass(frozen=True, slots=True)
class RoomSpec:
    """One room.

    Attributes:
        leads_to: neighbouring rooms; one direction is enough.
        outer: whether the way out of the home starts here.
    """

    room_id: str
    kind: RoomKind
    leads_to: tuple[str, ...] = ()
    outer: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """One simulated entity.

    Attributes:
        room_id: its room, None for a phone.
        hold_s: seconds a motion or presence sensor stays on after the last it saw.
        sensitivity: share of human movements that a motion sensor sees.
        pet_sensitivity: the same for a pet.
        leads_to: what is behind a door: a room, or `AWAY` for an outer door.
        person: whose bed or phone it is.
        activities: during which activities an appliance or a media player runs.
        automated: whether a light is switched by an automation on motion, not by people.
        windowless: whether a light's room is dark by day too.
        chatter_per_day: short false toggles a day, in bursts.
        dropouts_per_week: stretches of `unavailable` a week.
        installed: silent before noon of this day.
        fails: from noon of this day it stays in `fails_as` for good.
    """

    entity_id: str
    kind: DeviceKind
    room_id: str | None = None
    hold_s: float = 60.0
    sensitivity: float = 0.9
    pet_sensitivity: float = 0.25
    leads_to: str | None = None
    person: str | None = None
    activities: frozenset[str] = frozenset()
    automated: bool = False
    windowless: bool = False
    chatter_per_day: float = 0.0
    dropouts_per_week: float = 0.0
    installed: date | None = None
    fails: date | None = None
    fails_as: str = "off"

    @property
    def sensor(self) -> Sensor:
        """The same entity in the words of the engine."""
        role, device_class = _ROLES[self.kind]
        if self.kind is DeviceKind.DOOR and self.leads_to == AWAY:
            role = Role.EXIT_DOOR
        return Sensor(self.entity_id, role, self.room_id, device_class)


@dataclass(frozen=True, slots=True)
class DayShape:
    """One kind of day of a person, in minutes since midnight (`clock`).

    Attributes:
        leave: when work starts to take the person, None on a free day.
        back: when it ends; above 1440 means the next morning.
        desk: the room the person works in; None: somewhere outside.
    """

    wake: float
    bed: float
    leave: float | None = None
    back: float | None = None
    desk: str | None = None


@dataclass(frozen=True, slots=True)
class Routine:
    """A week of a person: days of work (Monday is 0) and free ones."""

    work: DayShape
    free: DayShape
    weekdays: frozenset[int] = frozenset(range(5))

    def shape(self, day: date) -> DayShape:
        """What kind of day `day` is."""
        return self.work if day.weekday() in self.weekdays else self.free


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who lives here.

    Attributes:
        spread: every clock time of the routine lies within this many minutes (two standard deviations).
        outings: probability of an errand or an evening out on a day without other plans.
        roaming: how restless free time is; 0 means staying in the living room.
        changes: routines that replace the first from their day on, in order.
    """

    name: str
    bedroom: str
    routine: Routine
    spread: float = 40.0
    outings: float = 0.4
    roaming: float = 1.0
    changes: tuple[tuple[date, Routine], ...] = ()

    def shape(self, day: date) -> DayShape:
        """What kind of day `day` is, after the changes that came before it."""
        routine = self.routine
        for first, changed in self.changes:
            if day >= first:
                routine = changed
        return routine.shape(day)


@dataclass(frozen=True, slots=True)
class Pet:
    """An animal that is never out and may be in any of its rooms."""

    name: str
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trip:
    """Everybody is away for `length` days (1: a day out), once in every `every` days, on random days."""

    every: int
    length: int


@dataclass(frozen=True, slots=True)
class SimulatedHomeConfig:
    """A whole simulated home.

    Attributes:
        name: for folders and titles; always shown together with the word "simulated".
        visits_per_week: how often one to three guests come.
        party_every: days between parties (on Saturdays), None for none.
        trips: absences that recur; `holidays` are absences on dates (first and last day).
        duplicates: share of events that arrive twice.
        latitude: degrees north, for darkness.
    """

    name: str
    time_zone: str
    rooms: tuple[RoomSpec, ...]
    devices: tuple[Device, ...]
    people: tuple[Person, ...]
    pets: tuple[Pet, ...] = ()
    visits_per_week: float = 0.0
    party_every: int | None = None
    trips: tuple[Trip, ...] = ()
    holidays: tuple[tuple[date, date], ...] = ()
    duplicates: float = 0.0
    latitude: float = 52.0

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the people's clocks."""
        return ZoneInfo(self.time_zone)

    @property
    def home(self) -> Home:
        """The home in the words of the engine."""
        rooms = tuple(Room(room.room_id, room.kind) for room in self.rooms)
        return Home(self.time_zone, rooms, tuple(device.sensor for device in self.devices))

    @property
    def adjacency(self) -> dict[str, frozenset[str]]:
        """Neighbours of each room, both ways, without the outside."""
        near: dict[str, set[str]] = {room.room_id: set() for room in self.rooms}
        for room in self.rooms:
            for other in room.leads_to:
                near[room.room_id].add(other)
                near[other].add(room.room_id)
        return {room_id: frozenset(others) for room_id, others in near.items()}

    def rooms_of(self, *kinds: RoomKind) -> tuple[str, ...]:
        """Rooms of these kinds, in the order of the kinds, then of the home."""
        return tuple(room.room_id for kind in kinds for room in self.rooms if room.kind is kind)
