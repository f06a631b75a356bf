"""Diagnostics help, and name nobody."""

from __future__ import annotations

import json
import re

from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers.json import JSONEncoder
from hypothesis import given, strategies as st
import pytest

from custom_components.occupancy_ml.coordinator import now_us
from custom_components.occupancy_ml.diagnostics import Redactor, async_get_config_entry_diagnostics
from custom_components.occupancy_ml.engine.snapshot import FoundBy, RoutineChange
from custom_components.occupancy_ml.engine.store import JobStatus
from tests.a_home import OPTIONS, ROOMS, coordinator_of, make_entry, set_up, settle
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


async def test_nor_what_is_watched_no_more(hass: HomeAssistant) -> None:
    build_house(hass)
    alarm = "sensor.annas_phone_next_alarm"
    hass.states.async_set(alarm, "2026-03-03T06:30:00+00:00")
    entry = make_entry(hass)
    context = {"next_alarm": [alarm]}
    hass.config_entries.async_update_entry(entry, options={**OPTIONS, "context": context})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    coordinator = coordinator_of(entry)
    change = RoutineChange("bathroom", "2026-03-01", now_us(), FoundBy.DAYS)
    await coordinator.run(coordinator.engine.routine_changes.note, [change], now_us())
    await coordinator.run(coordinator.engine.store.forecasts.note_layout, "x", [alarm])
    room = next(subentry for subentry in entry.subentries.values() if subentry.unique_id == "bathroom")
    hass.config_entries.async_update_entry(entry, options=OPTIONS)
    hass.config_entries.async_remove_subentry(entry, room.subentry_id)
    await settle(hass)
    coordinator = coordinator_of(entry)
    jobs = coordinator.engine.store.jobs
    job = await coordinator.run(jobs.start, "daily", "2026-03-02", now_us())
    await coordinator.run(
        lambda: jobs.finish(job, JobStatus.FAILED, now_us(), error_message=f"{alarm} in bathroom")
    )
    told = await async_get_config_entry_diagnostics(hass, entry)
    text = json.dumps(told, cls=JSONEncoder).lower()
    assert re.search(r"former_\d in former_\d", text)
    assert "anna" not in text
    assert "bathroom" not in text
    assert told["readiness"]["metadata"]["contract_version"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("den", "room_1"),
        ({"light.den": [1, {"Den": None}]}, {"entity_1": [1, {"room_1": None}]}),
        ("evidence of the DEN's light.den", "evidence of the room_1's entity_1"),
        ("light.den_2 and garden", "entity_1_2 and garden"),
        ("Fußmatte, fußmatte", "entity_2, entity_2"),
        ("dıning, DİNING", "room_2, room_2"),
        (3, 3),
        (None, None),
    ],
)
def test_names_are_replaced_everywhere(value: object, told: object) -> None:
    names = {"den": "room_1", "light.den": "entity_1", "Fußmatte": "entity_2", "Dining": "room_2"}
    assert Redactor(names)(value) == told


@given(st.text(max_size=30))
def test_without_names_nothing_is_replaced(text: str) -> None:
    assert Redactor({})(text) == text
