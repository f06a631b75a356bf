"""Readiness: what is stored, what was learned, what is degraded and why, and how long things take."""

from __future__ import annotations

from datetime import timedelta
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .const import DOMAIN
from .coordinator import Coordinator, now_us
from .engine.events import MINUTE_US
from .engine.localtime import LocalClock
from .engine.monitoring import progress
from .engine.snapshot import HOME, SLEEP
from .engine.store import Store, StoreError
from .forecast_scores import async_forecast_scores
from .history import unrecorded

type Json = dict[str, Any]

_LOGGER = logging.getLogger(__name__)

INTERVAL = timedelta(minutes=5)

# As long as the report card looks back.
FORECAST_DAYS = 14

# Three windows without a row: not one that was a little late.
_FEATURES_LATE_US = 15 * MINUTE_US


async def async_readiness(coordinator: Coordinator) -> Json:
    """All of it, as JSON; times in microseconds UTC, sizes in bytes, durations in milliseconds.

    Reads through a connection of its own; only the scores of forecasts are asked of the engine.

    Raises:
        HomeAssistantError: the entry is not loaded.
        StoreError: subclasses; the file cannot be read.
    """
    store = coordinator.engine.store
    told = await coordinator.hass.async_add_executor_job(_read, store, coordinator, now_us())
    parts = {HOME: told, SLEEP: told["sleep"], **told["rooms"]}
    for process, scores in (await async_forecast_scores(coordinator, FORECAST_DAYS)).items():
        if process in parts:
            parts[process]["forecasts"] = scores
    counts = coordinator.counts
    failing = coordinator.store_health.failing_since
    told["ingest"] = {
        "accepted": counts.accepted,
        "duplicates": counts.duplicates,
        "rejected": counts.rejected,
        "buffered": len(coordinator.buffer),
        "dropped": coordinator.buffer.dropped,
        "failing_since": None if failing is None else failing.isoformat(),
    }
    told["not_recorded"] = unrecorded(
        coordinator.hass, [sensor.entity_id for sensor in coordinator.home.sensors]
    )
    told["latency"] = coordinator.metrics.summary()
    told["stages"] = {**_running_stages(coordinator, told), **told["stages"]}
    told["degraded"] = sorted(name for name, stage in told["stages"].items() if stage["degraded"])
    return told


def _read(store: Store, coordinator: Coordinator, present_us: int) -> Json:
    """In the executor."""
    home = coordinator.home
    with store.reader() as connection:
        told: Json = progress(
            connection, LocalClock(home.time_zone), [room.room_id for room in home.rooms], present_us
        )
    told["size_bytes"] = store.size_bytes()
    return told


def _running_stages(coordinator: Coordinator, told: Json) -> Json:
    """The stages that run all day."""
    late = (
        told["last_feature_us"] is not None and told["now_us"] - told["last_feature_us"] > _FEATURES_LATE_US
    )
    return {
        "ingest": {
            "degraded": coordinator.store_health.failing_since is not None,
            "reason": coordinator.store_health.failure,
            "last_us": told["last_ingest_us"],
        },
        "features": {
            "degraded": late,
            "reason": "no row for more than fifteen minutes" if late else None,
            "last_us": told["last_feature_us"],
        },
        "predictions": {
            "degraded": not coordinator.last_update_success,
            "reason": None if coordinator.last_update_success else str(coordinator.last_exception),
            "last_us": coordinator.data.time_us,
        },
    }


class Monitor(DataUpdateCoordinator[Json | None]):
    """Reads readiness every few minutes, as long as an entity shows some of it."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], coordinator: Coordinator) -> None:
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=f"{DOMAIN} readiness",
            update_interval=INTERVAL,
            always_update=False,
        )
        self._coordinator = coordinator

    async def _async_update_data(self) -> Json:
        try:
            return await async_readiness(self._coordinator)
        except StoreError as error:
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="store_error",
                translation_placeholders={"error": str(error)},
            ) from error
