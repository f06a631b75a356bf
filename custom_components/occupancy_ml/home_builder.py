"""The configuration entry -> the engine's `Home`, `Retention` and `Policy`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_DEVICE_CLASS
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .const import (
    CONF_ALLOWED,
    CONF_AREA_ID,
    CONF_BAR,
    CONF_CLASSES,
    CONF_CONTEXT,
    CONF_KIND,
    CONF_MEMBERS,
    CONF_PERSONS,
    CONF_PETS,
    CONF_PREFERENCE,
    CONF_ROUTINE_ONLY,
    CONF_SENSORS,
    CONF_STORAGE,
    CONF_SUGGESTIONS,
    CONF_WORKDAY,
    ROOM_ROLES,
    SUBENTRY_ROOM,
)
from .engine.home import Home, Preference, Role, Room, RoomKind, Sensor
from .engine.routines.suggestions import Policy
from .engine.store.retention import Retention

_SUN = "sun.sun"
_WEATHER = "weather"
_WORKDAY = "workday"

# Where stored data names an entity twice in a room, what the user calls the truth must not become an input.
_PRECEDENCE = (
    Role.REFERENCE,
    *(role for role in ROOM_ROLES if role not in (Role.REFERENCE, Role.RIVAL)),
)


@callback
def home_from_entry(hass: HomeAssistant, entry: ConfigEntry) -> Home:
    """Build the engine's description of the home.

    The time zone is Home Assistant's. Entities that are missing at the moment stay in: they may come back,
    and their history is theirs. An entity stored in several places counts once: rooms come before the whole
    home, rooms in their stored order, a reference before any input. What a room is compared with may be an
    input as well; where it is not, it is watched and nothing more. A device class that nothing tells at the
    moment is the one last known: without it the home would be another one at every start.
    """
    classes: Mapping[str, str] = entry.data.get(CONF_CLASSES, {})
    rooms: dict[str, Room] = {}
    sensors: dict[str, Sensor] = {}
    for entity_id, role, room_id in _stored(entry, rooms):
        if entity_id not in sensors:
            device_class = device_class_of(hass, entity_id) or classes.get(entity_id)
            sensors[entity_id] = Sensor(entity_id, role, room_id, device_class, _device_of(hass, entity_id))
    for entity_id in entry.options.get(CONF_WORKDAY, workday_sensors(hass)):
        sensors.setdefault(entity_id, Sensor(entity_id, Role.WORKDAY))
    for entity_id in _sky(hass):
        sensors.setdefault(entity_id, Sensor(entity_id, Role.ROUTINE_ONLY))
    return Home(
        time_zone=hass.config.time_zone,
        rooms=tuple(rooms.values()),
        sensors=tuple(sensors.values()),
        pets=bool(entry.options.get(CONF_PETS)),
        members=tuple(entry.options.get(CONF_MEMBERS, ())),
    )


@callback
def _sky(hass: HomeAssistant) -> Iterator[str]:
    """What tells of daylight and weather: routines may hold in the dark, or in rain.

    The first weather entity by id, of those that are registered: others may come late at every start, and a home
    whose sensors change begins anew.
    """
    yield _SUN
    weather = (
        entry.entity_id
        for entry in er.async_get(hass).entities.values()
        if entry.domain == _WEATHER and not entry.disabled
    )
    if (first := min(weather, default=None)) is not None:
        yield first


@callback
def workday_sensors(hass: HomeAssistant) -> list[str]:
    """The sensors of the workday integration, which knows local holidays."""
    return sorted(
        entry.entity_id
        for entry in er.async_get(hass).entities.values()
        if entry.platform == _WORKDAY and entry.domain == "binary_sensor" and not entry.disabled
    )


@callback
def _device_of(hass: HomeAssistant, entity_id: str) -> str | None:
    """The device of an entity: what one device tells twice is no routine."""
    entry = er.async_get(hass).async_get(entity_id)
    return None if entry is None else entry.device_id


def retention_of(options: Mapping[str, Any]) -> Retention:
    """How long what is kept, by the options; the defaults where they say nothing."""
    stored: Mapping[str, int] = options.get(CONF_STORAGE, {})
    return Retention(**{f.name: stored[f.name] for f in fields(Retention) if f.name in stored})


def policy_of(options: Mapping[str, Any]) -> Policy:
    """What the user wants of suggestions, by the options; the defaults where they say nothing."""
    stored: Mapping[str, Any] = options.get(CONF_SUGGESTIONS, {})
    default = Policy()
    return Policy(
        bar=stored[CONF_BAR] / 100 if CONF_BAR in stored else default.bar,
        allowed=frozenset(stored.get(CONF_ALLOWED, ())),
    )


def _stored(entry: ConfigEntry, rooms: dict[str, Room]) -> Iterator[tuple[str, Role, str | None]]:
    """Yield entity, role and room of all that is stored, and fill in the rooms on the way."""
    for subentry in entry.get_subentries_of_type(SUBENTRY_ROOM):
        area_id = subentry.data[CONF_AREA_ID]
        if area_id not in rooms:
            preference = Preference(subentry.data.get(CONF_PREFERENCE, Preference.BALANCED))
            rivals = tuple(subentry.data[CONF_SENSORS].get(Role.RIVAL.value, ()))
            rooms[area_id] = Room(area_id, RoomKind(subentry.data[CONF_KIND]), preference, rivals)
        stored = subentry.data[CONF_SENSORS]
        for role in _PRECEDENCE:
            for entity_id in stored.get(role.value, ()):
                yield entity_id, role, area_id
    for entity_id in entry.options.get(CONF_PERSONS, ()):
        yield entity_id, Role.PERSON, None
    for entity_id in entry.options.get(CONF_ROUTINE_ONLY, ()):
        yield entity_id, Role.ROUTINE_ONLY, None
    for chosen in entry.options.get(CONF_CONTEXT, {}).values():
        for entity_id in chosen:
            yield entity_id, Role.CONTEXT, None
    for room in rooms.values():
        for entity_id in room.rivals:
            yield entity_id, Role.RIVAL, room.room_id


@callback
def device_class_of(hass: HomeAssistant, entity_id: str) -> str | None:
    """The device class of an entity: the user's override, else the integration's, else the state's.

    An entity without a unique id has no registry entry; its class stands in its state alone.
    """
    entry = er.async_get(hass).async_get(entity_id)
    if entry is not None and (registered := entry.device_class or entry.original_device_class):
        return registered
    state = hass.states.get(entity_id)
    device_class = state.attributes.get(ATTR_DEVICE_CLASS) if state else None
    return None if device_class is None else str(device_class)
