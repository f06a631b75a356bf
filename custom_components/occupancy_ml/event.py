"""The event that a routine of the home or of a room changed."""

from __future__ import annotations

from typing import Any

from homeassistant.components.event import EventEntity
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import Coordinator
from .engine.snapshot import HOME, SLEEP, RoutineChange
from .entity import HomeEntity, area_names, percent
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
        self._told = {_key(change) for change in coordinator.data.routine_changes}

    def _shown(self) -> tuple[Any, ...]:
        return tuple(sorted(self._told))

    @callback
    def _refresh(self) -> bool:
        """Tell what is new, one state each."""
        changes = self.coordinator.data.routine_changes
        news = [change for change in changes if _key(change) not in self._told]
        for number, change in enumerate(news, 1):
            self._told.add(_key(change))
            self._trigger_event(EVENT_ROUTINE_CHANGED, self._attributes(change))
            if number < len(news):
                self.async_write_ha_state()
        return super()._refresh()

    def _attributes(self, change: RoutineChange) -> dict[str, Any]:
        kind = {HOME: "home", SLEEP: "sleep"}.get(change.process, "room")
        return {
            "kind": kind,
            "room": area_names(self.hass).get(change.process, change.process) if kind == "room" else None,
            "date": change.since,
            "found_by": change.found_by.value,
            "probability": percent(change.probability),
            "why": list(change.why),
        }


def _key(change: RoutineChange) -> tuple[str, int]:
    return change.process, change.noticed_us
