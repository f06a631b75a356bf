"""What asks a person for help, how he helps, and how it goes away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
import sqlite3

from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import area_registry as ar, entity_registry as er, issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml import issues
from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.coordinator import now_us
from custom_components.occupancy_ml.engine.events import MINUTE_US, Event
from custom_components.occupancy_ml.engine.occupancy.training import RoomReport
from custom_components.occupancy_ml.engine.pipeline import TrainingReport
from custom_components.occupancy_ml.engine.snapshot import Fault, SensorFault
from custom_components.occupancy_ml.engine.store import (
    SCHEMA_VERSION,
    RunStatus,
    StoreBusyError,
    StoreFullError,
)
from custom_components.occupancy_ml.training_notices import async_tell
from tests.a_home import ROOMS, coordinator_of, database, make_entry, set_up, settle
from tests.house import add_sensor, build_house

# Home Assistant's own web server, which repairs depend on, warns about itself.
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")

MOTION = "binary_sensor.kitchen_motion"


@pytest.fixture(autouse=True)
async def house(hass: HomeAssistant, integration: None) -> None:
    build_house(hass)
    assert await async_setup_component(hass, "repairs", {})


def asked(hass: HomeAssistant) -> set[str]:
    registry = ir.async_get(hass)
    return {issue_id for domain, issue_id in registry.issues if domain == DOMAIN and _active(hass, issue_id)}


def _active(hass: HomeAssistant, issue_id: str) -> bool:
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    return issue is not None and issue.active


def room_of(entry: MockConfigEntry, area_id: str) -> str:
    ids: dict[str | None, str] = {s.unique_id: s.subentry_id for s in entry.subentries.values()}
    return ids[area_id]


async def read_out(hass: HomeAssistant, issue_id: str) -> str:
    """The text of an issue as a person reads it."""
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    texts: dict[str, str] = await async_get_translations(hass, "en", "issues", [DOMAIN])
    prefix = f"component.{DOMAIN}.issues.{issue.translation_key}"
    keys = [f"{prefix}.title"]
    if issue.is_fixable:
        keys += [f"{prefix}.fix_flow.step.confirm.title", f"{prefix}.fix_flow.step.confirm.description"]
    else:
        keys.append(f"{prefix}.description")
    return "\n".join(texts[key].format(**(issue.translation_placeholders or {})) for key in keys)


async def mend(hass: HomeAssistant, issue_id: str) -> FlowResultType:
    """Open the repair and confirm it."""
    manager = repairs_flow_manager(hass)
    assert manager is not None
    result = await manager.async_init(DOMAIN, context={"issue_id": issue_id})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "confirm"
    result = await manager.async_configure(result["flow_id"], {})
    await settle(hass)
    return result["type"]


async def test_a_healthy_home_asks_for_nothing(hass: HomeAssistant) -> None:
    await set_up(hass)
    assert asked(hass) == set()


async def test_removed_sensors_are_asked_about_once_a_room(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    issue_id = f"{issues.SENSORS_MISSING}_{room_of(entry, 'kitchen')}"
    for entity_id in (MOTION, "binary_sensor.kitchen_window"):
        er.async_get(hass).async_remove(entity_id)
        hass.states.async_remove(entity_id)
    await settle(hass)
    assert asked(hass) == {issue_id}
    text = await read_out(hass, issue_id)
    assert MOTION in text
    assert "binary_sensor.kitchen_window" in text
    assert "Kitchen" in text
    # Nothing was taken out before anybody said so.
    assert MOTION in {s.entity_id for s in coordinator_of(entry).home.sensors}

    assert await mend(hass, issue_id) is FlowResultType.CREATE_ENTRY
    assert asked(hass) == set()
    sensors = entry.subentries[room_of(entry, "kitchen")].data["sensors"]
    assert sensors == {"light": ["light.kitchen_ceiling"], "environment": ["sensor.kitchen_temperature"]}
    assert MOTION not in {s.entity_id for s in coordinator_of(entry).home.sensors}


async def test_a_sensor_that_returns_is_no_question_any_more(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    er.async_get(hass).async_remove(MOTION)
    hass.states.async_remove(MOTION)
    await settle(hass)
    assert asked(hass) == {f"{issues.SENSORS_MISSING}_{room_of(entry, 'kitchen')}"}
    add_sensor(hass, "kitchen", MOTION, "motion")
    await settle(hass)
    assert asked(hass) == set()


async def test_a_removed_person_leaves_the_options(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    hass.states.async_remove("person.grace")
    await settle(hass)
    issue_id = f"{issues.SENSORS_MISSING}_{issues.HOME}"
    assert asked(hass) == {issue_id}
    assert "person.grace" in await read_out(hass, issue_id)
    assert await mend(hass, issue_id) is FlowResultType.CREATE_ENTRY
    assert entry.options["persons"] == ["person.ada"]
    assert asked(hass) == set()


async def test_a_removed_context_entity_is_asked_about_and_leaves_the_options(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    hass.states.async_set("sensor.alarm", "unknown")
    hass.states.async_set("weather.home", "sunny")
    context = {"next_alarm": ["sensor.alarm"], "weather": ["weather.home"]}
    hass.config_entries.async_update_entry(entry, options={**entry.options, "context": context})
    await settle(hass)
    assert asked(hass) == set()
    hass.states.async_remove("sensor.alarm")
    await settle(hass)
    issue_id = f"{issues.SENSORS_MISSING}_{issues.HOME}"
    assert asked(hass) == {issue_id}
    assert "sensor.alarm" in await read_out(hass, issue_id)
    assert await mend(hass, issue_id) is FlowResultType.CREATE_ENTRY
    assert entry.options["context"] == {"weather": ["weather.home"]}
    assert entry.options["persons"] == ["person.ada", "person.grace"]
    assert asked(hass) == set()


async def test_what_is_ignored_stays_ignored(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    hass.states.async_remove("person.grace")
    await settle(hass)
    issue_id = f"{issues.SENSORS_MISSING}_{issues.HOME}"
    ir.async_ignore_issue(hass, DOMAIN, issue_id, True)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    assert issue.dismissed_version is not None


async def test_deleted_sleep_helpers_are_asked_about_once_and_by_name(hass: HomeAssistant) -> None:
    helpers = {"sleep_start": "input_datetime.bed", "sleep_end": "input_datetime.up", "sleep_sensor": MOTION}
    for entity_id in ("input_datetime.bed", "input_datetime.up"):
        hass.states.async_set(entity_id, "22:00:00")
    entry = await set_up(hass)
    hass.config_entries.async_update_entry(entry, options={**entry.options, "sleep": helpers})
    await settle(hass)
    assert asked(hass) == set()
    hass.states.async_remove("input_datetime.bed")
    await settle(hass)
    assert asked(hass) == {issues.SLEEP_MISSING}
    text = await read_out(hass, issues.SLEEP_MISSING)
    assert "input_datetime.bed" in text
    assert "input_datetime.up" not in text
    # Ignored it stays ignored, also over a reload; back again it is no question any more.
    ir.async_ignore_issue(hass, DOMAIN, issues.SLEEP_MISSING, True)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issues.SLEEP_MISSING)
    assert issue is not None
    assert issue.dismissed_version is not None
    hass.states.async_set("input_datetime.bed", "22:00:00")
    await settle(hass)
    assert asked(hass) == set()

    hass.states.async_remove("input_datetime.up")
    await settle(hass)
    assert await mend(hass, issues.SLEEP_MISSING) is FlowResultType.CREATE_ENTRY
    # One of the two tells nothing: both go, the sensor stays.
    assert entry.options["sleep"] == {"sleep_sensor": MOTION}
    assert asked(hass) == set()


async def test_a_store_that_fails_in_another_way_is_one_question(hass: HomeAssistant) -> None:
    for error, key in (
        (StoreBusyError("locked"), issues.STORE_BUSY),
        (StoreFullError("full"), issues.STORE_FULL),
        (StoreBusyError("locked"), issues.STORE_BUSY),
    ):
        issues.async_raise_store_issue(hass, error, "/config/occupancy_ml.db")
        assert asked(hass) == {key}
    issues.async_clear_store_issues(hass)
    assert asked(hass) == set()


async def test_a_deleted_area_takes_its_room_along_when_confirmed(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    issue_id = f"{issues.AREA_REMOVED}_{room_of(entry, 'hall')}"
    ar.async_get(hass).async_delete("hall")
    await settle(hass)
    assert asked(hass) == {issue_id}
    assert "Hall" in await read_out(hass, issue_id)
    # Until then the room works on, and the area does not come back by itself.
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert "hall" in coordinator_of(entry).data.rooms
    assert ar.async_get(hass).async_get_area("hall") is None

    assert await mend(hass, issue_id) is FlowResultType.CREATE_ENTRY
    assert asked(hass) == set()
    assert set(coordinator_of(entry).data.rooms) == {"kitchen", "bathroom"}
    assert not [e for e in er.async_get(hass).entities if e.startswith("binary_sensor.hall_occ")]


async def test_an_area_created_again_withdraws_the_question(hass: HomeAssistant) -> None:
    await set_up(hass)
    ar.async_get(hass).async_delete("hall")
    await settle(hass)
    assert len(asked(hass)) == 1
    ar.async_get(hass).async_create("Hall")
    await settle(hass)
    assert asked(hass) == set()


async def test_a_removed_room_takes_its_questions_along(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    ar.async_get(hass).async_delete("hall")
    await settle(hass)
    assert len(asked(hass)) == 1
    hass.config_entries.async_remove_subentry(entry, room_of(entry, "hall"))
    await settle(hass)
    assert asked(hass) == set()


async def test_a_file_from_a_newer_version_is_left_untouched(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    path = database(hass)
    with sqlite3.connect(path) as file:
        file.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        file.execute("UPDATE metadata SET value = ? WHERE key = 'schema_version'", (str(SCHEMA_VERSION + 1),))
    file.close()
    before = path.read_bytes()
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert asked(hass) == {issues.STORE_NEWER}
    assert str(path) in await read_out(hass, issues.STORE_NEWER)
    assert path.read_bytes() == before
    path.unlink()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert asked(hass) == set()


async def test_a_damaged_file_is_set_aside_and_told(hass: HomeAssistant) -> None:
    path = database(hass)
    path.write_bytes(b"this is no database, but it was somebody's months of learning" * 100)
    entry = await set_up(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert asked(hass) == {issues.STORE_DAMAGED}
    (aside,) = path.parent.glob(f"{path.name}.damaged-*")
    assert aside.name in await read_out(hass, issues.STORE_DAMAGED)
    # News stays until it was read.
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert asked(hass) == {issues.STORE_DAMAGED}
    assert await mend(hass, issues.STORE_DAMAGED) is FlowResultType.CREATE_ENTRY
    assert asked(hass) == set()


async def test_a_folder_in_the_way_is_told_and_tried_again(hass: HomeAssistant) -> None:
    path = database(hass)
    path.mkdir()
    entry = make_entry(hass)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert asked(hass) == {issues.STORE_UNAVAILABLE}
    assert str(path) in await read_out(hass, issues.STORE_UNAVAILABLE)
    path.rmdir()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert asked(hass) == set()


async def test_a_failed_training_can_be_tried_again(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    issues.async_raise_training_failed(hass, ["kitchen"], "out of luck")
    text = await read_out(hass, issues.TRAINING_FAILED)
    assert "kitchen" in text
    assert "out of luck" in text
    assert await mend(hass, issues.TRAINING_FAILED) is FlowResultType.CREATE_ENTRY
    assert asked(hass) == set()
    issues.async_raise_training_failed(hass, [], "out of luck")
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await mend(hass, issues.TRAINING_FAILED) is FlowResultType.ABORT
    assert asked(hass) == {issues.TRAINING_FAILED}


async def test_a_failed_training_names_rooms_as_people_do(hass: HomeAssistant) -> None:
    ar.async_get(hass).async_update("kitchen", name="Galley")
    failed = RoomReport("kitchen", RunStatus.FAILED, "out of luck")
    async_tell(hass, database(hass), TrainingReport(None, {"kitchen": failed}), {})
    text = await read_out(hass, issues.TRAINING_FAILED)
    assert "Galley" in text
    assert "kitchen" not in text


async def test_a_training_that_fails_again_stays_asked_about(hass: HomeAssistant) -> None:
    """A step that fails ends no training, so that nothing is raised."""
    coordinator = coordinator_of(await set_up(hass))

    async def scored_until(text: str) -> None:
        await coordinator.run(coordinator.engine.store.metadata.set, "scored_until", text)

    await scored_until("not a date")
    issues.async_raise_training_failed(hass, ["kitchen"], "out of luck")
    assert await mend(hass, issues.TRAINING_FAILED) is FlowResultType.ABORT
    assert asked(hass) == {issues.TRAINING_FAILED}
    assert "not a date" in await read_out(hass, issues.TRAINING_FAILED)
    await scored_until("2026-01-01")
    assert await mend(hass, issues.TRAINING_FAILED) is FlowResultType.CREATE_ENTRY
    assert asked(hass) == set()


async def test_removing_the_home_withdraws_everything(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    hass.states.async_remove("person.grace")
    issues.async_raise_training_failed(hass, [], "out of luck")
    await settle(hass)
    assert len(asked(hass)) == 2
    assert await hass.config_entries.async_remove(entry.entry_id)
    await settle(hass)
    assert asked(hass) == set()


async def test_a_broken_sensor_is_named_once_and_withdrawn_when_it_is_well(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)

    def show(*faults: SensorFault) -> None:
        data = coordinator.data
        coordinator.async_publish(replace(data, time_us=data.time_us + 1, faults=faults))

    for fault in Fault:
        show(SensorFault(MOTION, fault, 1_800_000_000_000_000))
        (issue_id,) = asked(hass)
        text = await read_out(hass, issue_id)
        assert MOTION in text
        assert "2027-01-15" in text
    gone = SensorFault(MOTION, Fault.UNAVAILABLE, 1_800_000_000_000_000)
    show(gone)
    (issue_id,) = asked(hass)
    assert "battery" in await read_out(hass, issue_id)
    er.async_get(hass).async_update_entity(MOTION, disabled_by=er.RegistryEntryDisabler.USER)
    show(gone)
    assert asked(hass) == {issue_id}
    assert "Enable it again" in await read_out(hass, issue_id)
    er.async_get(hass).async_update_entity(MOTION, disabled_by=None)
    show(SensorFault(MOTION, fault, 1_800_000_000_000_000))
    (issue_id,) = asked(hass)
    # Ignored, it stays so while the fault lasts, over a restart too.
    ir.async_ignore_issue(hass, DOMAIN, issue_id, True)
    show(
        SensorFault("binary_sensor.hall_motion", Fault.STUCK, 1_800_000_000_000_000),
        SensorFault(MOTION, fault, 1_800_000_000_000_000),
    )
    assert len(asked(hass)) == 2
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert issue is not None
    assert issue.dismissed_version is not None
    show()
    assert asked(hass) == set()


async def test_what_is_ignored_stays_so_while_a_changed_home_is_replayed(hass: HomeAssistant) -> None:
    on = "binary_sensor.kitchen_corner"
    hass.states.async_set(on, "on")
    entry = await set_up(hass, {**ROOMS, "kitchen": {"motion": [on]}})
    coordinator = coordinator_of(entry)
    begin_us = now_us() - 12 * 60 * MINUTE_US
    past = [Event(begin_us, on, "on")]
    for number in range(140):  # others go on
        state = "off" if number % 2 else "on"
        past.append(Event(begin_us + 5 * number * MINUTE_US, "binary_sensor.hall_motion", state))
    await coordinator.run(coordinator.engine.import_events, past)
    kitchen = entry.subentries[room_of(entry, "kitchen")]

    async def change(sensors: Mapping[str, Sequence[str]]) -> None:
        hass.config_entries.async_update_subentry(
            entry, kitchen, data={**kitchen.data, "sensors": dict(sensors)}
        )
        await settle(hass)
        await coordinator_of(entry).async_refresh()

    await change({"motion": [on, MOTION]})
    stuck = f"sensor_stuck_{on}"
    assert asked(hass) == {stuck}
    ir.async_ignore_issue(hass, DOMAIN, stuck, True)
    await change({"motion": [on]})
    issue = ir.async_get(hass).async_get_issue(DOMAIN, stuck)
    assert issue is not None
    assert issue.dismissed_version is not None


async def test_new_sensors_are_named_in_one_repair_that_goes_by_itself(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)

    def show(*new: str) -> None:
        data = coordinator.data
        coordinator.async_publish(replace(data, time_us=data.time_us + 1, new_sensors=new))

    show(MOTION)
    assert asked(hass) == {"sensors_new"}
    ir.async_ignore_issue(hass, DOMAIN, "sensors_new", True)
    show(MOTION, "binary_sensor.hall_motion")
    text = await read_out(hass, "sensors_new")
    assert MOTION in text
    assert "binary_sensor.hall_motion" in text
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "sensors_new")
    assert issue is not None
    assert issue.dismissed_version is not None
    show()
    assert asked(hass) == set()
