"""The examples of docs/automations.md are what Home Assistant accepts, and its tables tell all there is."""

from __future__ import annotations

from pathlib import Path
import re
from typing import Any

from homeassistant.components import automation
from homeassistant.components.automation.config import AutomationConfig, async_validate_config_item
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml
import pytest

from custom_components.occupancy_ml.condition import CONDITIONS
from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.trigger import TRIGGERS

PAGE = (Path(__file__).parent.parent / "docs" / "automations.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_has_examples_and_names_every_trigger_and_condition() -> None:
    assert len(EXAMPLES) >= 5
    named = set(re.findall(rf"`{DOMAIN}\.(\w+)`", PAGE))
    assert set(TRIGGERS) | set(CONDITIONS) | {"get_forecast"} == named


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.partition("\n")[0])
async def test_an_example_is_a_valid_automation(hass: HomeAssistant, example: str) -> None:
    assert await async_setup_component(hass, automation.DOMAIN, {})
    config: Any = parse_yaml(example)
    checked = await async_validate_config_item(hass, config["alias"], config)
    assert isinstance(checked, AutomationConfig)
    assert checked.validation_error is None
    assert checked["alias"] == config["alias"]
