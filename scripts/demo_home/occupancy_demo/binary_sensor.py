"""Motion, presence, doors and appliances of the simulated home."""

from __future__ import annotations

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoConfigEntry
from .entity import SimulatedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Put them up."""
    player = entry.runtime_data
    devices = [device for device in player.config.devices if device.entity_id.startswith("binary_sensor.")]
    async_add_entities(SimulatedBinarySensor(player, device) for device in devices)


class SimulatedBinarySensor(SimulatedEntity, BinarySensorEntity):
    """On or off."""

    def _take(self, state: str) -> None:
        self._attr_is_on = {"on": True, "off": False}.get(state)
