"""Set-up in a real Home Assistant, from the first page to the entry."""

from __future__ import annotations

from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
import pytest

from custom_components.occupancy_ml.const import DOMAIN, SUBENTRY_ROOM
from tests.flow_pages import HALL, KITCHEN, NOTHING, OPTIONS, Setup, bad_choices, stored, suggested
from tests.house import PERSONS, add_sensor, build_house


@pytest.fixture(autouse=True)
def house(hass: HomeAssistant, integration: None) -> None:
    build_house(hass)


@pytest.fixture
def setup(hass: HomeAssistant) -> Setup:
    return Setup(hass)


async def test_who_confirms_every_page_gets_the_home_as_proposed(hass: HomeAssistant, setup: Setup) -> None:
    result = await setup.start()
    assert suggested(result) == {"rooms": ["bathroom", "hall", "kitchen"], "use_proposals": False}
    result = await setup.send(suggested(result))
    assert result["step_id"] == "home"
    assert suggested(result) == {
        "persons": list(PERSONS),
        "exit_doors": ["binary_sensor.front_door"],
        "more": {"routine_only": ["switch.street_light"], "night_hour": 3},
    }
    result = await setup.send(suggested(result))
    for number, name in enumerate(("Bathroom", "Hall", "Kitchen"), start=1):
        assert result["step_id"] == "room"
        assert result["description_placeholders"] == {"room": name, "index": str(number), "count": "3"}
        assert result["last_step"] is (number == 3)
        result = await setup.send(suggested(result))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    entry: ConfigEntry = result["result"]
    assert entry.state is ConfigEntryState.LOADED
    assert (entry.title, set(entry.data), dict(entry.options)) == ("Occupancy ML", {"classes"}, OPTIONS)
    assert stored(entry) == {
        "bathroom": {
            "presence": ["binary_sensor.bathroom_presence"],
            "door": ["binary_sensor.bathroom_door"],
        },
        "hall": HALL,
        "kitchen": KITCHEN,
    }
    kinds = {
        sub.title: (sub.subentry_type, sub.data["area_id"], sub.data["kind"])
        for sub in entry.subentries.values()
    }
    assert kinds["Hall"] == (SUBENTRY_ROOM, "hall", "passage")


async def test_with_many_rooms_the_proposals_stand_unless_wanted(hass: HomeAssistant, setup: Setup) -> None:
    add_sensor(hass, "bedroom", "binary_sensor.bed", "occupancy")
    result = await setup.start()
    assert suggested(result)["use_proposals"] is True
    result = await setup.send(suggested(result))
    assert result["last_step"] is True
    result = await setup.send(suggested(result))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(result["result"].subentries) == 4


async def test_everything_can_be_edited(hass: HomeAssistant, setup: Setup) -> None:
    hass.states.async_set("input_boolean.somebody_in_hall", "off")
    await setup.rooms("hall", review=True)
    result = await setup.send(
        {"persons": ["person.ada"], "exit_doors": [], "more": {"night_hour": 4, "routine_only": []}}
    )
    assert suggested(result)["door"] == ["binary_sensor.front_door"]
    assert suggested(result)["exit_door"] == []
    result = await setup.send(
        {
            "kind": "living",
            "motion": ["binary_sensor.hall_motion"],
            "things": {},
            "special": {"reference": ["input_boolean.somebody_in_hall"]},
        }
    )
    assert result["options"] == {"persons": ["person.ada"], "night_hour": 4, "routine_only": []}
    (room,) = result["result"].subentries.values()
    assert dict(room.data) == {
        "area_id": "hall",
        "kind": "living",
        "sensors": {
            "motion": ["binary_sensor.hall_motion"],
            "reference": ["input_boolean.somebody_in_hall"],
        },
    }


