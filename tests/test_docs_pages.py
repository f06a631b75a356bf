"""docs/setup.md and docs/actions.md name all there is: options, roles, actions with their fields, commands."""

from __future__ import annotations

import json
from pathlib import Path
import re

from homeassistant.components.websocket_api import DOMAIN as WEBSOCKET
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
import voluptuous as vol

from custom_components.occupancy_ml.const import DOMAIN

ROOT = Path(__file__).parent.parent
COMPONENT = ROOT / "custom_components" / DOMAIN
SETUP, ACTIONS = ((ROOT / "docs" / name).read_text() for name in ("setup.md", "actions.md"))
TEXTS = json.loads((COMPONENT / "translations" / "en.json").read_text())


def told_fields(cell: str) -> tuple[set[str], set[str]]:
    """The fields a cell of a table names: all, and those that may be left out."""
    optional = set(re.findall(r"\[`(\w+)`", cell))
    return set(re.findall(r"`(\w+)`", cell)), optional


def test_every_action_is_told_with_its_fields() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", ACTIONS, re.M)
    told = {name: told_fields(cell) for name, cell in rows}
    services = load_yaml_dict(str(COMPONENT / "services.yaml"))
    assert told == {
        name: (
            set(service.get("fields", {})),
            {key for key, field in service.get("fields", {}).items() if not field.get("required")},
        )
        for name, service in services.items()
        if not name.startswith(".")
    }


async def test_every_websocket_command_is_told_with_its_fields(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    rows = re.findall(rf"^\| `{DOMAIN}/(\w+)` \| (.*?) ?\|", ACTIONS, re.M)
    told = {name: told_fields(cell) for name, cell in rows}
    actions = {name for name, _ in re.findall(r"^\| `(\w+)` \| (.*?) \|", ACTIONS, re.M)}
    for command, (_, schema) in hass.data[WEBSOCKET].items():
        name = command.removeprefix(f"{DOMAIN}/")
        if name == command or name in actions:
            continue
        fields = [key for key in (schema.schema if schema else {}) if str(key) not in ("id", "type")]
        assert told.pop(name) == (
            {str(key) for key in fields},
            {str(key) for key in fields if isinstance(key, vol.Optional)},
        )
    assert not told


def test_every_role_and_option_is_told() -> None:
    room = TEXTS["config_subentries"]["room"]["step"]["room"]
    roles = {**room["data"], **room["sections"]["things"]["data"], **room["sections"]["special"]["data"]}
    named = set(
        re.findall(
            r"^\| ([^|]+?) \|", SETUP[SETUP.index("## What a sensor") : SETUP.index("## Options")], re.M
        )
    )
    assert named - {"role", "---"} == {
        text for key, text in roles.items() if key not in ("kind", "preference")
    }
    options = TEXTS["options"]["step"]["init"]
    page = SETUP[SETUP.index("## Options") : SETUP.index("## When something")]
    for text in options["data"].values():
        assert f"| {text} |" in page
    for section in options["sections"].values():
        assert f"| {section['name']}" in page
        for text in section["data"].values():
            assert re.search(rf"\b{text.removeprefix('Keep ').split(' of ')[0]}\b", page), text
