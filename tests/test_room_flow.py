"""Rooms and options of a home that is set up: added, changed and removed in a real Home Assistant."""

from __future__ import annotations

from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import area_registry as ar, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml.const import DOMAIN, SUBENTRY_ROOM
from custom_components.occupancy_ml.engine.home import Role
from custom_components.occupancy_ml.home_builder import home_from_entry
from tests.flow_pages import (
    HALL,
    KITCHEN,
    NOTHING,
    OPTIONS,
    Room,
    Setup,
    bad_choices,
    said,
    stored,
    subentry_id,
    suggested,
)
from tests.house import add_sensor, build_house


@pytest.fixture(autouse=True)
def house(hass: HomeAssistant, integration: None) -> None:
    build_house(hass)


@pytest.fixture
async def entry(hass: HomeAssistant) -> ConfigEntry:
    """The home with its kitchen and hall, set up."""
    entry: ConfigEntry = MockConfigEntry(
        domain=DOMAIN,
        title="Occupancy ML",
        options=OPTIONS,
        subentries_data=[
            {
                "data": {"area_id": area_id, "kind": kind, "sensors": sensors},
                "subentry_type": SUBENTRY_ROOM,
                "title": area_id.title(),
                "unique_id": area_id,
            }
            for area_id, kind, sensors in (("kitchen", "kitchen", KITCHEN), ("hall", "passage", HALL))
        ],
    )
    await hass.config_entries.async_add(entry)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    return entry


@pytest.fixture
def room(hass: HomeAssistant, entry: ConfigEntry) -> Room:
    return Room(hass, entry)


async def test_there_is_one_home(hass: HomeAssistant, entry: ConfigEntry) -> None:
    result = await Setup(hass).start()
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "single_instance_allowed")


async def test_each_bad_choice_says_what_is_wrong_in_a_room(hass: HomeAssistant, room: Room) -> None:
    await room.edit("hall")
    choices = bad_choices(hass)
    choices["entity_in_room"] = {**NOTHING, "motion": ["binary_sensor.kitchen_motion"]}
    for error, answer in choices.items():
        result = await room.send(answer)
        assert (result["step_id"], result["errors"]) == ("room", {"base": error})
    # The page is still that of the hall, and what was wrong stands there to be mended.
    told = result["description_placeholders"]
    assert told == {"room": "Hall", "other_room": "Kitchen", "entity": told["entity"]}
    assert suggested(result)["motion"] == ["binary_sensor.kitchen_motion"]
    assert stored(room.entry)["hall"] == HALL


async def test_a_room_is_added_with_what_is_still_free(hass: HomeAssistant, room: Room) -> None:
    add_sensor(hass, "bathroom", "switch.fan")
    hass.config_entries.async_update_entry(room.entry, options={**OPTIONS, "routine_only": ["switch.fan"]})
    await hass.async_block_till_done()
    result = await room.add()
    areas = result["data_schema"].schema["area_id"].config["options"]
    assert areas == [
        {"value": "bathroom", "label": "Bathroom"},
        {"value": "bedroom", "label": "Bedroom"},
        {"value": "garden", "label": "Garden"},
    ]
    result = await room.send({"area_id": "bathroom"})
    assert suggested(result)["special"] == {"reference": [], "rival": [], "routine_only": []}
    result = await room.send(suggested(result))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    added = room.entry.subentries[subentry_id(room.entry, "bathroom")]
    assert (added.title, added.data["area_id"], added.data["kind"]) == ("Bathroom", "bathroom", "bathroom")
    assert added.data["sensors"] == {
        "presence": ["binary_sensor.bathroom_presence"],
        "door": ["binary_sensor.bathroom_door"],
    }
    assert room.entry.state is ConfigEntryState.LOADED


