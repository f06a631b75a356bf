"""Sensors for monitoring, disabled by default: what Home Assistant's own exporters then carry."""

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
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfInformation, UnitOfTime

from .coordinator import Coordinator
from .engine.events import from_us
from .entity import HomeEntity, OccupancyEntity, RoomEntity
from .forecast_scores import by_direction, over_directions, worst_bias
from .forecast_sensors import HORIZONS, SHOWN_HORIZONS
from .monitor import Json, Monitor


@dataclass(frozen=True, kw_only=True)
class ReadinessDescription(SensorEntityDescription):
    """A sensor that shows one value of the readiness of the home, or of one room's part of it."""

    value_fn: Callable[[Json], float | datetime | None]
    attributes_fn: Callable[[Json], dict[str, Any]] = lambda _told: {}
    entity_registry_enabled_default: bool = False
    entity_category: EntityCategory | None = EntityCategory.DIAGNOSTIC
    state_class: SensorStateClass | None = SensorStateClass.MEASUREMENT


def _accuracy(room: Json, key: str, scale: float = 1.0) -> float | None:
    accuracy = room["accuracy"]
    value = None if accuracy is None else accuracy[key]
    return None if value is None else round(scale * value, 3)


def _latency(key: str, of: str, which: str) -> ReadinessDescription:
    return ReadinessDescription(
        key=key,
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        suggested_display_precision=1,
        value_fn=lambda told: told["latency"][of][which],
    )


def _counted(key: str, of: str) -> ReadinessDescription:
    return ReadinessDescription(key=key, value_fn=lambda told: told[of])


def _moment(key: str, of: str) -> ReadinessDescription:
    return ReadinessDescription(
        key=key,
        device_class=SensorDeviceClass.TIMESTAMP,
        state_class=None,
        value_fn=lambda told: None if told[of] is None else from_us(told[of]),
    )


_LABELS = ReadinessDescription(
    key="labels_stored",
    value_fn=lambda told: sum(told["labels"].values()),
    attributes_fn=lambda told: told["labels"],
)
_LABELLED_DAYS = ReadinessDescription(
    key="labelled_days",
    native_unit_of_measurement=UnitOfTime.DAYS,
    value_fn=lambda told: told["labelled_days"],
)


def _retrained(key: str) -> ReadinessDescription:
    """How often something was trained, by cause in the attributes."""

    def by_cause(told: Json) -> dict[str, int]:
        return {cause: sum(ended.values()) for cause, ended in sorted(told[key].items())}

    return ReadinessDescription(
        key=key, value_fn=lambda told: sum(by_cause(told).values()), attributes_fn=by_cause
    )


def _forecast(told: Json, *path: str | int, scale: float = 1.0, digits: int = 1) -> float | None:
    """A score of the forecasts of the home or a room, over its directions."""
    value = over_directions(told.get("forecasts"), *path)
    return None if value is None else round(scale * value, digits)


def _forecast_percent(key: str, *path: str | int) -> ReadinessDescription:
    return ReadinessDescription(
        key=key,
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        value_fn=lambda told: _forecast(told, *path, scale=100.0),
    )


