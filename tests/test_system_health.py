"""The lines in Home Assistant's system information."""

from __future__ import annotations

from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.engine.store import SCHEMA_VERSION
from tests.a_home import set_up, settle
from tests.house import build_house

# Home Assistant's own web server, which the information depends on, warns about itself.
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")


async def test_the_information_tells_how_the_store_stands(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass)
    assert await async_setup_component(hass, "system_health", {})
    await settle(hass)
    told = await get_system_health_info(hass, DOMAIN)
    assert told["schema_version"] == str(SCHEMA_VERSION)
    assert told["file_size"].endswith("MiB")
    assert told["events"] == 11
    assert (told["labels"], told["labelled_days"]) == ("-", 0)
    assert told["last_ingest"] is not None
    assert told["degraded_stages"] == "-"
    assert (told["dropped"], told["degraded"]) == (0, False)
    texts = await async_get_translations(hass, "en", "system_health", [DOMAIN])
    assert {f"component.{DOMAIN}.system_health.info.{key}" for key in told} == set(texts)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await get_system_health_info(hass, DOMAIN) == {}
