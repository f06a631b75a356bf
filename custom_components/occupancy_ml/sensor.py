"""Probabilities of rooms, and how learning stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import PERCENTAGE, EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .const import CONF_AREA_ID, DOMAIN, SUBENTRY_ROOM
from .coordinator import Coordinator
from .diagnostic_sensors import HOME_READINESS, ROOM_READINESS, HomeReadiness, RoomReadiness
from .engine.adaptation.report import TOO_LITTLE_SCORED
from .engine.events import from_us
from .engine.snapshot import HomeState, Learning, Movement
from .entity import HomeEntity, RoomEntity, SteadyPercent, percent
from .forecast_sensors import (
    HOME_CHANGES,
    HORIZONS,
    SLEEP_CHANGES,
    HomeNextChange,
    RoomNextTransition,
    RoomOccupiedIn,
)
from .forecasts import tells_of_sleep
from .report_sensors import ROOM_MERITS, RoomMerit
from .runtime import OccupancyConfigEntry
from .suggestions import SuggestionKeeper

PARALLEL_UPDATES = 0

ATTR_PROGRESS = "progress"
ATTR_REASON = "reason"
ATTR_SUGGESTIONS = "suggestions"


@dataclass(frozen=True, kw_only=True)
class HomeSensorDescription(SensorEntityDescription):
    """A sensor that shows one value of the home's state, and why where there is none."""

    value_fn: Callable[[HomeState], str | int | datetime | None]
    why_unknown: str


