"""What Home Assistant calls the things that suggestions are about."""

from __future__ import annotations

from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er

from .const import DOMAIN
from .engine.home import Home
from .engine.routines.suggestions.compose import Names
from .engine.routines.suggestions.proposal import Proposal


@callback
def names_of(hass: HomeAssistant, home: Home, proposal: Proposal) -> Names:
    """What entities and rooms of a proposal are called, and which entity shows a room."""
    entities, areas = er.async_get(hass), ar.async_get(hass)
    shown = {
        entity_id: state.name
        for entity_id in proposal.entity_ids
        if (state := hass.states.get(entity_id)) is not None
    }
    rooms, occupancy = {}, {}
    for room in home.rooms:
        if (area := areas.async_get_area(room.room_id)) is not None:
            rooms[room.room_id] = area.name
        found = entities.async_get_entity_id(Platform.BINARY_SENSOR, DOMAIN, f"room_{room.room_id}_occupancy")
        if found is not None:
            occupancy[room.room_id] = found
    return Names(shown, rooms, occupancy)


@callback
def names_given(hass: HomeAssistant, entity_id: str) -> tuple[str, ...]:
    """What people, or else their integrations, call an entity and its device."""
    entry = er.async_get(hass).async_get(entity_id)
    state = hass.states.get(entity_id)
    found = [None if state is None else state.name]
    if entry is not None:
        found += [entry.name, entry.original_name]
        device = None if entry.device_id is None else dr.async_get(hass).async_get(entry.device_id)
        if device is not None:
            found += [device.name_by_user, device.name]
    return tuple(dict.fromkeys(name for name in found if name))
