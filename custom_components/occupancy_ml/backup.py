"""Backups of Home Assistant hold a consistent copy of the file, and ingestion goes on while they are made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
import logging

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .engine.store import StoreError
from .engine.store.hold import FileHold
from .log_lines import log_line
from .runtime import OccupancyConfigEntry

_LOGGER = logging.getLogger(__name__)

# A backup whose end is never told must not let the log grow for ever.
LONGEST = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class _Held:
    hold: FileHold
    cancel: CALLBACK_TYPE


_HELD: HassKey[_Held] = HassKey(f"{DOMAIN}_backup")


async def async_pre_backup(hass: HomeAssistant) -> None:
    """Store what is buffered and keep the main file as it is; events go on into the log beside it.

    Raises:
        HomeAssistantError: another program holds the file, or it cannot be used.
    """
    await async_release(hass)
    entries: list[OccupancyConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    for entry in entries:
        try:
            # A reload that is under way ends first; one that begins later leaves the file held.
            async with entry.setup_lock:
                if entry.state is not ConfigEntryState.LOADED:
                    continue  # nobody writes the file
                hold = await entry.runtime_data.coordinator.async_hold_file()
        except StoreError as error:
            log_line(_LOGGER, logging.WARNING, "backup_refused", cause=type(error).__name__)
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="store_error",
                translation_placeholders={"error": str(error)},
            ) from error

        async def too_long(_now: datetime) -> None:
            log_line(_LOGGER, logging.WARNING, "backup_too_long", hours=LONGEST // timedelta(hours=1))
            await async_release(hass)

        hass.data[_HELD] = _Held(hold, async_call_later(hass, LONGEST, too_long))
        log_line(_LOGGER, logging.INFO, "backup_started")


async def async_post_backup(hass: HomeAssistant) -> None:
    """Let the log be folded into the file again."""
    if await async_release(hass):
        log_line(_LOGGER, logging.INFO, "backup_finished")


async def async_release(hass: HomeAssistant) -> bool:
    """End what `async_pre_backup` began; whether there was something to end."""
    if (held := hass.data.pop(_HELD, None)) is None:
        return False
    held.cancel()
    await hass.async_add_executor_job(held.hold.release)
    return True
