"""One tap corrects a room: by its buttons, or by answering a question."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.persistent_notification import _async_get_or_create_notifications
from homeassistant.core import Context, HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service

from custom_components.occupancy_ml.coordinator import now_us
from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.snapshot import HomeState, Learning, RoomState, Snapshot, Source
from custom_components.occupancy_ml.engine.store.labels import Label, LabelSource
from tests.a_home import coordinator_of, make_entry, pass_time, set_up, settle
from tests.house import build_house

OCCUPANCY = "binary_sensor.kitchen_occupancy"


async def corrections(entry: MockConfigEntry) -> list[Label]:
    coordinator = coordinator_of(entry)
    return await coordinator.run(
        lambda: coordinator.engine.store.labels.read(0, 1 << 62, sources=[LabelSource.CORRECTION])
    )


def shown(hass: HomeAssistant) -> tuple[str, str]:
    state = hass.states.get(OCCUPANCY)
    assert state is not None
    return state.state, state.attributes["source"]


async def press(hass: HomeAssistant, button: str) -> None:
    await hass.services.async_call(
        "button",
        "press",
        {"entity_id": f"button.kitchen_occupancy_{button}"},
        blocking=True,
        context=Context(user_id=None),
    )


async def test_the_buttons_of_a_room_correct_it_at_once(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    build_house(hass)
    entry = await set_up(hass)
    await press(hass, "someone_is_here")
    assert shown(hass) == ("on", "correction")
    # Nothing contradicts it: it stands.
    for _ in range(4):
        await pass_time(hass, freezer, timedelta(minutes=5))
    assert shown(hass) == ("on", "correction")
    await press(hass, "nobody_is_here")
    assert shown(hass) == ("off", "correction")
    await pass_time(hass, freezer, timedelta(minutes=2))
    assert shown(hass) == ("off", "correction")
    # Somebody moves there: that ends it.
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    await pass_time(hass, freezer, timedelta(seconds=61))
    state, source = shown(hass)
    assert state == "on"
    assert source != "correction"
    told = await corrections(entry)
    assert [label.target for label in told] == [1.0, 0.0]
    assert all(label.room_id == "kitchen" for label in told)


# --- the question


async def asking(hass: HomeAssistant, by: str | None) -> MockConfigEntry:
    """The home of the tests, which may ask."""
    build_house(hass)
    entry = make_entry(hass)
    options = {**entry.options, **({"ask_by": by} if by else {})}
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    return entry


async def be_unsure(hass: HomeAssistant, entry: MockConfigEntry, minutes: int = 7) -> None:
    """Show a kitchen of which nothing is known, minute by minute."""
    coordinator = coordinator_of(entry)
    for _ in range(minutes):
        rooms = {**coordinator.data.rooms, "kitchen": RoomState("kitchen", 0.5, True, Source.PRIOR)}
        home = HomeState(0.95, True, Learning.READY)
        coordinator.async_publish(Snapshot(coordinator.data.time_us + MINUTE_US, home, rooms))
    await settle(hass)


def browser(hass: HomeAssistant) -> Mapping[str, Any]:
    return _async_get_or_create_notifications(hass)


@pytest.fixture
async def at_noon(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> FrozenDateTimeFactory:
    await hass.config.async_set_time_zone("Europe/Berlin")
    freezer.move_to(datetime(2026, 3, 2, 11, tzinfo=UTC))
    return freezer


async def test_nothing_is_asked_unless_chosen(hass: HomeAssistant, at_noon: FrozenDateTimeFactory) -> None:
    calls = async_mock_service(hass, "notify", "mobile_app_ada")
    entry = await asking(hass, None)
    await be_unsure(hass, entry)
    assert not calls
    assert not browser(hass)


async def test_a_phone_is_asked_once_a_day_and_its_answer_is_a_correction(
    hass: HomeAssistant, at_noon: FrozenDateTimeFactory
) -> None:
    calls = async_mock_service(hass, "notify", "mobile_app_ada")
    entry = await asking(hass, "mobile_app_ada")
    await be_unsure(hass, entry)
    await be_unsure(hass, entry)
    assert len(calls) == 1
    assert calls[0].data["message"] == "Kitchen: is somebody there now?"
    yes, no = calls[0].data["data"]["actions"]
    assert (yes["title"], no["title"]) == ("Someone is there", "Nobody is there")
    # A restart does not ask again.
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    await be_unsure(hass, entry)
    assert len(calls) == 1
    coordinator = coordinator_of(entry)
    at_noon.move_to(dt_util.utc_from_timestamp(coordinator.data.time_us / 1e6))
    for odd in (
        "",
        "OTHER|kitchen|1|occupied",
        f"occupancy_ml|attic|{now_us()}|vacant",
        "occupancy_ml|kitchen|x|y",
    ):
        hass.bus.async_fire("mobile_app_notification_action", {"action": odd})
    await settle(hass)
    assert not await corrections(entry)
    hass.bus.async_fire("mobile_app_notification_action", {"action": no["action"]})
    await settle(hass)
    (told,) = await corrections(entry)
    assert (told.room_id, told.target) == ("kitchen", 0.0)
    assert calls[1].data["message"] == "clear_notification"
    # The next day there may be another.
    at_noon.tick(timedelta(days=1))
    await coordinator.async_refresh()
    await be_unsure(hass, entry)
    assert len(calls) == 3


async def test_home_assistant_itself_can_ask(hass: HomeAssistant, at_noon: FrozenDateTimeFactory) -> None:
    entry = await asking(hass, "browser")
    await be_unsure(hass, entry)
    (asked,) = browser(hass).values()
    # Who is no administrator cannot open the page of a device, but the dialog of a button.
    assert asked["message"] == (
        "Kitchen: is somebody there now?\n\n"
        "Open one of the two and press: "
        "[Someone is there](/?more-info-entity-id=button.kitchen_occupancy_someone_is_here), "
        "[Nobody is there](/?more-info-entity-id=button.kitchen_occupancy_nobody_is_here)."
    )


async def test_an_answered_question_is_taken_back(
    hass: HomeAssistant, at_noon: FrozenDateTimeFactory
) -> None:
    entry = await asking(hass, "browser")
    await be_unsure(hass, entry)
    await press(hass, "someone_is_here")
    await settle(hass)
    assert not browser(hass)
    # Nor does another come that day, however unsure it is again.
    await be_unsure(hass, entry)
    assert not browser(hass)


async def test_a_question_about_now_does_not_stand_all_day(
    hass: HomeAssistant, at_noon: FrozenDateTimeFactory
) -> None:
    entry = await asking(hass, "browser")
    await be_unsure(hass, entry, minutes=50)
    assert browser(hass)
    await be_unsure(hass, entry, minutes=20)
    assert not browser(hass)


async def test_a_phone_forgets_what_was_answered_elsewhere(
    hass: HomeAssistant, at_noon: FrozenDateTimeFactory
) -> None:
    calls = async_mock_service(hass, "notify", "mobile_app_ada")
    entry = await asking(hass, "mobile_app_ada")
    await be_unsure(hass, entry)
    await press(hass, "nobody_is_here")
    await settle(hass)
    asked, taken_back = calls
    assert taken_back.data["message"] == "clear_notification"
    assert taken_back.data["data"]["tag"] == asked.data["data"]["tag"]


async def test_a_question_is_taken_back_after_a_restart_too(
    hass: HomeAssistant, at_noon: FrozenDateTimeFactory
) -> None:
    entry = await asking(hass, "browser")
    await be_unsure(hass, entry)
    for _ in range(2):
        assert browser(hass)
        assert await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
    await be_unsure(hass, entry, minutes=50)
    assert browser(hass)
    await be_unsure(hass, entry, minutes=20)
    assert not browser(hass)
    # Who is asked no more needs no question either.
    at_noon.tick(timedelta(days=1))
    await coordinator_of(entry).async_refresh()
    await be_unsure(hass, entry)
    assert browser(hass)
    hass.config_entries.async_update_entry(entry, options={**entry.options, "ask_by": None})
    await settle(hass)
    await be_unsure(hass, entry, minutes=1)
    assert not browser(hass)


async def query(entry: MockConfigEntry, sql: str) -> None:
    coordinator = coordinator_of(entry)
    await coordinator.run(lambda: coordinator.engine.store.database.execute(sql))


async def test_a_file_that_refuses_brings_no_second_question_that_day(
    hass: HomeAssistant, at_noon: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    calls = async_mock_service(hass, "notify", "mobile_app_ada")
    entry = await asking(hass, "mobile_app_ada")
    await query(entry, "PRAGMA query_only = ON")
    await be_unsure(hass, entry)
    await query(entry, "PRAGMA query_only = OFF")
    await be_unsure(hass, entry)
    assert not calls
    assert caplog.text.count("could not be asked") == 1
    at_noon.tick(timedelta(days=1))
    await coordinator_of(entry).async_refresh()
    await be_unsure(hass, entry)
    assert len(calls) == 1
    # A text that cannot be decoded, until it is again what earlier versions wrote.
    await query(entry, "UPDATE metadata SET value = CAST(x'ff' AS TEXT) WHERE key = 'last_asked'")
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    for _ in range(2):
        await be_unsure(hass, entry)
    await query(entry, "UPDATE metadata SET value = '2026-03-03' WHERE key = 'last_asked'")
    await be_unsure(hass, entry)
    assert len(calls) == 1
    assert "Task exception was never retrieved" not in caplog.text


async def test_a_phone_that_is_gone_does_no_harm(
    hass: HomeAssistant, at_noon: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await asking(hass, "mobile_app_gone")
    await be_unsure(hass, entry)
    assert caplog.text.count("could not be asked") == 1
