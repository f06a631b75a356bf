"""Sleep told in Home Assistant's own helpers, by a person or a sensor, and the options that name them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.auth.models import User
from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED, ConfigEntryState
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml.engine.events import to_us
from custom_components.occupancy_ml.engine.store import Label, LabelKind, LabelSource, Retention
from custom_components.occupancy_ml.home_builder import retention_of
from tests.a_home import coordinator_of, pass_time, set_up, settle
from tests.flow_pages import said, suggested
from tests.house import add_sensor, build_house

START, END, BED = "input_datetime.sleep_start", "input_datetime.sleep_end", "binary_sensor.asleep"
SLEEP = {"sleep_start": START, "sleep_end": END, "sleep_sensor": BED}


@pytest.fixture(autouse=True)
async def house(hass: HomeAssistant, integration: None, freezer: FrozenDateTimeFactory) -> None:
    """A house with helpers that have dates, two that do not, and one without a time."""
    freezer.move_to("2026-05-04 12:00:00+00:00")
    await hass.config.async_update(time_zone="Europe/Amsterdam")
    build_house(hass)
    add_sensor(hass, None, BED)
    both = {"has_date": True, "has_time": True, "initial": "2026-05-01 00:00:00"}
    helpers = {
        "sleep_start": both,
        "sleep_end": both,
        "bed_time": {"has_time": True, "has_date": False, "initial": "22:00:00"},
        "wake_time": {"has_time": True, "has_date": False, "initial": "06:00:00"},
        "birthday": {"has_date": True, "has_time": False},
    }
    assert await async_setup_component(hass, "input_datetime", {"input_datetime": helpers})


async def home_with(hass: HomeAssistant, sleep: Mapping[str, str]) -> MockConfigEntry:
    entry = await set_up(hass)
    hass.config_entries.async_update_entry(entry, options={**entry.options, "sleep": dict(sleep)})
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    return entry


async def give(hass: HomeAssistant, entity_id: str, context: Context | None = None, **value: str) -> None:
    await hass.services.async_call(
        "input_datetime", "set_datetime", {"entity_id": entity_id, **value}, blocking=True, context=context
    )
    await settle(hass)


async def nights(entry: MockConfigEntry, *, everything: bool = False) -> list[Label]:
    coordinator = coordinator_of(entry)
    return await coordinator.run(
        lambda: coordinator.engine.store.labels.read(
            0, 1 << 62, kind=LabelKind.SLEEP, include_superseded=everything
        )
    )


def utc(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


async def test_a_night_given_in_the_morning_and_mended_later(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, hass_admin_user: User
) -> None:
    entry = await home_with(hass, SLEEP)
    freezer.move_to("2026-05-05 06:00:00+00:00")
    await give(hass, START, datetime="2026-05-04 23:10:00")
    assert await nights(entry) == []
    await give(hass, END, Context(user_id=hass_admin_user.id), datetime="2026-05-05 07:05:00")
    (label,) = await nights(entry)
    assert (label.start_us, label.end_us) == (utc("2026-05-04T21:10"), utc("2026-05-05T05:05"))
    assert (label.source, label.created_by) == (LabelSource.HELPER, hass_admin_user.id)
    assert (label.local_date, label.time_zone) == ("2026-05-05", "Europe/Amsterdam")
    freezer.move_to("2026-05-06 18:00:00+00:00")
    await give(hass, END, datetime="2026-05-05 07:45:00")
    assert [label.end_us for label in await nights(entry)] == [utc("2026-05-05T05:45")]
    assert len(await nights(entry, everything=True)) == 2
    # Started again nothing is told anew.
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert len(await nights(entry, everything=True)) == 2


async def test_an_end_given_ahead_is_read_when_it_comes(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = await home_with(
        hass, {"sleep_start": "input_datetime.bed_time", "sleep_end": "input_datetime.wake_time"}
    )
    freezer.move_to("2026-05-04 20:30:00+00:00")
    await give(hass, "input_datetime.bed_time", time="22:45:00")
    assert await nights(entry) == []
    await pass_time(hass, freezer, timedelta(hours=7))
    assert await nights(entry) == []
    await pass_time(hass, freezer, timedelta(hours=1))
    (label,) = await nights(entry)
    assert (label.start_us, label.end_us) == (utc("2026-05-04T20:45"), utc("2026-05-05T04:00"))


async def test_a_sensor_for_sleep(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    entry = await home_with(hass, {"sleep_sensor": BED})
    freezer.move_to("2026-05-04 21:00:00+00:00")
    hass.states.async_set(BED, "on")
    await settle(hass)
    # A restart in the night.
    freezer.move_to("2026-05-05 01:00:00+00:00")
    hass.states.async_set(BED, "unavailable")
    await settle(hass)
    assert await hass.config_entries.async_reload(entry.entry_id)
    freezer.move_to("2026-05-05 01:05:00+00:00")
    hass.states.async_set(BED, "on")
    await settle(hass)
    freezer.move_to("2026-05-05 05:00:00+00:00")
    hass.states.async_set(BED, "off")
    await settle(hass)
    (label,) = await nights(entry)
    assert (label.start_us, label.end_us) == (utc("2026-05-04T21:00"), utc("2026-05-05T05:00"))
    assert label.source is LabelSource.REFERENCE


async def test_what_the_store_refuses_is_tried_again_in_order(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = await home_with(hass, SLEEP)
    coordinator = coordinator_of(entry)
    database = coordinator.engine.store.database
    freezer.move_to("2026-05-05 06:00:00+00:00")
    await coordinator.run(database.execute, "PRAGMA query_only = ON")
    await give(hass, START, datetime="2026-05-04 23:10:00")
    await give(hass, END, datetime="2026-05-05 07:05:00")
    await give(hass, END, datetime="2026-05-05 07:15:00")
    assert await nights(entry) == []
    await coordinator.run(database.execute, "PRAGMA query_only = OFF")
    await pass_time(hass, freezer, timedelta(seconds=61))
    assert [label.end_us for label in await nights(entry)] == [utc("2026-05-05T05:15")]
    assert len(await nights(entry, everything=True)) == 2


async def test_what_is_told_follows_a_renamed_entity(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = await home_with(hass, {"sleep_sensor": BED})
    hass.states.async_remove(BED)
    er.async_get(hass).async_update_entity(BED, new_entity_id="binary_sensor.in_bed")
    hass.states.async_set("binary_sensor.in_bed", "on")
    await settle(hass)
    assert entry.options["sleep"] == {"sleep_sensor": "binary_sensor.in_bed"}
    freezer.move_to("2026-05-04 14:00:00+00:00")
    hass.states.async_set("binary_sensor.in_bed", "off")
    await settle(hass)
    assert len(await nights(entry)) == 1


async def test_what_is_renamed_while_the_home_is_not_set_up_still_tells(hass: HomeAssistant) -> None:
    entry = await home_with(hass, SLEEP)
    assert await hass.config_entries.async_unload(entry.entry_id)
    registry, new = (
        er.async_get(hass),
        {"sleep_start": "input_datetime.to_bed", "sleep_end": "input_datetime.up"},
    )
    for key, entity_id in new.items():
        registry.async_update_entity(SLEEP[key], new_entity_id=entity_id)
    await settle(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert entry.options["sleep"] == {**SLEEP, **new}
    # The next is renamed while the home is set up again for the one before.
    moments: list[ConfigEntryState] = []

    @callback
    def on_entry(*_: object) -> None:
        moments.append(entry.state)
        if moments.count(ConfigEntryState.SETUP_IN_PROGRESS) == 1 and registry.async_get(BED):
            registry.async_update_entity(BED, new_entity_id="binary_sensor.in_bed")

    async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, on_entry)
    registry.async_update_entity("input_datetime.up", new_entity_id="input_datetime.out_of_bed")
    await settle(hass)
    assert entry.options["sleep"] == {
        "sleep_start": "input_datetime.to_bed",
        "sleep_end": "input_datetime.out_of_bed",
        "sleep_sensor": "binary_sensor.in_bed",
    }


async def test_the_options_name_helpers_and_say_what_is_wrong(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    flows = hass.config_entries.options
    result = await flows.async_init(entry.entry_id)
    await said(hass, result, "options", "options")
    filled = suggested(result)
    for sleep, error in (
        ({"sleep_start": START}, "sleep_half"),
        ({"sleep_start": START, "sleep_end": START}, "entity_twice"),
        ({"sleep_start": START, "sleep_end": "input_datetime.birthday"}, "sleep_without_time"),
        ({"sleep_sensor": "binary_sensor.nowhere"}, "entity_missing"),
    ):
        result = await flows.async_configure(result["flow_id"], {**filled, "sleep": sleep})
        await said(hass, result, "options", "options")
        assert result["errors"] == {"base": error}
        assert suggested(result)["sleep"] == sleep
    storage = {**filled["storage"], "raw_events": 14, "size_mb": 200.0}
    answer = {**filled, "sleep": SLEEP, "storage": storage}
    result = await flows.async_configure(result["flow_id"], answer)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)
    # Only what differs from the defaults: better defaults reach everybody else.
    assert entry.options["storage"] == {"raw_events": 14, "size_mb": 200}
    assert entry.options["sleep"] == SLEEP
    assert retention_of(entry.options) == Retention(raw_events=14, size_mb=200)
    result = await flows.async_init(entry.entry_id)
    assert suggested(result) == answer
    # Emptied again.
    result = await flows.async_configure(result["flow_id"], filled)
    await settle(hass)
    assert not {"sleep", "storage"} & set(entry.options)
