"""A few lines for Home Assistant's system information."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .engine.events import from_us
from .engine.snapshot import Learning
from .monitor import async_readiness
from .runtime import OccupancyConfigEntry


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register the information."""
    register.async_register_info(system_health_info)


async def system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """How the store and learning stand."""
    entries: list[OccupancyConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    if not entries or entries[0].state is not ConfigEntryState.LOADED:
        return {}
    coordinator = entries[0].runtime_data.coordinator
    home = coordinator.data.home
    told = await async_readiness(coordinator)
    stages = told["stages"]
    return {
        "file_size": f"{told['size_bytes'] / 1_048_576:.1f} MiB",
        "schema_version": await coordinator.run(coordinator.engine.store.metadata.get, "schema_version"),
        "events": told["events"],
        "features": told["feature_rows"],
        "labels": ", ".join(f"{source} {count}" for source, count in told["labels"].items()) or "-",
        "labelled_days": told["labelled_days"],
        "last_ingest": _moment(told["last_ingest_us"]),
        "last_features": _moment(told["last_feature_us"]),
        "last_training": _moment(home.trained_at_us),
        "dropped": coordinator.buffer.dropped,
        "degraded": home.learning is Learning.DEGRADED,
        "degraded_stages": "; ".join(f"{name}: {stages[name]['reason']}" for name in told["degraded"]) or "-",
    }


def _moment(time_us: int | None) -> datetime | None:
    return None if time_us is None else from_us(time_us)