async def test_to_compare_with_a_sensor_takes_it_from_no_room(setup: Setup) -> None:
    await setup.rooms("bathroom", "kitchen", review=True)
    result = await setup.send({"more": {"night_hour": 3}})
    presence, motion = "binary_sensor.bathroom_presence", "binary_sensor.kitchen_motion"
    filled = suggested(result)
    result = await setup.send({**filled, "special": {**filled["special"], "rival": [motion]}})
    assert result["description_placeholders"]["room"] == "Kitchen"
    result = await setup.send({**suggested(result), "special": {"rival": [presence]}})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    rooms = stored(result["result"])
    assert (rooms["bathroom"]["rival"], rooms["kitchen"]["motion"]) == ([motion], [motion])
    assert (rooms["kitchen"]["rival"], rooms["bathroom"]["presence"]) == ([presence], [presence])


async def test_an_emptied_field_stays_empty(setup: Setup) -> None:
    await setup.rooms("hall")
    result = await setup.send({"more": {"night_hour": 3}})
    assert result["options"] == {"persons": [], "night_hour": 3, "routine_only": []}
    assert stored(result["result"])["hall"]["door"] == ["binary_sensor.front_door"]


async def test_a_home_without_doors_is_not_asked_about_them(setup: Setup) -> None:
    result = await setup.rooms("garden")
    assert "exit_doors" not in suggested(result)


async def test_without_areas_the_flow_says_where_to_add_them(hass: HomeAssistant, setup: Setup) -> None:
    for area in list(ar.async_get(hass).async_list_areas()):
        ar.async_get(hass).async_delete(area.id)
    result = await setup.start()
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_areas")


async def test_no_rooms_is_refused_and_mended(setup: Setup) -> None:
    result = await setup.rooms()
    assert (result["step_id"], result["errors"]) == ("user", {"base": "no_rooms"})
    result = await setup.send({"use_proposals": False})
    assert result["errors"] == {"base": "no_rooms"}
    result = await setup.send({"rooms": ["hall"], "use_proposals": True})
    assert result["step_id"] == "home"


async def test_a_vanished_area_is_refused_and_the_others_stay_chosen(
    hass: HomeAssistant, setup: Setup
) -> None:
    await setup.start()
    ar.async_get(hass).async_delete("kitchen")
    result = await setup.send({"rooms": ["hall", "kitchen"], "use_proposals": True})
    assert result["errors"] == {"base": "area_gone"}
    assert suggested(result) == {"rooms": ["hall"], "use_proposals": True}
    result = await setup.send(suggested(result))
    ar.async_get(hass).async_delete("hall")
    result = await setup.send(suggested(result))
    assert (result["step_id"], result["errors"]) == ("user", {"base": "area_gone"})
    assert result["description_placeholders"] == {"area": "Hall"}
    assert hass.config_entries.async_entries(DOMAIN) == []


async def test_rooms_without_sensors_are_noticed_once_and_kept(setup: Setup) -> None:
    await setup.rooms("bedroom", "hall")
    result = await setup.send({"more": {"night_hour": 3}})
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "empty")
    assert result["description_placeholders"] == {"rooms": "Bedroom"}
    result = await setup.send({"next_step_id": "create"})
    assert stored(result["result"])["bedroom"] == {}