def _forecast_minutes(key: str, *path: str | int) -> ReadinessDescription:
    return ReadinessDescription(
        key=key,
        native_unit_of_measurement=UnitOfTime.MINUTES,
        suggested_display_precision=0,
        value_fn=lambda told: _forecast(told, *path),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _brier(told: Json, minutes: int) -> float | None:
    return _forecast(told, "brier", str(minutes), 0, digits=4)


# How the forecasts of the last 14 days did, of the home as of a room.
_FORECASTS = (
    _forecast_percent("forecast_skill", "skill"),
    _forecast_percent("forecast_coverage", "coverage_80"),
    _forecast_minutes("forecast_error", "mean_error"),
    ReadinessDescription(
        key="forecast_bias",
        native_unit_of_measurement=UnitOfTime.MINUTES,
        suggested_display_precision=0,
        value_fn=lambda told: _rounded(worst_bias(told.get("forecasts"))),
        attributes_fn=lambda told: {
            direction: _rounded(value)
            for direction, (value, _) in by_direction(told.get("forecasts"), "bias").items()
        },
    ),
    _forecast_percent("forecast_within_15", "within", "15"),
    _forecast_percent("forecast_within_20", "within", "20"),
    _forecast_minutes("forecast_crps", "crps"),
    ReadinessDescription(
        key="forecast_brier",
        suggested_display_precision=3,
        value_fn=lambda told: _brier(told, SHOWN_HORIZONS[0]),
        attributes_fn=lambda told: {f"{minutes}_minutes": _brier(told, minutes) for minutes in HORIZONS},
    ),
    _retrained("forecast_retrains"),
)


HOME_READINESS = (
    _counted("events_stored", "events"),
    _counted("features_stored", "feature_rows"),
    _LABELS,
    _LABELLED_DAYS,
    _moment("last_event_stored", "last_ingest_us"),
    _moment("last_features", "last_feature_us"),
    ReadinessDescription(
        key="degraded_parts",
        value_fn=lambda told: len(told["degraded"]),
        attributes_fn=lambda told: {name: told["stages"][name]["reason"] for name in told["degraded"]},
    ),
    ReadinessDescription(
        key="database_size",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.MEGABYTES,
        suggested_display_precision=1,
        value_fn=lambda told: round(told["size_bytes"] / 1e6, 2),
    ),
    _latency("prediction_latency", "prediction", "p99_ms"),
    _latency("prediction_latency_median", "prediction", "p50_ms"),
    _latency("feature_latency", "feature", "p99_ms"),
    _latency("feature_latency_median", "feature", "p50_ms"),
    *_FORECASTS,
)
ROOM_READINESS = (
    _LABELS,
    _LABELLED_DAYS,
    _moment("last_features", "last_feature_us"),
    _moment("model_since", "model_since_us"),
    ReadinessDescription(
        key="log_loss",
        suggested_display_precision=3,
        value_fn=lambda room: _accuracy(room, "log_loss"),
    ),
    ReadinessDescription(
        key="skill",
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        value_fn=lambda room: _accuracy(room, "skill", 100.0),
    ),
    _retrained("retrains"),
    *_FORECASTS,
)


class _ReadinessSensor(OccupancyEntity, SensorEntity):
    """Follows the monitor beside the coordinator; while none of these is enabled, nothing is read."""

    entity_description: ReadinessDescription
    _monitor: Monitor

    async def async_added_to_hass(self) -> None:
        """Listen, which makes the monitor read now and then, and have it read now."""
        self.async_on_remove(self._monitor.async_add_listener(self._handle_coordinator_update))
        if self._monitor.data is None:
            await self._monitor.async_refresh()
        await super().async_added_to_hass()

    @property
    def available(self) -> bool:
        """Whether readiness could be read."""
        return super().available and self._monitor.last_update_success

    def _part(self, told: Json) -> Json | None:
        """What of the readiness the sensor is about."""
        return told

    def _shown(self) -> tuple[Any, ...]:
        told = self._monitor.data
        part = None if told is None else self._part(told)
        self._attr_native_value = None if part is None else self.entity_description.value_fn(part)
        self._attr_extra_state_attributes = (
            {} if part is None else dict(self.entity_description.attributes_fn(part))
        )
        return (self._attr_native_value, self._attr_extra_state_attributes)


class HomeReadiness(_ReadinessSensor, HomeEntity):
    """One value of the whole home."""

    def __init__(self, coordinator: Coordinator, monitor: Monitor, description: ReadinessDescription) -> None:
        super().__init__(coordinator, description.key)
        self._monitor = monitor
        self.entity_description = description


class RoomReadiness(_ReadinessSensor, RoomEntity):
    """One value of a room."""

    def __init__(
        self,
        coordinator: Coordinator,
        monitor: Monitor,
        subentry: ConfigSubentry,
        description: ReadinessDescription,
    ) -> None:
        RoomEntity.__init__(self, coordinator, subentry, description.key)
        self._monitor = monitor
        self.entity_description = description

    def _part(self, told: Json) -> Json | None:
        part: Json | None = told["rooms"].get(self._room_id)
        return part
