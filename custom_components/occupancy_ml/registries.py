"""Follows Home Assistant's registries: entities renamed or removed, areas renamed or removed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import (
    CALLBACK_TYPE,
    CoreState,
    Event,
    EventStateChangedData,
    HassJob,
    HomeAssistant,
    callback,
)
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.helpers.event import async_call_later, async_track_state_change_event
from homeassistant.helpers.start import async_at_started

from . import issues
from .const import (
    CONF_AREA_ID,
    CONF_CLASSES,
    CONF_CONTEXT,
    CONF_PERSONS,
    CONF_RENAMES,
    CONF_ROUTINE_ONLY,
    CONF_SENSORS,
    CONF_SLEEP,
    CONF_WORKDAY,
    DOMAIN,
    SUBENTRY_ROOM,
)
from .coordinator import Coordinator
from .home_builder import home_from_entry

_HOME_LISTS = (CONF_PERSONS, CONF_ROUTINE_ONLY, CONF_WORKDAY)
# What of an entity makes the home another one, beside its id.
_TELLING = frozenset({"device_class", "original_device_class", "device_id", "disabled_by"})
# Who corrects one entity often corrects the next, too.
_QUIET = timedelta(seconds=10)


@callback
def async_map_entities(
    hass: HomeAssistant, entry: ConfigEntry[Any], owner: str | None, change: Callable[[str], str | None]
) -> None:
    """Rewrite the entity ids an entry has stored.

    Args:
        hass: Home Assistant.
        entry: the home.
        owner: subentry id of the one room to rewrite, `issues.HOME` for the home's own lists, None for all.
        change: the new id of an entity, or None to take it out.
    """
    for subentry in list(entry.get_subentries_of_type(SUBENTRY_ROOM)):
        if owner in (None, subentry.subentry_id):
            sensors = _map_lists(subentry.data[CONF_SENSORS], change)
            hass.config_entries.async_update_subentry(
                entry, subentry, data={**subentry.data, CONF_SENSORS: {k: v for k, v in sensors.items() if v}}
            )
    if owner in (None, issues.HOME):
        lists = {key: entry.options[key] for key in _HOME_LISTS if key in entry.options}
        options: dict[str, Any] = {**entry.options, **_map_lists(lists, change)}
        if CONF_CONTEXT in options:
            kinds = _map_lists(options[CONF_CONTEXT], change)
            options[CONF_CONTEXT] = {kind: chosen for kind, chosen in kinds.items() if chosen}
        hass.config_entries.async_update_entry(entry, options=options)


def _map_lists(lists: Mapping[str, list[str]], change: Callable[[str], str | None]) -> dict[str, list[str]]:
    return {
        key: [new for entity_id in entity_ids if (new := change(entity_id)) is not None]
        for key, entity_ids in lists.items()
    }


@callback
def async_follow_renames(hass: HomeAssistant) -> None:
    """Let what an entry has stored follow renamed entities, also while it is not set up."""

    @callback
    def on_entity(event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        data = event.data
        if data["action"] == "update" and (old := data.get("old_entity_id")) is not None:
            for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False):
                _follow(hass, entry, old, data["entity_id"])

    hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, on_entity)


@callback
def _follow(hass: HomeAssistant, entry: ConfigEntry[Any], old: str, new: str) -> None:
    stored = {entity_id for _owner, _room, entity_ids in _owners(entry) for entity_id in entity_ids}
    # Nobody chose weather and workday: they are found, by the new id already.
    found = {sensor.entity_id for sensor in home_from_entry(hass, entry).sensors} - stored
    if old in stored or new in found:
        # The file may be closed, now or for long: the coordinator renames in it when it opens it next.
        renames = [*entry.data.get(CONF_RENAMES, ()), [old, new]]
        hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_RENAMES: renames})
        # The new id may be that of an entity that died and still stands there: one that lives takes no second place.
        places: dict[str, str | None] = {new: None, old: new} if old in stored else {}
        async_map_entities(hass, entry, None, lambda e: places.get(e, e))
    # What tells of sleep is asked for, and taken out, apart from the sensors.
    sleep: Mapping[str, str] = entry.options.get(CONF_SLEEP, {})
    if old in sleep.values():
        renamed = {key: new if e == old else e for key, e in sleep.items() if e != new}
        hass.config_entries.async_update_entry(entry, options={**entry.options, CONF_SLEEP: renamed})


@callback
def async_missing(hass: HomeAssistant, entry: ConfigEntry[Any], owner: str) -> list[str]:
    """The stored entities of a room (or the home) that neither the registry nor the state machine knows."""
    for found, _room, entity_ids in _owners(entry):
        if found == owner:
            return missing_among(hass, entity_ids)
    return []


@callback
def missing_among(hass: HomeAssistant, entity_ids: Iterable[str]) -> list[str]:
    """Those that neither the registry nor the state machine knows, sorted."""
    registry = er.async_get(hass)
    return sorted(
        entity_id
        for entity_id in entity_ids
        if registry.async_get(entity_id) is None and hass.states.get(entity_id) is None
    )


def _owners(entry: ConfigEntry[Any]) -> Iterator[tuple[str, str | None, set[str]]]:
    for subentry in entry.get_subentries_of_type(SUBENTRY_ROOM):
        yield subentry.subentry_id, subentry.title, _entities_of(subentry)
    lists = [entry.options.get(key, ()) for key in _HOME_LISTS]
    lists += entry.options.get(CONF_CONTEXT, {}).values()
    yield issues.HOME, None, {entity_id for chosen in lists for entity_id in chosen}


def _entities_of(subentry: ConfigSubentry) -> set[str]:
    return {entity_id for entity_ids in subentry.data[CONF_SENSORS].values() for entity_id in entity_ids}


@callback
def async_remove_ghosts(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Remove devices of rooms that are gone, with their entities, whatever way they went."""
    rooms = {subentry.data[CONF_AREA_ID] for subentry in entry.get_subentries_of_type(SUBENTRY_ROOM)}
    known = {(DOMAIN, issues.HOME), *((DOMAIN, f"room_{room}") for room in rooms)}
    registry = dr.async_get(hass)
    for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
        if not device.identifiers & known:
            registry.async_remove_device(device.id)


