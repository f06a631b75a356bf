"""What can be wrong with a choice of entities, as an error that says what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback, valid_entity_id
from homeassistant.helpers import entity_registry as er

from .const import (
    CONF_CONTEXT,
    CONF_PERSONS,
    CONF_ROUTINE_ONLY,
    CONF_SENSORS,
    CONF_SLEEP_END,
    CONF_SLEEP_START,
    CONF_WORKDAY,
    DOMAIN,
    SUBENTRY_ROOM,
)
from .discovery import members
from .engine.home import Role


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason to refuse a form.

    Attributes:
        key: the translation key of the error.
        placeholders: what its text names.
    """

    key: str
    placeholders: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """Where entities are in use already.

    Attributes:
        rooms: entity id -> name of the room it belongs to.
        home: what belongs to the whole home.
    """

    rooms: Mapping[str, str] = field(default_factory=dict)
    home: frozenset[str] = frozenset()


@callback
def taken_by(entry: ConfigEntry, *, without_subentry: str | None = None, with_home: bool = True) -> Taken:
    """What the stored configuration uses, leaving out the part that is being edited."""
    rooms = {
        entity_id: subentry.title
        for subentry in entry.get_subentries_of_type(SUBENTRY_ROOM)
        if subentry.subentry_id != without_subentry
        for role, chosen in subentry.data[CONF_SENSORS].items()
        if role != Role.RIVAL  # to compare with something takes it from nobody
        for entity_id in chosen
    }
    if not with_home:
        return Taken(rooms)
    options = entry.options
    lists = (CONF_PERSONS, CONF_ROUTINE_ONLY, CONF_WORKDAY)
    home = [entity_id for key in lists for entity_id in options.get(key, ())]
    context = [entity_id for chosen in options.get(CONF_CONTEXT, {}).values() for entity_id in chosen]
    return Taken(rooms, frozenset((*home, *context)))


@callback
def find_problem(hass: HomeAssistant, chosen: Mapping[Role, Iterable[str]], taken: Taken) -> Problem | None:
    """The first thing wrong with the entities of one form, None when all is well.

    Args:
        hass: Home Assistant.
        chosen: entity ids by role. An entity may stand in one role of one room, or of the home, once; beside
            that a room may be compared with it, unless it is the truth.
        taken: what is in use elsewhere.
    """
    seen: dict[str, Role] = {}
    for role, entity_ids in chosen.items():
        for entity_id in entity_ids:
            named = {"entity": _name(hass, entity_id)}
            if key := _unusable(hass, entity_id):
                return Problem(key, named)
            if role is Role.RIVAL:
                if entity_id in chosen.get(Role.REFERENCE, ()):
                    return Problem("rival_is_reference", named)
                continue
            if entity_id in seen:
                truth = Role.REFERENCE in {role, seen[entity_id]} and role is not seen[entity_id]
                return Problem("reference_is_input" if truth else "entity_twice", named)
            if room := taken.rooms.get(entity_id):
                return Problem("entity_in_room", {**named, "other_room": room})
            if entity_id in taken.home:
                return Problem("entity_in_home", named)
            seen[entity_id] = role
    return None


@callback
def find_sleep_problem(hass: HomeAssistant, sleep: Mapping[str, str]) -> Problem | None:
    """The first thing wrong with what tells of sleep, None when all is well.

    The same entity may also be a sensor of a room: a bed tells of both.
    """
    for entity_id in sleep.values():
        if key := _unusable(hass, entity_id):
            return Problem(key, {"entity": _name(hass, entity_id)})
    start, end = sleep.get(CONF_SLEEP_START), sleep.get(CONF_SLEEP_END)
    if (start is None) != (end is None):
        return Problem("sleep_half")
    if start is not None and start == end:
        return Problem("entity_twice", {"entity": _name(hass, start)})
    for entity_id in filter(None, (start, end)):
        state = hass.states.get(entity_id)
        if state is not None and state.attributes.get("has_time") is False:
            return Problem("sleep_without_time", {"entity": _name(hass, entity_id)})
    return None


def _unusable(hass: HomeAssistant, entity_id: str) -> str | None:
    if not valid_entity_id(entity_id):
        # The picker's schema lets registry ids through as well, but what is stored are entity ids.
        return "entity_missing"
    entry = er.async_get(hass).async_get(entity_id)
    if _is_own(hass, entity_id):
        return "own_entity"
    if entry is not None and entry.disabled:
        return "entity_disabled"
    if entry is None and hass.states.get(entity_id) is None:
        return "entity_missing"
    return None


def _is_own(hass: HomeAssistant, entity_id: str) -> bool:
    """Whether the entity is ours, or a group that holds one of ours at any depth."""
    registry = er.async_get(hass)
    waiting, seen = [entity_id], {entity_id}
    while waiting:
        current = waiting.pop()
        entry = registry.async_get(current)
        if entry is not None and entry.platform == DOMAIN:
            return True
        inside = [member for member in members(hass, current) if member not in seen]
        seen.update(inside)
        waiting.extend(inside)
    return False


def _name(hass: HomeAssistant, entity_id: str) -> str:
    """The name a person knows the entity by, with its id: names alone are often shared."""
    state = hass.states.get(entity_id)
    return f"{state.name} ({entity_id})" if state else entity_id
