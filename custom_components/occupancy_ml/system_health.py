"""A few lines for Home Assistant's system information."""

from __future__ import annotations

from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import Coordinator
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
    return {
        **await coordinator.run(_of_store, coordinator),
        "last_training": None if home.trained_at_us is None else from_us(home.trained_at_us),
        "dropped": coordinator.buffer.dropped,
        "degraded": home.learning is Learning.DEGRADED,
        "degraded_stages": ", ".join((await async_readiness(coordinator))["degraded"]) or "-",
    }


def _of_store(coordinator: Coordinator) -> dict[str, Any]:
    """In the executor."""
    store = coordinator.engine.store
    last_us = store.metadata.get_us("last_ingest_at")
    return {
        "file_size": f"{store.size_bytes() / 1_048_576:.1f} MiB",
        "schema_version": store.metadata.get("schema_version"),
        "events": store.events.count(),
        "last_ingest": None if last_us is None else from_us(last_us),
    }
