"""The button that starts a training."""

from __future__ import annotations

from typing import Any

from homeassistant.components.button import ButtonEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .entity import HomeEntity
from .learning import Learner
from .runtime import OccupancyConfigEntry, Runtime

PARALLEL_UPDATES = 0


async def async_setup_entry(
    hass: HomeAssistant, entry: OccupancyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the home's button."""
    async_add_entities([RetrainButton(entry.runtime_data)])


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