HOME_SENSORS = (
    HomeSensorDescription(
        key="model_quality",
        native_unit_of_measurement=PERCENTAGE,
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        suggested_display_precision=0,
        value_fn=lambda home: percent(home.quality),
        why_unknown=TOO_LITTLE_SCORED,
    ),
    HomeSensorDescription(
        key="last_training",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value_fn=lambda home: None if home.trained_at_us is None else from_us(home.trained_at_us),
        why_unknown="Nothing was trained yet. Each night trains.",
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: OccupancyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of the home and its rooms."""
    coordinator, monitor = entry.runtime_data.coordinator, entry.runtime_data.monitor
    sleeps = tells_of_sleep(coordinator)
    async_add_entities(
        [
            LearningStatus(coordinator),
            OpenSuggestions(coordinator, entry.runtime_data.suggestions),
            LastRoutineChange(coordinator),
            *(HomeSensor(coordinator, each) for each in HOME_SENSORS),
            *(HomeNextChange(coordinator, each) for each in HOME_CHANGES),
            *(HomeNextChange(coordinator, each) for each in SLEEP_CHANGES if sleeps),
            *(HomeReadiness(coordinator, monitor, each) for each in HOME_READINESS),
        ]
    )
    for subentry in entry.get_subentries_of_type(SUBENTRY_ROOM):
        if coordinator.home.pets:
            _enable(hass, f"room_{subentry.data[CONF_AREA_ID]}_movement")
        async_add_entities(
            [
                RoomProbability(coordinator, subentry),
                *(RoomMerit(coordinator, subentry, each) for each in ROOM_MERITS),
                RoomNextTransition(coordinator, subentry),
                *(RoomOccupiedIn(coordinator, subentry, minutes) for minutes in HORIZONS),
                RoomMovement(coordinator, subentry),
                *(RoomReadiness(coordinator, monitor, subentry, each) for each in ROOM_READINESS),
            ],
            config_subentry_id=subentry.subentry_id,
        )


@callback
def _enable(hass: HomeAssistant, unique_id: str) -> None:
    """Enable a sensor that was of no use before an option was chosen; what a person disabled stays so."""
    registry = er.async_get(hass)
    entity_id = registry.async_get_entity_id("sensor", DOMAIN, unique_id)
    entry = None if entity_id is None else registry.async_get(entity_id)
    if entry is not None and entry.disabled_by is er.RegistryEntryDisabler.INTEGRATION:
        registry.async_update_entity(entry.entity_id, disabled_by=None)


class RoomProbability(RoomEntity, SensorEntity):
    """The probability that a room is occupied, in percent."""

    _attr_native_unit_of_measurement = PERCENTAGE
    _attr_state_class = SensorStateClass.MEASUREMENT
    _attr_suggested_display_precision = 0

    def __init__(self, coordinator: Coordinator, subentry: ConfigSubentry) -> None:
        super().__init__(coordinator, subentry, "probability")
        self._percent = SteadyPercent()

    def _shown(self) -> tuple[Any, ...]:
        self._attr_native_value = self._percent.update(self._room.probability)
        return (self._attr_native_value,)


class RoomMovement(RoomEntity, SensorEntity):
    """What moved in a room within the last quarter of an hour: a person, a pet, or nobody can tell."""

    _attr_device_class = SensorDeviceClass.ENUM
    _attr_options = [movement.value for movement in Movement]  # noqa: RUF012 - Home Assistant's own declaration

    def __init__(self, coordinator: Coordinator, subentry: ConfigSubentry) -> None:
        super().__init__(coordinator, subentry, "movement")
        self._attr_entity_registry_enabled_default = coordinator.home.pets

    def _shown(self) -> tuple[Any, ...]:
        self._attr_native_value = self._room.movement.value
        return (self._attr_native_value,)


class LearningStatus(HomeEntity, SensorEntity):
    """How far learning has come, with what is missing."""

    _attr_device_class = SensorDeviceClass.ENUM
    _attr_options = [learning.value for learning in Learning]  # noqa: RUF012 - Home Assistant's own declaration
    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _unrecorded_attributes = frozenset({ATTR_PROGRESS, ATTR_REASON})

    def __init__(self, coordinator: Coordinator) -> None:
        super().__init__(coordinator, "learning_status")
        self._progress = SteadyPercent(5.0)

    def _shown(self) -> tuple[Any, ...]:
        home = self._home
        progress = self._progress.update(home.progress)
        self._attr_native_value = home.learning.value
        self._attr_extra_state_attributes = {ATTR_REASON: home.learning_reason, ATTR_PROGRESS: progress}
        return (home.learning, home.learning_reason, progress)


class OpenSuggestions(HomeEntity, SensorEntity):
    """How many suggestions wait for an answer, and what they say."""

    _attr_state_class = SensorStateClass.MEASUREMENT
    _unrecorded_attributes = frozenset({ATTR_SUGGESTIONS})

    def __init__(self, coordinator: Coordinator, keeper: SuggestionKeeper) -> None:
        super().__init__(coordinator, "open_suggestions")
        self._keeper = keeper

    async def async_added_to_hass(self) -> None:
        """Follow the suggestions beside the snapshots."""
        self.async_on_remove(self._keeper.async_add_listener(self._handle_coordinator_update))
        await super().async_added_to_hass()

    def _shown(self) -> tuple[Any, ...]:
        told = tuple(each.description for each in self._keeper.open)
        self._attr_native_value = len(told)
        self._attr_extra_state_attributes = {ATTR_SUGGESTIONS: list(told)}
        return told


class LastRoutineChange(HomeEntity, SensorEntity):
    """The day from which on a routine is no longer what it was."""

    _attr_device_class = SensorDeviceClass.TIMESTAMP

    def __init__(self, coordinator: Coordinator) -> None:
        super().__init__(coordinator, "last_routine_change")

    def _shown(self) -> tuple[Any, ...]:
        changes = self.coordinator.data.routine_changes
        day = None if not changes else dt_util.parse_date(changes[-1].since)
        self._attr_native_value = None if day is None else dt_util.start_of_local_day(day)
        return (self._attr_native_value,)


class HomeSensor(HomeEntity, SensorEntity):
    """One value of the home's state."""

    entity_description: HomeSensorDescription
    _unrecorded_attributes = frozenset({ATTR_REASON})

    def __init__(self, coordinator: Coordinator, description: HomeSensorDescription) -> None:
        super().__init__(coordinator, description.key)
        self.entity_description = description

    def _shown(self) -> tuple[Any, ...]:
        value = self._attr_native_value = self.entity_description.value_fn(self._home)
        self._attr_extra_state_attributes = (
            {ATTR_REASON: self.entity_description.why_unknown} if value is None else {}
        )
        return (value,)