async def test_rooms_without_sensors_can_get_some(hass: HomeAssistant, setup: Setup) -> None:
    hass.states.async_set("binary_sensor.bed", "off")
    await setup.rooms("bedroom", "hall")
    await setup.send({"exit_doors": ["binary_sensor.front_door"], "more": {"night_hour": 3}})
    result = await setup.send({"next_step_id": "choose_sensors"})
    assert result["description_placeholders"]["room"] == "Bedroom"
    # The hall has no page now, so what it was given cannot be given again.
    result = await setup.send({**NOTHING, "motion": ["binary_sensor.hall_motion"]})
    assert result["errors"] == {"base": "entity_in_room"}
    result = await setup.send({**NOTHING, "presence": ["binary_sensor.bed"]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert stored(result["result"]) == {"bedroom": {"presence": ["binary_sensor.bed"]}, "hall": HALL}


async def test_what_a_person_gives_elsewhere_is_no_longer_proposed(setup: Setup) -> None:
    await setup.rooms("bedroom", "hall", "kitchen", review=True)
    result = await setup.send({"more": {"night_hour": 3, "routine_only": ["light.kitchen_ceiling"]}})
    result = await setup.send({**NOTHING, "motion": ["binary_sensor.kitchen_motion"]})
    result = await setup.send({**NOTHING, "motion": ["binary_sensor.kitchen_motion"]})
    assert result["errors"] == {"base": "entity_in_room"}
    told = result["description_placeholders"]
    assert (told["room"], told["other_room"]) == ("Hall", "Bedroom")
    result = await setup.send({**NOTHING, "motion": ["binary_sensor.hall_motion"]})
    kitchen = suggested(result)
    assert (kitchen["motion"], kitchen["things"]["light"]) == ([], [])
    result = await setup.send({**kitchen, "things": {"light": ["light.kitchen_ceiling"]}})
    assert result["errors"] == {"base": "entity_in_home"}


async def test_each_bad_choice_says_what_is_wrong_at_set_up(hass: HomeAssistant, setup: Setup) -> None:
    await setup.rooms("hall", review=True)
    await setup.send({"more": {"night_hour": 3, "routine_only": ["switch.street_light"]}})
    for error, answer in bad_choices(hass).items():
        result = await setup.send(answer)
        assert (result["step_id"], result["errors"]) == ("room", {"base": error})
    result = await setup.send({**NOTHING, "motion": ["binary_sensor.hall_motion"]})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_bad_choices_for_the_home_say_what_is_wrong(hass: HomeAssistant, setup: Setup) -> None:
    await setup.rooms("hall")
    hass.states.async_remove("person.grace")
    result = await setup.send({"persons": list(PERSONS), "more": {"night_hour": 5}})
    assert (result["step_id"], result["errors"]) == ("home", {"base": "entity_missing"})
    door = ["binary_sensor.front_door"]
    result = await setup.send({"exit_doors": door, "more": {"night_hour": 5, "routine_only": door}})
    assert result["errors"] == {"base": "entity_twice"}
    assert suggested(result)["more"] == {"night_hour": 5, "routine_only": door}


async def test_every_kind_of_room_has_a_name(hass: HomeAssistant, setup: Setup) -> None:
    await setup.rooms("hall", review=True)
    result = await setup.send({"more": {"night_hour": 3}})
    kinds = result["data_schema"].schema["kind"].config["options"]
    texts = await async_get_translations(hass, "en", "selector", [DOMAIN])
    assert {f"component.{DOMAIN}.selector.room_kind.options.{kind}" for kind in kinds} <= texts.keys()


# aiohttp warns of how Home Assistant's own `http` keeps its keys.
@pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")
async def test_the_pages_reach_a_browser(hass: HomeAssistant, hass_client: Any) -> None:
    assert await async_setup_component(hass, "config", {})
    client = await hass_client()
    url = "/api/config/config_entries/flow"

    async def post(path: str, answer: dict[str, Any]) -> dict[str, Any]:
        response = await client.post(path, json=answer)
        assert response.status == 200, await response.text()
        page: dict[str, Any] = await response.json()
        return page

    page = await post(url, {"handler": DOMAIN})
    assert [field["name"] for field in page["data_schema"]] == ["rooms", "use_proposals"]
    assert page["data_schema"][0]["description"] == {"suggested_value": ["bathroom", "hall", "kitchen"]}
    path = f"{url}/{page['flow_id']}"
    page = await post(path, {"rooms": ["kitchen"], "use_proposals": False})
    more = page["data_schema"][-1]
    assert (more["type"], more["expanded"]) == ("expandable", False)
    assert more["schema"][1]["selector"]["number"]["max"] == 23
    page = await post(path, {"more": {"night_hour": 3}})
    things, special = page["data_schema"][-2:]
    # What holds a proposal stands open, what is empty stays out of the way.
    assert things["expanded"]
    assert special["schema"][0]["name"] == "reference"
    filters = {field["name"]: field["selector"]["entity"].get("filter") for field in things["schema"]}
    assert filters["media"] == [{"domain": ["media_player"]}]
    page = await post(path, {**NOTHING, "motion": KITCHEN["motion"]})
    assert page["type"] == "create_entry"
