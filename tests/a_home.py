"""A configured home in the house of `tests.house`, run by the real integration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState, ConfigSubentryData
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.occupancy_ml.const import DATABASE_FILE, DOMAIN, SUBENTRY_ROOM
from custom_components.occupancy_ml.coordinator import Coordinator
from custom_components.occupancy_ml.engine.events import Event
from custom_components.occupancy_ml.runtime import Runtime

KITCHEN = {
    "motion": ["binary_sensor.kitchen_motion"],
    "opening": ["binary_sensor.kitchen_window"],
    "light": ["light.kitchen_ceiling"],
    "environment": ["sensor.kitchen_temperature"],
}
BATHROOM = {"presence": ["binary_sensor.bathroom_presence"], "door": ["binary_sensor.bathroom_door"]}
HALL = {"motion": ["binary_sensor.hall_motion"], "exit_door": ["binary_sensor.front_door"]}
ROOMS = {"kitchen": KITCHEN, "bathroom": BATHROOM, "hall": HALL}
OPTIONS = {
    "persons": ["person.ada", "person.grace"],
    "night_hour": 3,
    "routine_only": ["switch.street_light"],
}


def room_data(area_id: str, sensors: Mapping[str, Sequence[str]], kind: str = "other") -> ConfigSubentryData:
    """A room as the flow stores it."""
    return ConfigSubentryData(
        data={"area_id": area_id, "kind": kind, "sensors": dict(sensors)},
        subentry_type=SUBENTRY_ROOM,
        title=area_id.title(),
        unique_id=area_id,
    )


def make_entry(
    hass: HomeAssistant, rooms: Mapping[str, Mapping[str, Sequence[str]]] | None = None
) -> MockConfigEntry:
    """Register the home, not yet set up."""
    chosen = ROOMS if rooms is None else rooms
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Occupancy ML",
        options=OPTIONS,
        subentries_data=[room_data(area_id, sensors) for area_id, sensors in chosen.items()],
    )
    entry.add_to_hass(hass)
    return entry


async def set_up(
    hass: HomeAssistant, rooms: Mapping[str, Mapping[str, Sequence[str]]] | None = None
) -> MockConfigEntry:
    """Register the home, set it up, and let it learn what there is to learn."""
    entry = make_entry(hass, rooms)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    return entry


async def settle(hass: HomeAssistant) -> None:
    """Wait for all that is going on, learning in the background included."""
    await hass.async_block_till_done(wait_background_tasks=True)


async def pass_time(hass: HomeAssistant, freezer: FrozenDateTimeFactory, span: timedelta) -> None:
    """Let time pass, with all its timers."""
    freezer.tick(span)
    async_fire_time_changed(hass, dt_util.utcnow())
    await settle(hass)


def coordinator_of(entry: MockConfigEntry) -> Coordinator:
    """The coordinator of a loaded home."""
    runtime: Runtime = entry.runtime_data
    return runtime.coordinator


def database(hass: HomeAssistant) -> Path:
    """The file of the home."""
    return Path(hass.config.path(DATABASE_FILE))


async def stored_events(
    entry: MockConfigEntry, entity_id: str | None = None, start_us: int = 0, end_us: int = 1 << 62
) -> list[Event]:
    """The events in the file, of one entity or of all."""
    coordinator = coordinator_of(entry)

    def read() -> list[Event]:
        chosen = None if entity_id is None else [entity_id]
        batches = coordinator.engine.store.events.read(start_us, end_us, chosen)
        return [event for batch in batches for event in batch]

    return await coordinator.run(read)
