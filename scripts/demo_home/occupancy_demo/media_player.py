"""The television of the simulated home."""

from __future__ import annotations

from homeassistant.components.media_player import MediaPlayerEntity, MediaPlayerState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import DemoConfigEntry
from .entity import SimulatedEntity


async def async_setup_entry(
    hass: HomeAssistant, entry: DemoConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Put it up."""
    player = entry.runtime_data
    devices = [device for device in player.config.devices if device.entity_id.startswith("media_player.")]
    async_add_entities(SimulatedMediaPlayer(player, device) for device in devices)


class SimulatedMediaPlayer(SimulatedEntity, MediaPlayerEntity):
    """Playing or off."""

    def _take(self, state: str) -> None:
        self._attr_state = MediaPlayerState(state) if state in set(MediaPlayerState) else None
