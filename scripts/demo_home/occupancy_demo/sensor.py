"""Temperature and CO2 of the simulated home, and what no real home can tell: who is really there."""

from __future__ import annotations

from datetime import datetime, timedelta

from homeassistant.components.sensor import SensorEntity, SensorStateClass
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_track_time_interval

from tests.simulator.config import Device

from . import DemoConfigEntry
from .entity import SimulatedEntity
from .player import Player
from .things import MEASURES, area_name

_LOOK_EVERY = timedelta(seconds=2)


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Put them up."""
    player = entry.runtime_data
    devices = [device for device in player.config.devices if device.entity_id.startswith("sensor.")]
    async_add_entities(SimulatedSensor(player, device) for device in devices)
    async_add_entities(ReallyThere(player, room.room_id) for room in player.config.rooms)


class SimulatedSensor(SimulatedEntity, SensorEntity):
    """A measurement."""

    _attr_state_class = SensorStateClass.MEASUREMENT

    def __init__(self, player: Player, device: Device) -> None:
        super().__init__(player, device)
        self._attr_native_unit_of_measurement = MEASURES[device.kind][0]

    def _take(self, state: str) -> None:
        self._attr_native_value = None if state == "unknown" else float(state)


class ReallyThere(SensorEntity):
    """Who is in a room, as only the simulation knows. No device class: nothing that could be taken for a sensor."""

    _attr_should_poll = False
    _attr_icon = "mdi:eye-check"

    def __init__(self, player: Player, room_id: str) -> None:
        self._player = player
        self._room_id = room_id
        self.entity_id = f"sensor.{room_id}_really_there"
        self._attr_unique_id = f"really_there_{room_id}"
        self._attr_name = f"{area_name(room_id)}: really there (simulated)"
        self._attr_device_info = DeviceInfo(
            identifiers={("occupancy_demo", "truth")}, name="Simulated truth", manufacturer="SIMULATED"
        )
        self._look()

    async def async_added_to_hass(self) -> None:
        """Look again and again."""
        self.async_on_remove(async_track_time_interval(self.hass, self._async_look, _LOOK_EVERY))

    def _look(self) -> bool:
        people = ", ".join(who.replace("_", " ").title() for who in self._player.people_in(self._room_id))
        seen = people or "Nobody"
        changed = seen != self._attr_native_value
        self._attr_native_value = seen
        return changed

    @callback
    def _async_look(self, _now: datetime) -> None:
        if self._look():
            self.async_write_ha_state()
