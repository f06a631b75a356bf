"""The area, device and entity registries -> candidate sensors of each room, with their role.

Only what has a registry entry can be proposed: an area is a fact of the registry, so an entity without a
unique id lies in no area. Such entities can still be chosen by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from homeassistant.const import ATTR_ENTITY_ID, ATTR_GROUP_ENTITIES
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar, entity_registry as er
from homeassistant.util import slugify

from .const import DOMAIN
from .engine.home import Preference, Role, RoomKind, default_kind, default_role
from .home_builder import device_class_of

# Integrations whose entities repeat what other entities said. Beside a sensor of the same role in the same
# room such an entity adds no evidence, but counts the old one twice.
_DERIVED_PLATFORMS = frozenset(
    {
        "bayesian",
        "derivative",
        "filter",
        "group",
        "min_max",
        "mold_indicator",
        "statistics",
        "template",
        "threshold",
        "trend",
    }
)
# Roles that make an area worth proposing as a room: somebody moved or touched something. A garden with a
# thermometer is no room.
_EVIDENCE = frozenset(
    {
        Role.MOTION,
        Role.PRESENCE,
        Role.DOOR,
        Role.EXIT_DOOR,
        Role.OPENING,
        Role.LIGHT,
        Role.MEDIA,
        Role.APPLIANCE,
    }
)
_ROUTINE_ROLES = frozenset({Role.LIGHT, Role.MEDIA, Role.ROUTINE_ONLY})


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entity that may be watched.

    Attributes:
        entity_id: Home Assistant's entity id.
        role: what it is proposed to mean.
        area_id: the area it lies in, None where it has none.
        device_class: Home Assistant's device class, where there is one.
        derived: whether it is computed from other entities.
    """

    entity_id: str
    role: Role
    area_id: str | None
    device_class: str | None
    derived: bool


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """A room as it is proposed, and as the user made it.

    Attributes:
        area_id: Home Assistant's area id.
        name: the area's name now.
        kind: what the room is for.
        sensors: entity ids by role; roles without an entity are absent.
        preference: which mistake of the switch the user minds more.
    """

    area_id: str
    name: str
    kind: RoomKind
    sensors: Mapping[Role, tuple[str, ...]]
    preference: Preference = Preference.BALANCED

    @property
    def entities(self) -> tuple[str, ...]:
        """All entities of the room, whatever their role; to compare with one takes it from nobody."""
        own = (chosen for role, chosen in self.sensors.items() if role is not Role.RIVAL)
        return tuple(entity_id for chosen in own for entity_id in chosen)

    @property
    def is_worth_proposing(self) -> bool:
        """Whether its sensors say anything about people."""
        return not _EVIDENCE.isdisjoint(self.sensors)


@callback
def candidates(hass: HomeAssistant) -> tuple[Candidate, ...]:
    """Everything that can be watched, by entity id.

    Left out are disabled entities, what belongs to a device's diagnosis or configuration, our own entities,
    and hidden ones: another entity stands for them (a group, a switch shown as a light), or their owner does
    not want to meet them. An entity's own area wins over that of its device.
    """
    areas = ar.async_get(hass)
    found: dict[str, Candidate] = {}
    for entry in er.async_get(hass).entities.values():
        if entry.disabled or entry.hidden or entry.entity_category or entry.platform == DOMAIN:
            continue
        area_id = er.async_get_effective_area_id(hass, entry)
        area = areas.async_get_area(area_id) if area_id else None
        device_class = device_class_of(hass, entry.entity_id)
        words = _area_words(area) if area else None
        if role := default_role(entry.entity_id, device_class, words):
            found[entry.entity_id] = Candidate(
                entity_id=entry.entity_id,
                role=role,
                area_id=area.id if area else None,
                device_class=device_class,
                derived=entry.platform in _DERIVED_PLATFORMS,
            )
    return tuple(
        found[entity_id] for entity_id in sorted(found) if not _repeats_members(hass, entity_id, found)
    )


@callback
def propose_rooms(hass: HomeAssistant) -> dict[str, RoomPlan]:
    """A plan for every area of Home Assistant, by area id, sorted by name; areas without sensors too."""
    by_area: dict[str, list[Candidate]] = {}
    for candidate in candidates(hass):
        if candidate.area_id is not None and candidate.role is not Role.PERSON:
            by_area.setdefault(candidate.area_id, []).append(candidate)
    areas = sorted(ar.async_get(hass).async_list_areas(), key=lambda area: (area.name.casefold(), area.id))
    return {area.id: _plan(area, by_area.get(area.id, [])) for area in areas}


@callback
def propose_persons(hass: HomeAssistant) -> list[str]:
    """All persons that Home Assistant knows, with and without a unique id."""
    return sorted(hass.states.async_entity_ids(Role.PERSON.value))


@callback
def propose_routine_only(hass: HomeAssistant, rooms: Mapping[str, RoomPlan]) -> list[str]:
    """What routines may look at outside the given rooms: lights, players, switches, climate and the like."""
    return [
        candidate.entity_id
        for candidate in candidates(hass)
        if candidate.role in _ROUTINE_ROLES and candidate.area_id not in rooms
    ]


@callback
def mark_exit_doors(hass: HomeAssistant, plan: RoomPlan, exit_doors: frozenset[str]) -> RoomPlan:
    """The plan with exactly these doors leading outside; the others become what they are without that word."""
    sensors: dict[Role, tuple[str, ...]] = {}
    for role, chosen in plan.sensors.items():
        for entity_id in chosen:
            actual = role
            if entity_id in exit_doors:
                actual = Role.EXIT_DOOR
            elif role is Role.EXIT_DOOR:
                actual = inner_role(device_class_of(hass, entity_id))
            sensors[actual] = (*sensors.get(actual, ()), entity_id)
    return RoomPlan(plan.area_id, plan.name, plan.kind, sensors)


def inner_role(device_class: str | None) -> Role:
    """The role of a door that does not lead outside."""
    # The name "x" says nothing about where the door leads, so only its class decides.
    return default_role("binary_sensor.x", device_class) or Role.DOOR


def _plan(area: ar.AreaEntry, found: list[Candidate]) -> RoomPlan:
    measured = {candidate.role for candidate in found if not candidate.derived}
    sensors: dict[Role, tuple[str, ...]] = {}
    for candidate in found:
        if candidate.derived and candidate.role in measured:
            continue
        sensors[candidate.role] = (*sensors.get(candidate.role, ()), candidate.entity_id)
    # The name first: an area id keeps the words the area was created with, whatever it became since.
    kind = default_kind(slugify(area.name))
    return RoomPlan(area.id, area.name, default_kind(area.id) if kind is RoomKind.OTHER else kind, sensors)


def _area_words(area: ar.AreaEntry) -> str:
    return f"{area.id} {slugify(area.name)}"


def _repeats_members(hass: HomeAssistant, entity_id: str, found: Mapping[str, Candidate]) -> bool:
    """Whether this is a group of entities that are candidates themselves."""
    return any(member in found for member in members(hass, entity_id))


def members(hass: HomeAssistant, entity_id: str) -> Iterator[str]:
    """The entities directly inside a group, nothing for any other entity."""
    if (state := hass.states.get(entity_id)) is None:
        return
    # Home Assistant's own groups list what they hold in the first attribute, groups of other integrations
    # in the second.
    for attribute in (ATTR_ENTITY_ID, ATTR_GROUP_ENTITIES):
        inside = state.attributes.get(attribute)
        if isinstance(inside, (list, tuple)):
            yield from (member for member in inside if isinstance(member, str) and member != entity_id)