class RegistryFollower:
    """Keeps the home, the repairs, and the names of the rooms, in step with the registries."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], coordinator: Coordinator) -> None:
        self._hass = hass
        self._entry = entry
        self._home = coordinator.home
        self._watched = frozenset(sensor.entity_id for sensor in coordinator.home.sensors)
        self._cancel_quiet: CALLBACK_TYPE | None = None

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Start to follow; returns what ends it."""
        hass = self._hass
        removers = [
            hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, self._on_entity),
            hass.bus.async_listen(ar.EVENT_AREA_REGISTRY_UPDATED, self._on_area),
            async_track_state_change_event(hass, self._watched, self._on_state),
            # Entities without a registry entry appear while Home Assistant starts.
            async_at_started(hass, self._on_started),
        ]
        rooms = list(self._entry.get_subentries_of_type(SUBENTRY_ROOM))
        issues.async_clear_gone(hass, {room.subentry_id for room in rooms})
        for subentry in rooms:
            self._follow_area(subentry)

        @callback
        def stop() -> None:
            for remove in (*removers, self._cancel_quiet):
                if remove is not None:
                    remove()

        return stop

    @callback
    def _on_started(self, _hass: HomeAssistant) -> None:
        self._check_entities()
        self._await_quiet()

    @callback
    def _on_entity(self, event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        data = event.data
        if data["action"] != "update" and data["entity_id"] in self._watched:
            self._check_entities()
        if data["action"] != "update" or not _TELLING.isdisjoint(data["changes"]):
            self._await_quiet()

    @callback
    def _await_quiet(self) -> None:
        if self._cancel_quiet is not None:
            self._cancel_quiet()
        job = HassJob(self._check_home, cancel_on_shutdown=True)
        self._cancel_quiet = async_call_later(self._hass, _QUIET, job)

    @callback
    def _check_home(self, _now: datetime) -> None:
        """Take over what was corrected or found: the class of a sensor, a workday sensor, the weather."""
        self._cancel_quiet = None
        # Entities come one by one while Home Assistant starts; then all of them are looked at.
        if self._hass.state is CoreState.running and home_from_entry(self._hass, self._entry) != self._home:
            self._hass.config_entries.async_schedule_reload(self._entry.entry_id)

    @callback
    def _on_state(self, event: Event[EventStateChangedData]) -> None:
        # Only coming and going matters here.
        if event.data["new_state"] is None or event.data["old_state"] is None:
            self._check_entities()

    @callback
    def _check_entities(self) -> None:
        if self._hass.state is not CoreState.running:
            return
        self._remember_classes()
        for owner, room, _entity_ids in _owners(self._entry):
            if missing := async_missing(self._hass, self._entry, owner):
                issues.async_raise_sensors_missing(self._hass, owner, room, missing)
            else:
                issues.async_clear(self._hass, f"{issues.SENSORS_MISSING}_{owner}")

    @callback
    def _remember_classes(self) -> None:
        """Keep the device classes: those of entities without a registry entry stand in their states alone."""
        sensors = home_from_entry(self._hass, self._entry).sensors
        classes = {sensor.entity_id: sensor.device_class for sensor in sensors if sensor.device_class}
        self._hass.config_entries.async_update_entry(
            self._entry, data={**self._entry.data, CONF_CLASSES: classes}
        )

    @callback
    def _on_area(self, event: Event[ar.EventAreaRegistryUpdatedData]) -> None:
        area_id = event.data["area_id"]
        for subentry in list(self._entry.get_subentries_of_type(SUBENTRY_ROOM)):
            if subentry.data[CONF_AREA_ID] == area_id:
                self._follow_area(subentry)
                if event.data["action"] == "create" and area_id is not None:
                    self._move_back(area_id)

    @callback
    def _follow_area(self, subentry: ConfigSubentry) -> None:
        """Ask for an area that was deleted; one that has another name, maybe since long, gives it to its room."""
        area = ar.async_get(self._hass).async_get_area(subentry.data[CONF_AREA_ID])
        if area is None:
            issues.async_raise_area_removed(self._hass, subentry.subentry_id, subentry.title)
        else:
            issues.async_clear(self._hass, f"{issues.AREA_REMOVED}_{subentry.subentry_id}")
            self._hass.config_entries.async_update_subentry(self._entry, subentry, title=area.name)

    @callback
    def _move_back(self, area_id: str) -> None:
        """Put a room's device into its area, which was deleted and took it out."""
        registry = dr.async_get(self._hass)
        for device in dr.async_entries_for_config_entry(registry, self._entry.entry_id):
            if (DOMAIN, f"room_{area_id}") in device.identifiers and device.area_id is None:
                registry.async_update_device(device.id, area_id=area_id)
