"""Flows that mend what the issues of `issues.py` tell."""

from __future__ import annotations

from collections.abc import Mapping

from homeassistant.components.repairs import ConfirmRepairFlow, RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import voluptuous as vol

from . import issues
from .const import CONF_SLEEP, CONF_SLEEP_END, CONF_SLEEP_START, DOMAIN
from .registries import async_map_entities, async_missing, missing_among
from .runtime import OccupancyConfigEntry

_SLEEP_HELPERS = {CONF_SLEEP_START, CONF_SLEEP_END}


class OccupancyRepairFlow(RepairsFlow):
    """Asks once, then mends."""

    async def async_step_init(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Ask, then mend."""
        if user_input is not None:
            return await self._async_mend()
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            description_placeholders=None if issue is None else issue.translation_placeholders,
        )

    @property
    def _entry(self) -> OccupancyConfigEntry | None:
        entries = self.hass.config_entries.async_entries(DOMAIN)
        return entries[0] if entries else None

    @property
    def _owner(self) -> str:
        return str((self.data or {}).get("owner", ""))

    async def _async_mend(self) -> RepairsFlowResult:
        raise TypeError("each flow mends its own issue")


class RemoveSensorsFlow(OccupancyRepairFlow):
    """Takes entities that no longer exist out of their room."""

    async def _async_mend(self) -> RepairsFlowResult:
        if (entry := self._entry) is not None:
            # Looked up again: some may have returned while the question stood.
            gone = set(async_missing(self.hass, entry, self._owner))
            async_map_entities(self.hass, entry, self._owner, lambda e: None if e in gone else e)
        return self.async_create_entry(data={})


class RemoveRoomFlow(OccupancyRepairFlow):
    """Removes the room of a deleted area."""

    async def _async_mend(self) -> RepairsFlowResult:
        if (entry := self._entry) is not None and self._owner in entry.subentries:
            self.hass.config_entries.async_remove_subentry(entry, self._owner)
        return self.async_create_entry(data={})


class RemoveSleepFlow(OccupancyRepairFlow):
    """Takes helpers of sleep that no longer exist out of the options."""

    async def _async_mend(self) -> RepairsFlowResult:
        if (entry := self._entry) is not None:
            sleep: dict[str, str] = entry.options.get(CONF_SLEEP, {})
            gone = set(missing_among(self.hass, sleep.values()))
            lost = {key for key, entity_id in sleep.items() if entity_id in gone}
            if lost & _SLEEP_HELPERS:  # one of the two tells nothing
                lost |= _SLEEP_HELPERS
            kept = {key: entity_id for key, entity_id in sleep.items() if key not in lost}
            self.hass.config_entries.async_update_entry(entry, options={**entry.options, CONF_SLEEP: kept})
        return self.async_create_entry(data={})


class TrainAgainFlow(OccupancyRepairFlow):
    """Trains again."""

    async def _async_mend(self) -> RepairsFlowResult:
        entry = self._entry
        if entry is None or entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded")
        try:
            await entry.runtime_data.learner.async_train("repair")
        except HomeAssistantError as error:
            return self._async_failed(str(error))
        # What fails in a part of the training is not raised; the training itself asks again, or no more.
        issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self.issue_id)
        if issue is not None:
            return self._async_failed((issue.translation_placeholders or {}).get("error", ""))
        return self.async_create_entry(data={})

    def _async_failed(self, error: str) -> RepairsFlowResult:
        return self.async_abort(reason="failed", description_placeholders={"error": error})


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: Mapping[str, str | int | float | None] | None
) -> RepairsFlow:
    """The flow that mends an issue; what is only news is confirmed."""
    kind = (data or {}).get("kind")
    if kind == issues.SENSORS_MISSING:
        return RemoveSensorsFlow()
    if kind == issues.AREA_REMOVED:
        return RemoveRoomFlow()
    if kind == issues.SLEEP_MISSING:
        return RemoveSleepFlow()
    if issue_id == issues.TRAINING_FAILED:
        return TrainAgainFlow()
    return ConfirmRepairFlow()
