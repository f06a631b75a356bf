"""The static description of what is watched: a home, its rooms, their sensors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
import re


class Role(StrEnum):
    """What a state of an entity means for the occupancy of its room."""

    MOTION = "motion"
    PRESENCE = "presence"
    DOOR = "door"
    EXIT_DOOR = "exit_door"
    OPENING = "opening"
    LIGHT = "light"
    MEDIA = "media"
    APPLIANCE = "appliance"
    ENVIRONMENT = "environment"
    PERSON = "person"
    REFERENCE = "reference"
    ROUTINE_ONLY = "routine_only"
    RIVAL = "rival"
    CONTEXT = "context"
    WORKDAY = "workday"


class RoomKind(StrEnum):
    """What a room is for. It shapes the prior before anything is learned."""

    BEDROOM = "bedroom"
    LIVING = "living"
    KITCHEN = "kitchen"
    BATHROOM = "bathroom"
    OFFICE = "office"
    PASSAGE = "passage"
    OTHER = "other"


class Preference(StrEnum):
    """Which mistake of a room's switch the user minds more."""

    COMFORT = "comfort"
    BALANCED = "balanced"
    ENERGY = "energy"


@dataclass(frozen=True, slots=True)
class Sensor:
    """One watched entity.

    Attributes:
        entity_id: Home Assistant's entity id.
        role: what its states mean.
        room_id: the room it is in, None for what belongs to the whole home (persons).
        device_class: Home Assistant's device class, where there is one.
        device_id: the device it is a part of, where there is one: entities of one device are no routine.
    """

    entity_id: str
    role: Role
    room_id: str | None = None
    device_class: str | None = None
    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """One room. `room_id` is Home Assistant's area id, which survives renaming.

    Attributes:
        room_id: its id.
        kind: what it is for.
        preference: which mistake of its switch is worse.
        rivals: watched entities that say whether it is occupied, to compare with. Those that are nothing
            else have the role `RIVAL`; others are inputs too.
    """

    room_id: str
    kind: RoomKind = RoomKind.OTHER
    preference: Preference = Preference.BALANCED
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Home:
    """A home: its IANA time zone, its rooms, the sensors watched, and whether pets live there.

    `members` are names of members of the forecasts beside those that are on by default.

    Raises:
        ValueError: a room or an entity stands twice, or a sensor names a room
            that is not there.
    """

    time_zone: str
    rooms: tuple[Room, ...]
    sensors: tuple[Sensor, ...]
    pets: bool = False
    members: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        room_ids = [room.room_id for room in self.rooms]
        if len(set(room_ids)) != len(room_ids):
            raise ValueError("a room is listed twice")
        entity_ids = [sensor.entity_id for sensor in self.sensors]
        if len(set(entity_ids)) != len(entity_ids):
            raise ValueError("an entity is listed twice")
        unknown = {s.room_id for s in self.sensors} - set(room_ids) - {None}
        if unknown:
            raise ValueError(f"sensors name rooms that are not there: {sorted(map(str, unknown))}")

    def rivals(self, room_id: str) -> tuple[str, ...]:
        """The entities a room is compared with."""
        named = [room.rivals for room in self.rooms if room.room_id == room_id]
        only = [s.entity_id for s in self.sensors if s.role is Role.RIVAL and s.room_id == room_id]
        return tuple(dict.fromkeys([*(entity_id for each in named for entity_id in each), *only]))


