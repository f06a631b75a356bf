"""Diagnostics help, and name nobody."""

from __future__ import annotations

import json

from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers.json import JSONEncoder
from hypothesis import given, strategies as st
import pytest

from custom_components.occupancy_ml.diagnostics import Redactor, async_get_config_entry_diagnostics
from tests.a_home import OPTIONS, ROOMS, set_up, settle
from tests.house import build_house


async def test_diagnostics_name_no_entity_room_or_person(hass: HomeAssistant) -> None:
    build_house(hass)
    ar.async_get(hass).async_update("bathroom", name="Grandma's spa")
    entry = await set_up(hass)
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    await settle(hass)
    told = await async_get_config_entry_diagnostics(hass, entry)
    text = json.dumps(told, cls=JSONEncoder).lower()
    secrets = {"grandma", "ada", "grace", *ROOMS}
    secrets |= {e for sensors in ROOMS.values() for entities in sensors.values() for e in entities}
    secrets |= {*OPTIONS["persons"], *OPTIONS["routine_only"]}  # type: ignore[misc]
    words = set(text.replace('"', " ").replace("_", " ").split())
    assert not {secret for secret in secrets if secret in text and "." in secret}
    assert not secrets & words
    assert len(told["home"]["sensors"]) == 12
    assert set(told["snapshot"]["rooms"]) == {"room_1", "room_2", "room_3"}
    assert told["ingest"]["dropped"] == 0
    assert told["file_bytes"] > 0


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("den", "room_1"),
        ({"light.den": [1, {"Den": None}]}, {"entity_1": [1, {"room_1": None}]}),
        ("evidence of the DEN's light.den", "evidence of the room_1's entity_1"),
        ("light.den_2 and garden", "entity_1_2 and garden"),
        (3, 3),
        (None, None),
    ],
)
def test_names_are_replaced_everywhere(value: object, told: object) -> None:
    assert Redactor({"den": "room_1", "light.den": "entity_1"})(value) == told


@given(st.text(max_size=30))
def test_without_names_nothing_is_replaced(text: str) -> None:
    assert Redactor({})(text) == text