async def test_an_area_that_was_used_or_deleted_meanwhile_is_refused(hass: HomeAssistant, room: Room) -> None:
    await room.add()
    ar.async_get(hass).async_delete("garden")
    result = await room.send({"area_id": "garden"})
    assert (result["step_id"], result["errors"]) == ("user", {"base": "area_gone"})
    other = Room(hass, room.entry)
    await other.add()
    await other.send({"area_id": "bathroom"})
    result = await room.send({"area_id": "bathroom"})
    await other.send({**NOTHING, "presence": ["binary_sensor.bathroom_presence"]})
    result = await room.send({**NOTHING, "door": ["binary_sensor.bathroom_door"]})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    late = Room(hass, room.entry)
    await late.add()
    other = Room(hass, room.entry)
    await other.add()
    await other.send({"area_id": "bedroom"})
    await other.send(NOTHING)
    await other.send({"next_step_id": "save"})
    result = await late.send({"area_id": "bedroom"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_free_areas")


async def test_an_area_taken_by_somebody_else_is_refused_with_its_name(
    hass: HomeAssistant, room: Room
) -> None:
    await room.add()
    other = Room(hass, room.entry)
    await other.add()
    await other.send({"area_id": "bathroom"})
    await other.send({**NOTHING, "presence": ["binary_sensor.bathroom_presence"]})
    result = await room.send({"area_id": "bathroom"})
    assert (result["step_id"], result["errors"]) == ("user", {"base": "area_used"})
    assert result["description_placeholders"] == {"area": "Bathroom"}


async def test_a_room_may_have_no_sensors_after_a_notice(room: Room) -> None:
    await room.add()
    await room.send({"area_id": "bedroom"})
    result = await room.send(NOTHING)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "empty")
    result = await room.send({"next_step_id": "room"})
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "room")
    await room.send(NOTHING)
    result = await room.send({"next_step_id": "save"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert stored(room.entry)["bedroom"] == {}


async def test_a_room_is_changed_and_takes_the_new_name_of_its_area(hass: HomeAssistant, room: Room) -> None:
    ar.async_get(hass).async_update("kitchen", name="Galley")
    result = await room.edit("kitchen")
    filled = suggested(result)
    assert filled["motion"] == KITCHEN["motion"]
    assert filled["things"]["light"] == KITCHEN["light"]
    result = await room.send({**filled, "things": {"light": []}, "kind": "other"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    changed = room.entry.subentries[subentry_id(room.entry, "kitchen")]
    assert (changed.title, changed.unique_id, changed.data["kind"]) == ("Galley", "kitchen", "other")
    assert changed.data["sensors"] == {
        "motion": KITCHEN["motion"],
        "routine_only": KITCHEN["routine_only"],
    }
    assert room.entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("dead", ["binary_sensor.hall_motion", "binary_sensor.kitchen_motion"])
async def test_a_new_sensor_that_takes_over_the_id_of_a_dead_one_stands_once(
    hass: HomeAssistant, room: Room, dead: str
) -> None:
    fresh = add_sensor(hass, "hall", "binary_sensor.fresh", "motion").entity_id
    filled = suggested(await room.edit("hall"))
    await room.send({**filled, "motion": [*HALL["motion"], fresh]})
    registry = er.async_get(hass)
    registry.async_remove(dead)
    hass.states.async_remove(dead)
    registry.async_update_entity(fresh, new_entity_id=dead)
    await hass.async_block_till_done()
    # Where it stood itself, not where the dead one did.
    assert stored(room.entry)["hall"]["motion"] == list(dict.fromkeys([*HALL["motion"], dead]))
    assert dead not in stored(room.entry)["kitchen"].get("motion", [])
    result = await room.send(suggested(await room.edit("hall")))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")


async def test_what_matters_more_in_a_room_is_chosen_and_kept(room: Room) -> None:
    filled = suggested(await room.edit("kitchen"))
    assert filled["preference"] == "balanced"
    await room.send({**filled, "preference": "comfort"})
    changed = room.entry.subentries[subentry_id(room.entry, "kitchen")]
    assert changed.data["preference"] == "comfort"
    rooms = {each.room_id: each.preference for each in room.entry.runtime_data.coordinator.home.rooms}
    assert rooms["kitchen"] == "comfort"
    filled = suggested(await room.edit("kitchen"))
    assert filled["preference"] == "comfort"
    await room.send({**filled, "preference": "balanced"})
    assert "preference" not in room.entry.subentries[subentry_id(room.entry, "kitchen")].data


async def test_a_room_that_was_deleted_meanwhile_cannot_be_changed(hass: HomeAssistant, room: Room) -> None:
    filled = suggested(await room.edit("kitchen"))
    hass.config_entries.async_remove_subentry(room.entry, subentry_id(room.entry, "kitchen"))
    await hass.async_block_till_done()
    result = await room.send(filled)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "room_gone")


async def test_a_room_without_its_area_cannot_be_changed(hass: HomeAssistant, room: Room) -> None:
    filled = suggested(await room.edit("kitchen"))
    ar.async_get(hass).async_delete("kitchen")
    await hass.async_block_till_done()
    for result in (await room.send(filled), await room.edit("kitchen")):
        assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "area_gone")


async def test_a_removed_room_frees_its_area_and_sensors(hass: HomeAssistant, room: Room) -> None:
    hass.config_entries.async_remove_subentry(room.entry, subentry_id(room.entry, "kitchen"))
    await hass.async_block_till_done()
    assert room.entry.state is ConfigEntryState.LOADED
    await room.add()
    result = await room.send({"area_id": "kitchen"})
    result = await room.send(suggested(result))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert stored(room.entry)["kitchen"] == KITCHEN


async def test_the_options_of_the_home_are_changed(hass: HomeAssistant, entry: ConfigEntry) -> None:
    flows = hass.config_entries.options
    result = await flows.async_init(entry.entry_id)
    await said(hass, result, "options", "options")
    kept = {"raw_events": 30, "features": 84, "predictions": 60, "episodes": 1095, "daily_scores": 1095}
    kept |= {"routine_days": 90, "routine_weeks": 364, "routine_months": 1095, "gone_patterns": 0}
    sections: dict[str, Any] = {
        "workday": [],
        "pets": False,
        "sleep": {},
        "forecast_members": [],
        "context": {},
        "suggestions": {"bar": 75, "allowed": [], "notify": False},
        "storage": {**kept, "size_mb": 500},
    }
    assert suggested(result) == {**OPTIONS, **sections, "context": {}}
    for answer, error in (
        ({"persons": ["person.nobody"], "night_hour": 2}, "entity_missing"),
        ({"routine_only": ["light.kitchen_ceiling"], "night_hour": 2}, "entity_in_room"),
    ):
        result = await flows.async_configure(result["flow_id"], {**answer, **sections})
        await said(hass, result, "options", "options")
        assert result["errors"] == {"base": error}
    filled = suggested(result)
    assert (filled["persons"], filled["routine_only"], filled["night_hour"]) == (
        [],
        ["light.kitchen_ceiling"],
        2,
    )
    result = await flows.async_configure(
        result["flow_id"], {"persons": ["person.ada"], "night_hour": 2.0, **sections}
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert dict(entry.options) == {
        "persons": ["person.ada"],
        "night_hour": 2,
        "routine_only": [],
    }
    assert isinstance(entry.options["night_hour"], int)
    assert entry.state is ConfigEntryState.LOADED


async def test_a_workday_sensor_is_found_and_can_be_chosen_or_left_out(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    """That of the workday integration is used unasked; what the user leaves empty stays empty."""

    def watched() -> list[str]:
        home = home_from_entry(hass, entry)
        return [sensor.entity_id for sensor in home.sensors if sensor.role is Role.WORKDAY]

    assert watched() == []
    registry = er.async_get(hass)
    found = registry.async_get_or_create("binary_sensor", "workday", "holidays").entity_id
    hass.states.async_set("input_boolean.shift", "on")
    assert watched() == [found]
    flows = hass.config_entries.options
    result = await flows.async_init(entry.entry_id)
    filled = suggested(result)
    assert filled["workday"] == [found]
    result = await flows.async_configure(result["flow_id"], {**filled, "workday": ["input_boolean.gone"]})
    assert result["errors"] == {"base": "entity_missing"}
    result = await flows.async_configure(result["flow_id"], {**filled, "workday": ["input_boolean.shift"]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert watched() == ["input_boolean.shift"]
    for chosen, kept in ([], []), ([found], None):
        result = await flows.async_init(entry.entry_id)
        result = await flows.async_configure(result["flow_id"], {**suggested(result), "workday": chosen})
        await hass.async_block_till_done()
        assert (entry.options.get("workday"), watched()) == (kept, chosen)
    await hass.async_block_till_done()


async def test_a_workday_sensor_that_is_something_else_is_not_filled_in(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    add_sensor(hass, "hall", "binary_sensor.at_work", platform="workday")
    add_sensor(hass, "hall", "binary_sensor.at_school", platform="workday")
    hall = entry.subentries[subentry_id(entry, "hall")]
    sensors = {**HALL, "routine_only": ["binary_sensor.at_work"]}
    hass.config_entries.async_update_subentry(entry, hall, data={**hall.data, "sensors": sensors})
    await hass.async_block_till_done()
    flows = hass.config_entries.options
    result = await flows.async_init(entry.entry_id)
    filled = suggested(result)
    assert filled["workday"] == ["binary_sensor.at_school"]
    school = {**filled, "routine_only": ["binary_sensor.at_school"]}
    result = await flows.async_configure(result["flow_id"], school)
    assert result["errors"] == {"base": "entity_twice"}
    result = await flows.async_configure(result["flow_id"], {**school, "workday": []})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    result = await flows.async_init(entry.entry_id)
    assert suggested(result)["workday"] == []
    result = await flows.async_configure(result["flow_id"], suggested(result))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()


async def test_the_options_name_what_tells_of_the_day(hass: HomeAssistant, entry: ConfigEntry) -> None:
    hass.states.async_set("sensor.phone_next_alarm", "2026-05-05T06:30:00+00:00")
    hass.states.async_set("weather.home", "rainy")
    flows = hass.config_entries.options
    result = await flows.async_init(entry.entry_id)
    filled = suggested(result)
    page = result["data_schema"]
    assert page is not None
    fields = next(field for marker, field in page.schema.items() if marker == "context")
    kinds = {str(marker): selector for marker, selector in fields.schema.schema.items()}
    for kind, domain in (
        ("weather", "weather"),
        ("weather", "sun"),
        ("calendar", "calendar"),
        ("calendar", "sensor"),
    ):
        assert domain in kinds[kind].config["filter"][0]["domain"]
    taken = {**filled, "context": {"weather": ["sensor.kitchen_temperature"]}}
    result = await flows.async_configure(result["flow_id"], taken)
    assert result["errors"] == {"base": "entity_in_room"}
    hass.states.async_set("sun.sun", "below_horizon")
    wanted = {"next_alarm": ["sensor.phone_next_alarm"], "weather": ["weather.home", "sun.sun"]}
    result = await flows.async_configure(result["flow_id"], {**filled, "context": wanted})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.options["context"] == wanted
    context = {s.entity_id for s in home_from_entry(hass, entry).sensors if s.role is Role.CONTEXT}
    assert context == {"sensor.phone_next_alarm", "weather.home", "sun.sun"}
    result = await flows.async_init(entry.entry_id)
    assert suggested(result)["context"] == wanted
    await flows.async_configure(result["flow_id"], filled)
    await hass.async_block_till_done()
    assert "context" not in entry.options


async def test_members_of_the_forecasts_can_be_added(hass: HomeAssistant, entry: ConfigEntry) -> None:
    flows = hass.config_entries.options
    result = await flows.async_init(entry.entry_id)
    filled = suggested(result)
    result = await flows.async_configure(result["flow_id"], {**filled, "forecast_members": ["boosting"]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert home_from_entry(hass, entry).members == ("boosting",)
    forecasts = entry.runtime_data.coordinator.engine.forecasts
    assert "boosting" in [member.name for member in forecasts.learner.learned["@home"].model.members]
    result = await flows.async_init(entry.entry_id)
    assert suggested(result)["forecast_members"] == ["boosting"]
    await flows.async_configure(result["flow_id"], filled)
    await hass.async_block_till_done()
    assert home_from_entry(hass, entry).members == ()
