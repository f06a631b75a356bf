"""Lights of the simulated home; whoever watches may switch them too."""

from __future__ import annotations

from typing import Any

from homeassistant.components.light import ColorMode, LightEntity
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoConfigEntry
from .entity import SimulatedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Put them up."""
    player = entry.runtime_data
    devices = [device for device in player.config.devices if device.entity_id.startswith("light.")]
    async_add_entities(SimulatedLight(player, device) for device in devices)


class SimulatedLight(SimulatedEntity, LightEntity):
    """On or off."""

    _attr_color_mode = ColorMode.ONOFF
    _attr_supported_color_modes = {ColorMode.ONOFF}  # noqa: RUF012 - Home Assistant's own declaration

    def _take(self, state: str) -> None:
        self._attr_is_on = {"on": True, "off": False}.get(state)

    async def async_turn_on(self, **kwargs: Any) -> None:
        """Switch on."""
        self._heard("on", None)

    async def async_turn_off(self, **kwargs: Any) -> None:
        """Switch off."""
        self._heard("off", None)
