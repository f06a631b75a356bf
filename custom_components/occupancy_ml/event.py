"""The event that a routine of the home or of a room changed."""

from __future__ import annotations

from typing import Any

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .automation_targets import news_of
from .coordinator import Coordinator
from .engine.snapshot import RoutineChange
from .entity import HomeEntity, area_names, percent
from .forecasts import kind_of
from .runtime import OccupancyConfigEntry

PARALLEL_UPDATES = 0

EVENT_ROUTINE_CHANGED = "routine_changed"


async def async_setup_entry(
    hass: HomeAssistant, entry: OccupancyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the home's event."""
    async_add_entities([RoutineChanged(entry.runtime_data.coordinator)])


class RoutineChanged(HomeEntity, EventEntity):
    """Happens once for each change: a week or two after the day from which on it holds."""

    _attr_event_types = [EVENT_ROUTINE_CHANGED]  # noqa: RUF012 - Home Assistant's own declaration

    def __init__(self, coordinator: Coordinator) -> None:
        super().__init__(coordinator, "routine_changed")
        # What was announced before this entity is there is no news.
        self._told = list(coordinator.data.routine_changes)

    def _shown(self) -> tuple[Any, ...]:
        return (len(self._told),)

    @callback
    def _refresh(self) -> bool:
        """Tell what is new, one state each."""
        news = news_of(self.coordinator.data.routine_changes, self._told)
        for number, change in enumerate(news, 1):
            self._told.append(change)
            self._trigger_event(EVENT_ROUTINE_CHANGED, self._attributes(change))
            if number < len(news):
                self.async_write_ha_state()
        return super()._refresh()

    def _attributes(self, change: RoutineChange) -> dict[str, Any]:
        kind = kind_of(change.process)
        return {
            "kind": kind,
            "room": area_names(self.hass).get(change.process, change.process) if kind == "room" else None,
            "date": change.since,
            "found_by": change.found_by.value,
            "probability": percent(change.probability),
            "why": list(change.why),
        }
