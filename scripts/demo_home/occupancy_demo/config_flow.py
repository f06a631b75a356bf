"""The simulated home is set up from configuration.yaml, never by hand."""

from __future__ import annotations

from typing import Any

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult


class SimulatedHomeFlow(ConfigFlow, domain="occupancy_demo"):
    """Takes the plan in."""

    VERSION = 1

    async def async_step_import(self, plan: dict[str, Any]) -> ConfigFlowResult:
        """Make the one entry."""
        return self.async_create_entry(title="SIMULATED home", data=plan)
