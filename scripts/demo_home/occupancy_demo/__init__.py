"""A SIMULATED home, for the demo of Occupancy ML only: invented people who walk past invented sensors."""

from __future__ import annotations

from homeassistant.config_entries import SOURCE_IMPORT, ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers.start import async_at_started
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .player import Player
from .welcome import async_prepare_house, async_welcome

DOMAIN = "occupancy_demo"
CONFIG_SCHEMA = vol.Schema(
    {DOMAIN: {vol.Required("time_zone"): str, vol.Required("seed"): int, vol.Required("dashboard"): str}},
    extra=vol.ALLOW_EXTRA,
)
PLATFORMS = (Platform.BINARY_SENSOR, Platform.LIGHT, Platform.MEDIA_PLAYER, Platform.SENSOR)

type DemoConfigEntry = ConfigEntry[Player]


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Open the house to whoever sits at this machine, and let the simulated people in."""
    await async_prepare_house(hass, config[DOMAIN]["dashboard"])
    if not hass.config_entries.async_entries(DOMAIN):
        hass.async_create_task(
            hass.config_entries.flow.async_init(
                DOMAIN, context={"source": SOURCE_IMPORT}, data=config[DOMAIN]
            )
        )
    return True


async def async_setup_entry(hass: HomeAssistant, entry: DemoConfigEntry) -> bool:
    """Put the devices up and start to play."""
    player = Player(hass, entry.data["time_zone"], entry.data["seed"])
    await player.async_prepare()
    entry.runtime_data = player
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    entry.async_create_background_task(hass, player.async_play(), "simulated home")
    entry.async_on_unload(async_at_started(hass, async_welcome))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: DemoConfigEntry) -> bool:
    """Take the devices down; the player stops with the entry."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
