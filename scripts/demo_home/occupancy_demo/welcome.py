"""Opens the demo to its visitor: no password, the dashboard first, the integration set up as a user would."""

from __future__ import annotations

from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.components import frontend, persistent_notification
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.util import dt as dt_util

from tests.smoke.proposals import proposed

_INTEGRATION = "occupancy_ml"


async def async_prepare_house(hass: HomeAssistant, dashboard: str) -> None:
    """See to a user and to the page shown first."""
    if not [user for user in await hass.auth.async_get_users() if not user.system_generated]:
        await hass.auth.async_create_user("Visitor", group_ids=[GROUP_ID_ADMIN])
    store = await frontend.async_system_store(hass)
    await store.async_set_item("core", {"default_panel": dashboard})


async def async_welcome(hass: HomeAssistant) -> None:
    """Set the integration up where it is not yet, and say where the page is."""
    if not hass.config_entries.async_entries(_INTEGRATION):
        await _async_set_up(hass)
    persistent_notification.async_create(
        hass,
        "Everybody and everything in this home is invented and plays in real time. The four weeks of history "
        "are invented too. Occupancy ML itself is real: it learns from them as it would from yours.",
        title="This home is SIMULATED",
        notification_id="simulated_home",
    )
    port = hass.config.api.port if hass.config.api else None
    there = dt_util.now().strftime("%H:%M")
    print(
        f"demo: a SIMULATED home, where it is {there} now ({hass.config.time_zone}).\n"
        f"demo: open http://127.0.0.1:{port} on this machine, no password needed. Ctrl-C stops.",
        flush=True,
    )


async def _async_set_up(hass: HomeAssistant) -> None:
    """Go through the integration's own flow and confirm what it proposes."""
    result = await hass.config_entries.flow.async_init(_INTEGRATION, context={"source": SOURCE_USER})
    while result["type"] is FlowResultType.FORM:
        result = await hass.config_entries.flow.async_configure(result["flow_id"], proposed(result))
    if result["type"] is not FlowResultType.CREATE_ENTRY:
        raise RuntimeError(f"Occupancy ML could not be set up: {result}")
