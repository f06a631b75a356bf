"""Buttons: train now; somebody, or nobody, is in this room."""

from __future__ import annotations

from typing import Any

from homeassistant.components.button import ButtonEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import SUBENTRY_ROOM
from .coordinator import Coordinator
from .entity import HomeEntity, RoomEntity
from .learning import Learner
from .runtime import OccupancyConfigEntry, Runtime

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: OccupancyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the home's button, and two for each room."""
    async_add_entities([RetrainButton(entry.runtime_data)])
    for subentry in entry.get_subentries_of_type(SUBENTRY_ROOM):
        async_add_entities(
            [TellButton(entry.runtime_data.coordinator, subentry, key) for key in _TOLD],
            config_subentry_id=subentry.subentry_id,
        )


# By translation key: what pressing says.
_TOLD = {"someone_here": True, "nobody_here": False}


class RetrainButton(HomeEntity, ButtonEntity):
    """Trains all rooms now; the learning status shows the progress."""

    _attr_entity_category = EntityCategory.CONFIG

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime.coordinator, "retrain")
        self._learner: Learner = runtime.learner

    def _shown(self) -> tuple[Any, ...]:
        return ()

    async def async_press(self) -> None:
        """Train, and tell by an error where that fails."""
        await self._learner.async_train("request")


class TellButton(RoomEntity, ButtonEntity):
    """Corrects the room at once; what was said stands until something contradicts it."""

    def __init__(self, coordinator: Coordinator, subentry: ConfigSubentry, key: str) -> None:
        super().__init__(coordinator, subentry, key)
        self._occupied = _TOLD[key]

    def _shown(self) -> tuple[Any, ...]:
        return ()

    async def async_press(self) -> None:
        """Correct, and tell by an error where the store refuses."""
        who = None if self._context is None else self._context.user_id
        await self.coordinator.async_correct(
            lambda engine, now: engine.tell(self._room_id, self._occupied, now, who)
        )
