"""What the simulated devices share."""

from __future__ import annotations

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import Context, callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity

from tests.simulator.config import Device

from .player import Player
from .things import area_name, name_of


class SimulatedEntity(Entity):
    """Says what the player says."""

    _attr_should_poll = False
    _attr_has_entity_name = True
    _attr_name = None

    def __init__(self, player: Player, device: Device) -> None:
        self._player = player
        self.entity_id = device.entity_id
        self._attr_unique_id = device.entity_id
        self._attr_device_info = DeviceInfo(
            identifiers={("occupancy_demo", device.entity_id)},
            name=name_of(device),
            manufacturer="SIMULATED",
            suggested_area=area_name(device.room_id) if device.room_id else None,
        )
        self._attr_device_class = device.sensor.device_class
        self._hear(player.state(device.entity_id))

    def _take(self, state: str) -> None:
        """Set the attributes that Home Assistant reads from a state in the simulation's words."""
        raise TypeError("each kind of device understands its own states")

    def _hear(self, state: str) -> None:
        self._attr_available = state != STATE_UNAVAILABLE
        if self._attr_available:
            self._take(state)

    async def async_added_to_hass(self) -> None:
        """Listen to the player."""
        self.async_on_remove(self._player.async_hear(str(self.unique_id), self._heard))

    @callback
    def _heard(self, state: str, context: Context | None) -> None:
        self._hear(state)
        if context is not None:
            self.async_set_context(context)
        self.async_write_ha_state()
