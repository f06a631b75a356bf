"""Discovery: what the registries hold -> what is proposed."""

from __future__ import annotations

from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml.const import (
    CONF_AREA_ID,
    CONF_KIND,
    CONF_PERSONS,
    CONF_ROUTINE_ONLY,
    CONF_SENSORS,
    DOMAIN,
    SUBENTRY_ROOM,
)
from custom_components.occupancy_ml.discovery import (
    candidates,
    mark_exit_doors,
    propose_persons,
    propose_rooms,
    propose_routine_only,
)
from custom_components.occupancy_ml.engine.home import Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.home_builder import home_from_entry
from tests.house import PERSONS, add_device, add_sensor, build_house


@pytest.fixture
def house(hass: HomeAssistant) -> None:
    build_house(hass)


def found(hass: HomeAssistant) -> set[str]:
    return {candidate.entity_id for candidate in candidates(hass)}


@pytest.mark.usefixtures("house")
def test_rooms_are_proposed_by_name_with_the_roles_of_their_sensors(hass: HomeAssistant) -> None:
    rooms = propose_rooms(hass)
    assert list(rooms) == ["bathroom", "bedroom", "garden", "hall", "kitchen"]
    assert rooms["kitchen"].kind is RoomKind.KITCHEN
    assert rooms["kitchen"].sensors == {
        Role.MOTION: ("binary_sensor.kitchen_motion",),
        Role.OPENING: ("binary_sensor.kitchen_window",),
        Role.ENVIRONMENT: ("sensor.kitchen_temperature",),
        Role.LIGHT: ("light.kitchen_ceiling",),
        Role.ROUTINE_ONLY: ("switch.kitchen_boiler",),
    }
    assert rooms["hall"].sensors[Role.EXIT_DOOR] == ("binary_sensor.front_door",)
    assert rooms["bathroom"].sensors[Role.DOOR] == ("binary_sensor.bathroom_door",)
    assert rooms["bedroom"].sensors == {}


@pytest.mark.usefixtures("house")
def test_only_areas_that_tell_about_people_are_worth_proposing(hass: HomeAssistant) -> None:
    worthwhile = {area_id for area_id, plan in propose_rooms(hass).items() if plan.is_worth_proposing}
    assert worthwhile == {"kitchen", "bathroom", "hall"}


@pytest.mark.usefixtures("house")
def test_the_area_of_an_entity_wins_over_that_of_its_device(hass: HomeAssistant) -> None:
    device = add_device(hass, "Sensor", "hall")
    add_sensor(hass, None, "binary_sensor.inherits", "motion", device_id=device)
    add_sensor(hass, "bathroom", "binary_sensor.stands_alone", "motion", device_id=device)
    rooms = propose_rooms(hass)
    assert "binary_sensor.inherits" in rooms["hall"].sensors[Role.MOTION]
    assert rooms["bathroom"].sensors[Role.MOTION] == ("binary_sensor.stands_alone",)


@pytest.mark.usefixtures("house")
def test_what_nobody_should_meet_is_left_out(hass: HomeAssistant) -> None:
    before = found(hass)
    add_sensor(hass, "hall", "sensor.chip", "temperature", category=EntityCategory.DIAGNOSTIC)
    add_sensor(hass, "hall", "switch.led", category=EntityCategory.CONFIG)
    add_sensor(
        hass, "hall", "binary_sensor.off", "motion", disabled_by=er.RegistryEntryDisabler.USER, state=None
    )
    add_sensor(hass, "hall", "switch.wrapped", hidden_by=er.RegistryEntryHider.INTEGRATION)
    add_sensor(hass, "hall", "binary_sensor.hall_occupancy", "occupancy", platform=DOMAIN)
    add_sensor(hass, "hall", "sensor.power", "power")
    assert found(hass) == before


@pytest.mark.usefixtures("house")
def test_a_changed_device_class_decides_the_role(hass: HomeAssistant) -> None:
    registry = er.async_get(hass)
    registry.async_update_entity("binary_sensor.kitchen_window", device_class="presence")
    assert propose_rooms(hass)["kitchen"].sensors[Role.PRESENCE] == ("binary_sensor.kitchen_window",)