# Activity-bearing roles by Home Assistant's domain and device class. What is not
# listed says nothing about where people are.
_BINARY_SENSOR_ROLES = {
    "motion": Role.MOTION,
    "moving": Role.MOTION,
    "occupancy": Role.PRESENCE,
    "presence": Role.PRESENCE,
    "door": Role.DOOR,
    "garage_door": Role.DOOR,
    "opening": Role.OPENING,
    "window": Role.OPENING,
    "lock": Role.OPENING,
    "vibration": Role.APPLIANCE,
    "sound": Role.APPLIANCE,
    "power": Role.APPLIANCE,
    "plug": Role.APPLIANCE,
    "running": Role.APPLIANCE,
}
_ENVIRONMENT_CLASSES = frozenset(
    {
        "carbon_dioxide",
        "humidity",
        "illuminance",
        "pm25",
        "sound_pressure",
        "temperature",
        "volatile_organic_compounds",
        "volatile_organic_compounds_parts",
    }
)
_DOMAIN_ROLES = {
    "light": Role.LIGHT,
    "media_player": Role.MEDIA,
    "person": Role.PERSON,
    "switch": Role.ROUTINE_ONLY,
    "climate": Role.ROUTINE_ONLY,
    "cover": Role.ROUTINE_ONLY,
    "fan": Role.ROUTINE_ONLY,
    "humidifier": Role.ROUTINE_ONLY,
}
# Whole words, English only, and only proposed: these places are outside, or lead there.
_BEGIN, _END = r"(?<![a-z0-9])", r"(?![a-z])"
_PLACES = "entrance|entry|entryway|foyer|outside|porch"
_EXIT_PLACES = re.compile(rf"{_BEGIN}(?:{_PLACES}){_END}")
# Other words count only where they say what the door is: "main_door", but not "main_bedroom_door".
_EXIT_NAMES = re.compile(
    rf"{_BEGIN}(?:(?:{_PLACES})(?:_?doors?)?"
    rf"|(?:front|main|outer|street)_?(?:doors?|gate|entrance|entry|contact|sensor|opening|\d*$)){_END}"
)
_INNER_NAMES = re.compile(rf"{_BEGIN}(?:balcony|cabinet|closet|cupboard|wardrobe)")
_INNER_KINDS = (RoomKind.BEDROOM, RoomKind.BATHROOM, RoomKind.KITCHEN, RoomKind.OFFICE)


def default_role(entity_id: str, device_class: str | None, room_id: str | None = None) -> Role | None:
    """The role to propose for an entity, None where it tells nothing.

    A door whose name or room says that it leads outside is an exit door; who can
    be asked confirms that in the config flow.
    """
    domain, _, name = entity_id.partition(".")
    role: Role | None
    if domain == "binary_sensor":
        role = _BINARY_SENSOR_ROLES.get(device_class or "")
    elif domain == "sensor":
        role = Role.ENVIRONMENT if device_class in _ENVIRONMENT_CLASSES else None
    else:
        role = _DOMAIN_ROLES.get(domain)
    is_door = role is Role.DOOR or (role is Role.OPENING and "door" in name and device_class != "window")
    return Role.EXIT_DOOR if is_door and _leads_outside(name, room_id or "") else role


def _leads_outside(name: str, room_id: str) -> bool:
    """Whether a door does, by its own name, else by its room. Where that is wrong the home is believed empty."""
    if _INNER_NAMES.search(name):
        return False
    if _EXIT_NAMES.search(name):
        return True
    return _EXIT_PLACES.search(room_id) is not None and default_kind(room_id) not in _INNER_KINDS


# Whole words, also as in "bathrooms" and "bedroom2". English only, and only proposed: the user confirms in the flow.
_KIND_WORDS = tuple(
    (kind, re.compile(rf"{_BEGIN}(?:{words})(?:s|rooms?)?{_END}"))
    for kind, words in (
        (RoomKind.BATHROOM, "bath|toilette?|wc|shower|restroom|ensuite"),
        (RoomKind.BEDROOM, "bed|sleep|sleeping|nursery|guest"),
        (RoomKind.KITCHEN, "kitchen|kitchenette|pantry"),
        (RoomKind.OFFICE, "office|study|den|workroom"),
        (RoomKind.PASSAGE, "hall|hallway|corridor|foyer|landing|porch"),
        (RoomKind.PASSAGE, "entrance|entry|entryway|entree?|entrada|stair|staircase|stairway|stairwell"),
        (RoomKind.LIVING, "living|lounge|family|tv|dining|salon"),
    )
)


def default_kind(room_id: str) -> RoomKind:
    """The kind to propose for a room, from the words of its area id."""
    name = room_id.lower()
    return next((kind for kind, words in _KIND_WORDS if words.search(name)), RoomKind.OTHER)
