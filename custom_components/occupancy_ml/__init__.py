"""Occupancy ML: which rooms are occupied, learned on this machine."""

from __future__ import annotations

from pathlib import Path

from homeassistant.const import EVENT_CORE_CONFIG_UPDATE, EVENT_HOMEASSISTANT_FINAL_WRITE, Platform
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

from . import backup, issues
from .automation_targets import async_send_snapshots
from .const import DATABASE_FILE, DOMAIN
from .coordinator import Coordinator
from .engine.store.errors import MigrationError, NewerSchemaError, StoreError
from .faults import FaultReporter
from .home_builder import home_from_entry
from .label_capture import LabelCapture
from .learning import Learner
from .monitor import Monitor
from .questions import Asker
from .registries import RegistryFollower, async_follow_renames, async_remove_ghosts
from .runtime import OccupancyConfigEntry, Runtime
from .services import async_setup_services
from .suggestion_services import async_setup_suggestion_services
from .suggestions import SuggestionKeeper
from .websocket_api import async_setup_websocket_api

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)
PLATFORMS = (Platform.BINARY_SENSOR, Platform.BUTTON, Platform.EVENT, Platform.SENSOR)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register actions and commands: they exist, and explain themselves, also while no home is set up.

    Renamed entities are followed all the time too: a home is not set up while it is set up again.
    """
    async_follow_renames(hass)
    async_setup_services(hass)
    async_setup_suggestion_services(hass)
    async_setup_websocket_api(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: OccupancyConfigEntry) -> bool:
    """Set up a home."""
    async_remove_ghosts(hass, entry)
    home, options = home_from_entry(hass, entry), dict(entry.options)
    reloading = False

    async def changed(hass: HomeAssistant, entry: OccupancyConfigEntry) -> None:
        nonlocal reloading
        # Renaming a device renames several entities: the first reload takes in all that was changed by then.
        if not reloading and (home_from_entry(hass, entry) != home or dict(entry.options) != options):
            reloading = True
            await hass.config_entries.async_reload(entry.entry_id)

    @callback
    def config_changed(event: Event) -> None:
        if "time_zone" in event.data:
            hass.config_entries.async_schedule_reload(entry.entry_id)

    # From here on: what is changed before set-up ends is taken in by a reload that waits for the end.
    entry.async_on_unload(entry.add_update_listener(changed))
    entry.async_on_unload(hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, config_changed))
    coordinator = Coordinator(hass, entry, home, Path(hass.config.path(DATABASE_FILE)))
    learner = Learner(hass, entry, coordinator)

    async def close(_event: Event) -> None:
        # Home Assistant stops, and with it the backup: a file that is held could not be folded.
        await backup.async_release(hass)
        await _async_close(coordinator, learner)

    # Before the file is opened: Home Assistant may stop while it is.
    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_FINAL_WRITE, close))
    try:
        await _async_open(hass, coordinator)
        coordinator.async_listen()
        await coordinator.async_config_entry_first_refresh()
        keeper = SuggestionKeeper(hass, entry, coordinator)
        entry.runtime_data = Runtime(coordinator, learner, Monitor(hass, entry, coordinator), keeper)
        await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    except BaseException:
        await _async_close(coordinator, learner)
        raise

    entry.async_on_unload(RegistryFollower(hass, entry, coordinator).async_start())
    entry.async_on_unload(LabelCapture(hass, entry, coordinator).async_start())
    entry.async_on_unload(FaultReporter(hass, coordinator).async_start())
    entry.async_on_unload(Asker(hass, entry, coordinator).async_start())
    entry.async_on_unload(async_send_snapshots(hass, coordinator))
    entry.async_on_unload(keeper.async_start())
    learner.async_start()
    return True


async def _async_open(hass: HomeAssistant, coordinator: Coordinator) -> None:
    """Open the store; what only a person can mend becomes a repair, the rest is tried again."""
    path = str(coordinator.path)
    try:
        await coordinator.async_open()
    except StoreError as error:
        issues.async_raise_store_issue(hass, error, path)
        # Time heals neither a file from the future nor a failing migration.
        final = isinstance(error, (MigrationError, NewerSchemaError))
        raise (ConfigEntryError if final else ConfigEntryNotReady)(
            translation_domain=DOMAIN,
            translation_key=issues.store_issue_of(error),
            translation_placeholders={"path": path, "error": str(error)},
        ) from error
    issues.async_clear_store_issues(hass)
    if (set_aside := coordinator.engine.store.recovered_from) is not None:
        issues.async_raise_damaged(hass, path, set_aside.name, coordinator.engine.store.salvaged)


async def _async_close(coordinator: Coordinator, learner: Learner) -> None:
    """Stop learning, store what is buffered, close the file. What a backup holds stays held."""
    coordinator.async_stop_listening()
    await learner.async_stop()
    await coordinator.async_close()


async def async_unload_entry(hass: HomeAssistant, entry: OccupancyConfigEntry) -> bool:
    """Unload a home: nothing is lost, nothing stays behind."""
    if not await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        return False
    await _async_close(entry.runtime_data.coordinator, entry.runtime_data.learner)
    return True


async def async_remove_entry(hass: HomeAssistant, entry: OccupancyConfigEntry) -> None:
    """Remove a home. The file stays: months of learning must not hang on one click."""
    issues.async_clear_all(hass)


async def async_migrate_entry(hass: HomeAssistant, entry: OccupancyConfigEntry) -> bool:
    """Accept entries of this version; one from a newer major version is left as it is."""
    return entry.version == 1