@pytest.mark.usefixtures("house")
def test_a_class_that_only_the_state_knows_decides_the_role(hass: HomeAssistant) -> None:
    add_sensor(hass, "bedroom", "binary_sensor.pad", None, attributes={"device_class": "occupancy"})
    assert propose_rooms(hass)["bedroom"].sensors == {Role.PRESENCE: ("binary_sensor.pad",)}


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("attribute", ["entity_id", "group_entities"])
def test_a_group_of_visible_sensors_is_not_counted_again(hass: HomeAssistant, attribute: str) -> None:
    inside = ["binary_sensor.kitchen_motion", "binary_sensor.hall_motion"]
    add_sensor(
        hass,
        "bedroom",
        "binary_sensor.all_motion",
        "motion",
        platform="group",
        attributes={attribute: inside},
    )
    assert "binary_sensor.all_motion" not in found(hass)
    for entity_id in inside:
        er.async_get(hass).async_update_entity(entity_id, hidden_by=er.RegistryEntryHider.INTEGRATION)
    assert propose_rooms(hass)["bedroom"].sensors == {Role.MOTION: ("binary_sensor.all_motion",)}


@pytest.mark.usefixtures("house")
def test_a_computed_sensor_counts_only_where_nothing_is_measured(hass: HomeAssistant) -> None:
    add_sensor(hass, "kitchen", "binary_sensor.kitchen_guess", "motion", platform="template")
    add_sensor(hass, "bedroom", "binary_sensor.bedroom_guess", "motion", platform="template")
    rooms = propose_rooms(hass)
    assert rooms["kitchen"].sensors[Role.MOTION] == ("binary_sensor.kitchen_motion",)
    assert rooms["bedroom"].sensors[Role.MOTION] == ("binary_sensor.bedroom_guess",)


@pytest.mark.usefixtures("house")
def test_the_name_of_an_area_tells_its_kind_before_the_id_it_was_created_with(hass: HomeAssistant) -> None:
    ar.async_get(hass).async_update("bedroom", name="Office")
    ar.async_get(hass).async_update("kitchen", name="Ground floor")
    rooms = propose_rooms(hass)
    assert rooms["bedroom"].kind is RoomKind.OFFICE
    assert rooms["kitchen"].kind is RoomKind.KITCHEN


@pytest.mark.usefixtures("house")
def test_only_a_door_that_says_so_leads_outside(hass: HomeAssistant) -> None:
    places = {
        "Main bedroom": ("closet_door", "main_bedroom_closet_door", "bathroom_front_door_2"),
        "Front bedroom": ("front_bedroom_door", "bedroom_outside_door"),
        "Cellar": ("maintenance_closet_door", "gentry_door", "frontdoor"),
        "Entrance": ("door", "coat_closet_door", "entrance_balcony_door"),
        "Porch bathroom": ("bathroom_porch_cabinet_door", "shower_door"),
        "Back porch": ("screen_door", "door_front"),
    }
    for area, names in places.items():
        created = ar.async_get(hass).async_create(area)
        for name in names:
            add_sensor(hass, created.id, f"binary_sensor.{name}", "door")
    rooms = propose_rooms(hass).values()
    exits = {door.partition(".")[2] for plan in rooms for door in plan.sensors.get(Role.EXIT_DOOR, ())}
    told = {"bathroom_front_door_2", "bedroom_outside_door", "frontdoor", "door_front", "front_door"}
    assert exits == told | {"door", "screen_door"}


@pytest.mark.usefixtures("house")
def test_whole_words_tell_the_kind_of_a_room(hass: HomeAssistant) -> None:
    kinds = {
        "Dennis' room": RoomKind.OTHER,
        "Hallie": RoomKind.OTHER,
        "Edenroom": RoomKind.OTHER,
        "Bedlam": RoomKind.OTHER,
        "Den": RoomKind.OFFICE,
        "Guestroom 2": RoomKind.BEDROOM,
        "Upper bathrooms": RoomKind.BATHROOM,
        "Entrée": RoomKind.PASSAGE,
        "Staircase": RoomKind.PASSAGE,
        "TV room": RoomKind.LIVING,
        "Bed2": RoomKind.BEDROOM,
    }
    for area in kinds:
        ar.async_get(hass).async_create(area)
    proposed = {plan.name: plan.kind for plan in propose_rooms(hass).values()}
    assert proposed == proposed | kinds


@pytest.mark.usefixtures("house")
def test_the_whole_home_gets_the_persons_and_what_lies_in_no_room(hass: HomeAssistant) -> None:
    add_sensor(hass, "garden", "light.terrace")
    rooms = propose_rooms(hass)
    chosen = {area_id: plan for area_id, plan in rooms.items() if area_id != "garden"}
    assert propose_persons(hass) == list(PERSONS)
    assert propose_routine_only(hass, rooms) == ["switch.street_light"]
    assert propose_routine_only(hass, chosen) == ["light.terrace", "switch.street_light"]


