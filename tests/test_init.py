"""The life of an entry: set-up, reload, unload, rooms that come and go."""

from __future__ import annotations

import asyncio
from datetime import timedelta
import os
from pathlib import Path
import threading
from types import MappingProxyType

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntryState, ConfigSubentry
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_state_change_event
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.engine.home import Role
from tests.a_home import (
    BATHROOM,
    HALL,
    KITCHEN,
    ROOMS,
    coordinator_of,
    database,
    make_entry,
    pass_time,
    room_data,
    set_up,
    settle,
    stored_events,
)
from tests.house import add_sensor, build_house


@pytest.fixture(autouse=True)
def house(hass: HomeAssistant, integration: None) -> None:
    build_house(hass)


def open_files(path: Path) -> list[str]:
    """What this process holds open of the file and those beside it."""
    links = Path("/proc/self/fd")
    return [
        target
        for fd in os.listdir(links)  # noqa: PTH208 - closed links vanish while they are listed
        if (link := links / fd).is_symlink() and (target := str(link.readlink())).startswith(str(path))
    ]


def device_of(hass: HomeAssistant, identifier: str, entry: MockConfigEntry) -> dr.DeviceEntry | None:
    return dr.async_get(hass).async_get_device_by_identifier((DOMAIN, identifier), entry.entry_id)


def ours(hass: HomeAssistant) -> set[str]:
    return {e.entity_id for e in er.async_get(hass).entities.values() if e.platform == DOMAIN}


FORECASTS = (
    "forecast_skill",
    "forecasts_within_their_interval",
    "forecast_error",
    "forecast_bias",
    "forecasts_within_15_minutes",
    "forecasts_within_20_minutes",
    "forecast_crps",
    "forecast_brier_score",
    "forecast_trainings",
)
OF_A_ROOM = (
    ("binary_sensor", ("",)),
    ("button", ("_nobody_is_here", "_someone_is_here")),
    (
        "sensor",
        (
            "_probability",
            "_movement",
            "_next_transition",
            *(f"_occupied_in_{minutes}_minutes" for minutes in (5, 15, 30, 60, 120, 240)),
            "_better_than_the_best_rule",
            "_minutes_wrong_a_day",
            "_log_loss",
            "_skill",
            "_trainings",
            "_labels_stored",
            "_labelled_days",
            "_last_features",
            "_model_in_service_since",
            *(f"_{key}" for key in FORECASTS),
        ),
    ),
)
OF_THE_HOME = (
    ("binary_sensor", ("anyone_home",)),
    ("button", ("retrain",)),
    ("event", ("routine_changed",)),
    (
        "sensor",
        (
            "learning_status",
            "model_quality",
            "last_training",
            "last_routine_change",
            "next_arrival",
            "next_departure",
            "open_suggestions",
            "events_stored",
            "feature_rows_stored",
            "labels_stored",
            "last_event_stored",
            "last_features",
            "degraded_parts",
            "labelled_days",
            "database_size",
            "prediction_latency",
            "prediction_latency_median",
            "feature_latency",
            "feature_latency_median",
            *FORECASTS,
        ),
    ),
)


