"""Home Assistant's automations: whether one is sound, and putting it into the file that the user interface edits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
import logging
from pathlib import Path
from typing import Any

from homeassistant.components.automation import DOMAIN as AUTOMATION_DOMAIN
from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.const import (
    ATTR_ENTITY_ID,
    CONF_ID,
    SERVICE_RELOAD,
    SERVICE_TURN_OFF,
    SERVICE_TURN_ON,
    STATE_UNAVAILABLE,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util.yaml import dump
import voluptuous as vol

from .automation_file import (
    AUTOMATION_CONFIG_PATH,
    AutomationFileError,
    CannotEditError,
    is_included,
    read_automations,
    write_automation,
)

_LOGGER = logging.getLogger(__name__)


class InvalidAutomationError(Exception):
    """Home Assistant refuses the automation, or something that it names is not there."""


class UnsafeAutomationError(InvalidAutomationError):
    """It could do harm, and the user does not allow its class."""


class NotLoadedError(Exception):
    """The automation was written, and Home Assistant did not load it; it was taken out again."""


def as_yaml(config: Mapping[str, Any]) -> str:
    """An automation as Home Assistant itself writes it."""
    return dump(dict(config))


def entities_of(config: Mapping[str, Any]) -> set[str]:
    """The entities that triggers and conditions of a composed automation name."""
    found = set()
    for part in (*config["triggers"], *config["conditions"]):
        if isinstance(entity_id := part.get("entity_id"), str):
            found.add(entity_id)
    return found


class AutomationEditor:
    """Reads and writes `automations.yaml`, one change at a time, and has Home Assistant load it."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._path = Path(hass.config.path(AUTOMATION_CONFIG_PATH))
        self._lock = asyncio.Lock()

    async def async_validate(self, config: Mapping[str, Any], entity_ids: Iterable[str]) -> None:
        """Have Home Assistant validate an automation, and look for everything it names.

        Raises:
            InvalidAutomationError: why it cannot run.
        """
        for entity_id in sorted(entity_ids):
            if not self._exists(entity_id):
                raise InvalidAutomationError(f"{entity_id} does not exist")
        for action in config["actions"]:
            domain, _, name = str(action["action"]).partition(".")
            if not self._hass.services.has_service(domain, name):
                raise InvalidAutomationError(f"there is no action {domain}.{name}")
        try:
            await async_validate_config_item(self._hass, "new", {CONF_ID: "new", **config})
        except (vol.Invalid, HomeAssistantError) as error:
            raise InvalidAutomationError(str(error)) from error

    @callback
    def _exists(self, entity_id: str) -> bool:
        if self._hass.states.get(entity_id) is not None:
            return True
        entry = er.async_get(self._hass).async_get(entity_id)
        return entry is not None and entry.disabled_by is None

    async def async_can_write(self) -> bool:
        """Whether an automation that is put into the file will run."""
        if AUTOMATION_DOMAIN not in self._hass.config.components:
            return False
        return await self._hass.async_add_executor_job(is_included, Path(self._hass.config.config_dir))

    async def async_read(self, automation_ids: Iterable[str]) -> dict[str, str]:
        """The YAML of the automations that are in the file, by id.

        Raises:
            AutomationFileError: the file cannot be read.
        """
        return await self._hass.async_add_executor_job(read_automations, self._path, tuple(automation_ids))

    async def async_write(self, automation_id: str, mapping: str | None) -> None:
        """Put an automation into the file, or take it out, and have Home Assistant load it.

        Raises:
            AutomationFileError: the file cannot be edited; nothing was changed.
            NotLoadedError: Home Assistant did not load it; the file is as it was.
        """
        async with self._lock:
            before = (await self.async_read([automation_id])).get(automation_id)
            await self._async_put(automation_id, mapping)
            if mapping is None:
                self._forget(automation_id)
            elif not self.runs(automation_id):
                await self._async_put(automation_id, before)
                if before is None:
                    self._forget(automation_id)
                raise NotLoadedError(automation_id)

    async def _async_put(self, automation_id: str, mapping: str | None) -> None:
        await self._hass.async_add_executor_job(write_automation, self._path, automation_id, mapping)
        try:
            await self._hass.services.async_call(
                AUTOMATION_DOMAIN, SERVICE_RELOAD, {CONF_ID: automation_id}, blocking=True
            )
        except HomeAssistantError as error:
            # Somewhere else the configuration is broken: it loads when that is mended.
            _LOGGER.warning("Automations could not be loaded anew: %s", error)

    @callback
    def runs(self, automation_id: str) -> bool:
        """Whether Home Assistant has loaded it, from whatever file, be it turned on or off."""
        entity_id = self.entity_id(automation_id)
        state = None if entity_id is None else self._hass.states.get(entity_id)
        return state is not None and state.state != STATE_UNAVAILABLE

    @callback
    def _forget(self, automation_id: str) -> None:
        """As Home Assistant's own editor does when it deletes: no ghost of the entity is left.

        What is loaded all the same stands in another file, and is no ghost.
        """
        entity_id = self.entity_id(automation_id)
        if entity_id is not None and not self.runs(automation_id):
            er.async_get(self._hass).async_remove(entity_id)

    @callback
    def entity_id(self, automation_id: str) -> str | None:
        """The entity of an automation, by the id in the file."""
        return er.async_get(self._hass).async_get_entity_id(
            AUTOMATION_DOMAIN, AUTOMATION_DOMAIN, automation_id
        )

    async def async_turn_off(self, automation_id: str) -> None:
        """Turn an automation off, as its switch in the user interface does."""
        await self._async_switch(automation_id, SERVICE_TURN_OFF, stop_actions=False)

    async def async_turn_on(self, automation_id: str) -> None:
        """Turn an automation on again."""
        await self._async_switch(automation_id, SERVICE_TURN_ON)

    async def _async_switch(self, automation_id: str, service: str, **data: Any) -> None:
        if (entity_id := self.entity_id(automation_id)) is not None:
            await self._hass.services.async_call(
                AUTOMATION_DOMAIN, service, {ATTR_ENTITY_ID: entity_id, **data}, blocking=True
            )


__all__ = [
    "AutomationEditor",
    "AutomationFileError",
    "CannotEditError",
    "InvalidAutomationError",
    "NotLoadedError",
    "UnsafeAutomationError",
    "as_yaml",
    "entities_of",
]