@pytest.mark.usefixtures("house")
def test_exactly_the_marked_doors_lead_outside(hass: HomeAssistant) -> None:
    rooms = propose_rooms(hass)
    hall = mark_exit_doors(hass, rooms["hall"], frozenset())
    assert hall.sensors[Role.DOOR] == ("binary_sensor.front_door",)
    assert Role.EXIT_DOOR not in hall.sensors
    kitchen = mark_exit_doors(hass, rooms["kitchen"], frozenset({"binary_sensor.kitchen_window"}))
    assert kitchen.sensors[Role.EXIT_DOOR] == ("binary_sensor.kitchen_window",)
    assert Role.OPENING not in kitchen.sensors
    assert sorted(kitchen.entities) == sorted(rooms["kitchen"].entities)


def home_entry(options: dict[str, object], *rooms: tuple[str, dict[str, list[str]]]) -> MockConfigEntry:
    return MockConfigEntry(
        domain=DOMAIN,
        options=options,
        subentries_data=[
            {
                "data": {CONF_AREA_ID: area_id, CONF_KIND: "other", CONF_SENSORS: sensors},
                "subentry_type": SUBENTRY_ROOM,
                "title": area_id,
                "unique_id": area_id,
            }
            for area_id, sensors in rooms
        ],
    )


@pytest.mark.usefixtures("house")
async def test_the_engine_gets_the_home_as_it_is_stored(hass: HomeAssistant) -> None:
    await hass.config.async_set_time_zone("Europe/Amsterdam")
    home = home_from_entry(
        hass,
        home_entry(
            {CONF_PERSONS: ["person.ada"], CONF_ROUTINE_ONLY: ["switch.street_light"]},
            ("kitchen", {"motion": ["binary_sensor.kitchen_motion"], "light": ["light.gone"]}),
            ("hall", {}),
        ),
    )
    assert home.time_zone == "Europe/Amsterdam"
    assert home.rooms == (Room("kitchen"), Room("hall"))
    assert home.sensors == (
        Sensor("binary_sensor.kitchen_motion", Role.MOTION, "kitchen", "motion"),
        Sensor("light.gone", Role.LIGHT, "kitchen"),
        Sensor("person.ada", Role.PERSON),
        Sensor("switch.street_light", Role.ROUTINE_ONLY),
        Sensor("sun.sun", Role.ROUTINE_ONLY),
    )


async def test_an_entity_stored_in_many_places_counts_once_and_truth_is_no_input(hass: HomeAssistant) -> None:
    pad = "binary_sensor.pad"
    home = home_from_entry(
        hass,
        home_entry(
            {CONF_PERSONS: [], CONF_ROUTINE_ONLY: [pad]},
            ("bedroom", {"motion": [pad], "reference": [pad]}),
            ("office", {"motion": [pad]}),
            ("bedroom", {"door": ["binary_sensor.door"]}),
        ),
    )
    assert home.rooms == (Room("bedroom"), Room("office"))
    assert home.sensors == (
        Sensor(pad, Role.REFERENCE, "bedroom"),
        Sensor("binary_sensor.door", Role.DOOR, "bedroom"),
        Sensor("sun.sun", Role.ROUTINE_ONLY),
    )


async def test_devices_and_the_first_weather_entity_are_told(hass: HomeAssistant) -> None:
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=_an_entry(hass).entry_id, identifiers={("test", "lamp")}
    )
    registry = er.async_get(hass)
    registry.async_get_or_create("light", "test", "lamp", suggested_object_id="lamp", device_id=device.id)
    for name in ("b", "a"):
        registry.async_get_or_create("weather", "test", name, suggested_object_id=name)
    home = home_from_entry(hass, home_entry({CONF_PERSONS: []}, ("hall", {"light": ["light.lamp"]})))
    assert home.sensors == (
        Sensor("light.lamp", Role.LIGHT, "hall", device_id=device.id),
        Sensor("sun.sun", Role.ROUTINE_ONLY),
        Sensor("weather.a", Role.ROUTINE_ONLY),
    )


def _an_entry(hass: HomeAssistant) -> MockConfigEntry:
    entry = MockConfigEntry(domain="test")
    entry.add_to_hass(hass)
    return entry