async def test_each_room_and_the_home_get_their_entities(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    assert ours(hass) == {
        *(f"{domain}.{room}_occupancy{key}" for room in ROOMS for domain, keys in OF_A_ROOM for key in keys),
        *(f"{domain}.home_{key}" for domain, keys in OF_THE_HOME for key in keys),
    }
    kitchen = hass.states.get("binary_sensor.kitchen_occupancy")
    assert kitchen is not None
    assert kitchen.attributes["device_class"] == "occupancy"
    device = device_of(hass, "room_kitchen", entry)
    assert device is not None
    assert (device.name, device.area_id) == ("Occupancy", "kitchen")


async def test_unloading_leaves_nothing_behind(hass: HomeAssistant) -> None:
    listeners = dict(hass.bus.async_listeners())
    threads = set(threading.enumerate())
    entry = await set_up(hass)
    path = database(hass)
    assert open_files(path)
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    assert await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert open_files(path) == []
    assert not path.with_name(f"{path.name}-wal").exists()
    after = dict(hass.bus.async_listeners())
    assert after.get(EVENT_STATE_CHANGED, 0) == listeners.get(EVENT_STATE_CHANGED, 0)
    assert "automation_triggered" not in after
    assert {t.name for t in set(threading.enumerate()) - threads if "Worker" not in t.name} == set()
    assert not [task for task in asyncio.all_tasks() if DOMAIN in task.get_name()]
    state = hass.states.get("binary_sensor.kitchen_occupancy")
    assert state is not None
    assert state.state == STATE_UNAVAILABLE


async def test_what_is_buffered_is_stored_by_unloading(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    hass.states.async_set("binary_sensor.kitchen_window", "on")
    assert len(coordinator_of(entry).buffer) == 1
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert [e.state for e in await stored_events(entry, "binary_sensor.kitchen_window")] == ["off", "on"]


async def test_a_room_is_added_without_a_restart(hass: HomeAssistant) -> None:
    entry = await set_up(hass, {"kitchen": KITCHEN})
    assert "binary_sensor.hall_occupancy" not in ours(hass)
    hall = room_data("hall", HALL)
    hass.config_entries.async_add_subentry(
        entry,
        ConfigSubentry(
            data=MappingProxyType(hall["data"]),
            subentry_type=hall["subentry_type"],
            title=hall["title"],
            unique_id=hall["unique_id"],
        ),
    )
    await settle(hass)
    state = hass.states.get("binary_sensor.hall_occupancy")
    assert state is not None
    assert state.state != STATE_UNAVAILABLE
    hass.states.async_set("binary_sensor.hall_motion", "on")
    await settle(hass)
    assert [e.state for e in await stored_events(entry, "binary_sensor.hall_motion")] == ["off", "on"]


async def test_a_removed_room_leaves_no_ghosts(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    room = next(s for s in entry.subentries.values() if s.unique_id == "bathroom")
    hass.config_entries.async_remove_subentry(entry, room.subentry_id)
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert not [entity_id for entity_id in ours(hass) if "bathroom" in entity_id]
    assert hass.states.get("binary_sensor.bathroom_occupancy") is None
    assert device_of(hass, "room_bathroom", entry) is None
    assert set(coordinator_of(entry).data.rooms) == {"kitchen", "hall"}
    # What is no longer watched is no longer stored.
    before = len(await stored_events(entry))
    hass.states.async_set("binary_sensor.bathroom_door", "on")
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert not [e for e in (await stored_events(entry))[before:] if "bathroom" in e.entity_id]


async def test_ghosts_of_earlier_are_swept(hass: HomeAssistant) -> None:
    entry = make_entry(hass, {"kitchen": KITCHEN})
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, "room_attic")}, name="Occupancy"
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert device_of(hass, "room_attic", entry) is None


async def test_history_follows_a_renamed_entity(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    old, new = "binary_sensor.kitchen_motion", "binary_sensor.stove_motion"
    hass.states.async_set(old, "on")
    await settle(hass)
    er.async_get(hass).async_update_entity(old, new_entity_id=new)
    hass.states.async_remove(old)
    hass.states.async_set(new, "off")
    await settle(hass)
    hass.states.async_set(new, "on")
    await settle(hass)
    room = next(s for s in entry.subentries.values() if s.unique_id == "kitchen")
    assert room.data["sensors"]["motion"] == [new]
    assert await stored_events(entry, old) == []
    assert [e.state for e in await stored_events(entry, new) if e.is_real] == ["off", "on", "off", "on"]


def rename(hass: HomeAssistant, old: str, new: str) -> None:
    """Rename an entity, as a person does; its integration shows its state under the new id."""
    er.async_get(hass).async_update_entity(old, new_entity_id=new)
    hass.states.async_remove(old)
    hass.states.async_set(new, "off")


async def followed(hass: HomeAssistant, entry: MockConfigEntry, old: str, new: str) -> bool:
    """Whether the home, its rooms and its history have an entity under its new id alone."""
    rooms = str([dict(room.data["sensors"]) for room in entry.subentries.values()])
    watched = {sensor.entity_id for sensor in coordinator_of(entry).home.sensors}
    first = [event.state for event in await stored_events(entry, new)][:2]
    gone = old not in rooms and old not in watched and await stored_events(entry, old) == []
    return gone and new in rooms and new in watched and first == ["off", "on"]


async def test_several_entities_renamed_at_once_make_one_reload(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    names = {
        old: old.replace(".", ".the_")
        for old in (*BATHROOM["presence"], *HALL["motion"], "binary_sensor.kitchen_window")
    }
    for old in names:
        hass.states.async_set(old, "on")
    await settle(hass)
    states: list[ConfigEntryState] = []
    entry.async_on_state_change(lambda: states.append(entry.state))
    for old, new in names.items():
        rename(hass, old, new)
    await settle(hass)
    assert states.count(ConfigEntryState.UNLOAD_IN_PROGRESS) == 1
    assert [await followed(hass, entry, old, new) for old, new in names.items()] == [True] * len(names)


@pytest.mark.parametrize("moment", ["unloaded", "between", "in_setup"])
async def test_what_is_changed_while_the_home_is_not_set_up_is_not_lost(
    hass: HomeAssistant, moment: str
) -> None:
    entry = await set_up(hass)
    old, new = "binary_sensor.hall_motion", "binary_sensor.corridor_motion"
    hass.states.async_set(old, "on")
    await settle(hass)

    @callback
    def change() -> None:
        if hass.states.get(new) is None:
            rename(hass, old, new)
            hass.config_entries.async_update_entry(entry, options={**entry.options, "pets": True})

    @callback
    def on_entry(*_: object) -> None:
        if entry.state is ConfigEntryState.NOT_LOADED:
            change()

    @callback
    def on_state(event: Event[EventStateChangedData]) -> None:
        # Our entities return when the file is open, before set-up ends.
        if (state := event.data["new_state"]) and state.state != STATE_UNAVAILABLE:
            change()

    if moment == "unloaded":
        assert await hass.config_entries.async_unload(entry.entry_id)
        change()
        assert await hass.config_entries.async_setup(entry.entry_id)
    else:
        if moment == "between":
            async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, on_entry)
        else:
            async_track_state_change_event(hass, "binary_sensor.hall_occupancy", on_state)
        assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert await followed(hass, entry, old, new)
    assert coordinator_of(entry).home.pets


async def test_a_renamed_person_is_followed_too(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    add_sensor(hass, None, "person.alan", state="home")
    options = {**entry.options, "persons": ["person.alan"]}
    hass.config_entries.async_update_entry(entry, options=options)
    await settle(hass)
    er.async_get(hass).async_update_entity("person.alan", new_entity_id="person.turing")
    await settle(hass)
    assert entry.options["persons"] == ["person.turing"]
    assert "person.turing" in {s.entity_id for s in coordinator_of(entry).home.sensors}


async def test_a_renamed_context_entity_is_followed_too(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    add_sensor(hass, None, "sensor.alarm", state="2026-11-25T05:00:00+00:00")
    hass.states.async_set("weather.home", "sunny")
    context = {"next_alarm": ["sensor.alarm"], "weather": ["weather.home"]}
    hass.config_entries.async_update_entry(entry, options={**entry.options, "context": context})
    await settle(hass)
    er.async_get(hass).async_update_entity("sensor.alarm", new_entity_id="sensor.phone_alarm")
    await settle(hass)
    assert entry.options["context"] == {"next_alarm": ["sensor.phone_alarm"], "weather": ["weather.home"]}
    assert {"sensor.phone_alarm", "weather.home"} <= {s.entity_id for s in coordinator_of(entry).home.sensors}


async def test_a_renamed_entity_that_nobody_chose_is_followed_too(hass: HomeAssistant) -> None:
    add_sensor(hass, None, "weather.home", state="sunny")
    entry = await set_up(hass)
    rename(hass, "weather.home", "weather.here")
    await settle(hass)
    assert "weather.here" in {s.entity_id for s in coordinator_of(entry).home.sensors}
    assert [e.state for e in await stored_events(entry, "weather.here")] == ["sunny", "off"]


async def test_a_corrected_class_and_a_new_workday_sensor_are_taken_over_at_one_go(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up(hass, {"kitchen": KITCHEN})
    states: list[ConfigEntryState] = []
    entry.async_on_state_change(lambda: states.append(entry.state))
    window = "binary_sensor.kitchen_window"
    er.async_get(hass).async_update_entity(window, device_class="door")
    await pass_time(hass, freezer, timedelta(seconds=6))
    add_sensor(hass, None, "binary_sensor.workday", platform="workday")
    await pass_time(hass, freezer, timedelta(seconds=6))
    assert states == []
    for _ in range(4):
        er.async_get(hass).async_update_entity(window, icon="mdi:door")
        await pass_time(hass, freezer, timedelta(seconds=11))
    sensors = {sensor.entity_id: sensor for sensor in coordinator_of(entry).home.sensors}
    assert sensors[window].device_class == "door"
    assert sensors["binary_sensor.workday"].role is Role.WORKDAY
    assert states.count(ConfigEntryState.UNLOAD_IN_PROGRESS) == 1


async def test_a_renamed_area_renames_the_room(hass: HomeAssistant) -> None:
    entry = await set_up(hass, {"bathroom": BATHROOM})
    ar.async_get(hass).async_update("bathroom", name="Spa")
    await settle(hass)
    assert [s.title for s in entry.subentries.values()] == ["Spa"]
    assert entry.state is ConfigEntryState.LOADED


async def test_a_room_follows_its_area_while_unloaded_and_when_it_returns(hass: HomeAssistant) -> None:
    entry = await set_up(hass, {"bathroom": BATHROOM})
    areas = ar.async_get(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    areas.async_update("bathroom", name="Spa")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert [s.title for s in entry.subentries.values()] == ["Spa"]
    areas.async_delete("bathroom")
    await settle(hass)
    device = device_of(hass, "room_bathroom", entry)
    assert device is not None
    assert device.area_id is None
    areas.async_create("Bathroom")
    await settle(hass)
    device = device_of(hass, "room_bathroom", entry)
    assert device is not None
    assert device.area_id == "bathroom"
    assert [s.title for s in entry.subentries.values()] == ["Bathroom"]


async def test_a_new_time_zone_is_taken_over(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    await hass.config.async_update(time_zone="Europe/Amsterdam")
    await settle(hass)
    assert coordinator_of(entry).home.time_zone == "Europe/Amsterdam"


async def test_an_entry_of_a_newer_major_version_is_left_alone(hass: HomeAssistant) -> None:
    entry = make_entry(hass)
    hass.config_entries.async_update_entry(entry, version=2)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.MIGRATION_ERROR
    assert not database(hass).exists()


async def test_removing_the_home_keeps_what_was_learned(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    assert await hass.config_entries.async_remove(entry.entry_id)
    await settle(hass)
    assert ours(hass) == set()
    assert database(hass).exists()
