"""Our triggers, in automations of a real Home Assistant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from homeassistant.components import automation
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import area_registry as ar, entity_registry as er, floor_registry as fr
from homeassistant.helpers.trigger import async_validate_trigger_config
from homeassistant.setup import async_setup_component
from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
import voluptuous as vol

from custom_components.occupancy_ml.automation_targets import REARM, Crossing
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US, to_us
from custom_components.occupancy_ml.engine.snapshot import (
    HOME,
    SLEEP,
    FoundBy,
    RoomState,
    RoutineChange,
    Source,
)
from tests.a_home import BATHROOM, KITCHEN, coordinator_of, set_up, settle
from tests.foretold import forecast, show
from tests.house import build_house

ROOM, ANYONE = "binary_sensor.kitchen_occupancy", "binary_sensor.home_anyone_home"
LIKELY = (5, 10, 20, 25, 40)
UNLIKELY = (50, 100, 200, 300, 600)


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    build_house(hass)
    return await set_up(hass, {"kitchen": KITCHEN, "bathroom": BATHROOM})


async def automate(
    hass: HomeAssistant,
    name: str,
    target: dict[str, Any] | None = None,
    variables: str = "{{ trigger.entity_id | default('') }}",
    **options: Any,
) -> list[ServiceCall]:
    """Set an automation up that does nothing but notes that it ran."""
    calls: list[ServiceCall] = async_mock_service(hass, "test", "automation")
    trigger: dict[str, Any] = {"trigger": f"occupancy_ml.{name}"}
    if target is not None:
        trigger["target"] = target
    if options:
        trigger["options"] = options
    action = {"action": "test.automation", "data": {"said": variables}}
    config = {"alias": "Test", "mode": "queued", "triggers": [trigger], "actions": [action]}
    assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: config})
    assert hass.states.async_entity_ids("automation") == ["automation.test"]
    assert hass.states.get("automation.test").state == "on"  # type: ignore[union-attr]
    return calls


async def ran(hass: HomeAssistant, calls: list[ServiceCall]) -> list[Any]:
    """What was noted since the last look."""
    await settle(hass)
    said = [call.data["said"] for call in calls]
    calls.clear()
    return said


async def test_a_room_expected_occupied_fires_once(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    show(entry, forecast("kitchen", False, UNLIKELY))
    calls = await automate(
        hass,
        "expected_occupied",
        {"entity_id": ROOM},
        "{{ trigger.entity_id }} {{ trigger.probability }} {{ trigger.predicted_time is not none }}",
        within={"minutes": 30},
        probability=70,
    )
    show(entry, forecast("kitchen", False, UNLIKELY))
    assert await ran(hass, calls) == []
    show(entry, forecast("kitchen", False, LIKELY))
    assert await ran(hass, calls) == [f"{ROOM} 80.0 True"]
    # Still expected, a little less, and a little more again: it was said.
    for quantiles in (LIKELY, (5, 10, 20, 32, 40), LIKELY):
        show(entry, forecast("kitchen", False, quantiles))
    assert await ran(hass, calls) == []
    # It came true, and the room is left again: that is news.
    show(entry, forecast("kitchen", True, LIKELY))
    assert await ran(hass, calls) == []
    show(entry, forecast("kitchen", False, LIKELY))
    assert len(await ran(hass, calls)) == 1


async def test_actions_are_told_all_that_is_published(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    show(entry, forecast("kitchen", False, UNLIKELY))
    calls = await automate(
        hass,
        "expected_occupied",
        {"entity_id": ROOM},
        "{{ trigger.transition_type }} {{ trigger.confidence }} {{ trigger.time_until }}"
        " {{ trigger.predicted_time > trigger.prediction_interval['50'][0] }}"
        " {{ trigger.predicted_time < trigger.prediction_interval['80'][1] }}"
        " {{ trigger.alternatives | map(attribute='probability') | list }} {{ trigger.none_within_24_hours }}",
        within={"minutes": 30},
        probability=70,
    )
    show(entry, forecast("kitchen", False, LIKELY, confidence=0.75, alternatives=((20, 0.6), (60, 0.2))))
    assert await ran(hass, calls) == ["to_occupied 75 20.0 True True [60, 20] 2"]


async def test_what_is_expected_already_or_not_published_does_not_fire(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    show(entry, forecast("kitchen", False, LIKELY))
    calls = await automate(hass, "expected_occupied", {"entity_id": ROOM}, within="00:30:00", probability=70)
    show(entry, forecast("kitchen", False, LIKELY))
    assert await ran(hass, calls) == []
    show(entry, forecast("kitchen", False, UNLIKELY))
    for _ in range(2):
        show(entry, forecast("kitchen", False, LIKELY, published=False, reason="Too few."))
        show(entry)
    assert await ran(hass, calls) == []
    show(entry, forecast("kitchen", False, LIKELY))
    assert len(await ran(hass, calls)) == 1


async def test_a_reload_of_the_integration_breaks_no_automation(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    show(entry, forecast("kitchen", True, UNLIKELY))
    calls = await automate(hass, "expected_vacant", {"area_id": "kitchen"}, within={"minutes": 30})
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    show(entry, forecast("kitchen", True, LIKELY))
    assert await ran(hass, calls) == [ROOM]
    assert (
        await hass.services.async_call("automation", "turn_off", {"entity_id": "automation.test"}, True)
        is None
    )
    show(entry, forecast("kitchen", True, UNLIKELY))
    show(entry, forecast("kitchen", True, LIKELY))
    assert await ran(hass, calls) == []


async def test_the_home_and_every_room_of_a_floor_can_be_meant(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    floor = fr.async_get(hass).async_create("Ground")
    ar.async_get(hass).async_update("bathroom", floor_id=floor.floor_id)
    show(entry, *(forecast(each, False, UNLIKELY) for each in ("kitchen", "bathroom", HOME)))
    calls = await automate(
        hass,
        "expected_occupied",
        {"floor_id": floor.floor_id, "entity_id": ANYONE},
        within={"minutes": 30},
        probability=70,
    )
    show(entry, *(forecast(each, False, LIKELY) for each in ("kitchen", "bathroom", HOME)))
    assert sorted(await ran(hass, calls)) == ["binary_sensor.bathroom_occupancy", ANYONE]
    # A room that joins the floor is meant from then on.
    show(entry, forecast("kitchen", False, UNLIKELY))
    ar.async_get(hass).async_update("kitchen", floor_id=floor.floor_id)
    await settle(hass)
    show(entry, forecast("kitchen", False, UNLIKELY))
    show(entry, forecast("kitchen", False, LIKELY))
    assert await ran(hass, calls) == [ROOM]


async def test_a_renamed_entity_stays_the_same_room(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    er.async_get(hass).async_update_entity(ROOM, new_entity_id="binary_sensor.galley")
    await settle(hass)
    show(entry, forecast("kitchen", False, UNLIKELY))
    calls = await automate(
        hass, "expected_occupied", {"entity_id": "binary_sensor.galley"}, within={"minutes": 30}
    )
    show(entry, forecast("kitchen", False, LIKELY))
    assert await ran(hass, calls) == ["binary_sensor.galley"]


@pytest.mark.parametrize(("name", "asleep"), [("expected_asleep", False), ("expected_awake", True)])
async def test_sleep_needs_no_target(
    hass: HomeAssistant, entry: MockConfigEntry, name: str, asleep: bool
) -> None:
    show(entry, forecast(SLEEP, asleep, UNLIKELY))
    calls = await automate(hass, name, within={"minutes": 30}, probability=60)
    show(entry, forecast(SLEEP, asleep, LIKELY))
    show(entry, forecast(SLEEP, not asleep, LIKELY))
    assert await ran(hass, calls) == [""]


async def test_a_probability_crosses_now_or_ahead(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    show(entry, probability=0.2)
    calls = await automate(
        hass, "probability_crossed", {"entity_id": ROOM}, "{{ trigger.probability }}", above=60
    )
    for probability in (0.4, 0.65, 0.9, 0.58, 0.62, 0.3, 0.7):
        show(entry, probability=probability)
    assert await ran(hass, calls) == [65.0, 70.0]


async def test_a_probability_to_come_falls(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    show(entry, forecast(HOME, True, occupied_in={60: 0.9}))
    calls = await automate(
        hass, "probability_crossed", {"entity_id": ANYONE}, "{{ trigger.probability }}", below=30, ahead="60"
    )
    show(entry, forecast(HOME, True, occupied_in={60: 0.2}, published=False))
    assert await ran(hass, calls) == []
    show(entry, forecast(HOME, True, occupied_in={60: 0.2}))
    assert await ran(hass, calls) == [20.0]


async def test_a_time_that_has_passed_meanwhile_is_told_as_now(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    made_us = show(entry, forecast("kitchen", False, (0, 1, 1.5, 30, 200)), probability=0.1)
    calls = await automate(
        hass,
        "probability_crossed",
        {"entity_id": ROOM},
        "{{ trigger.time_until }} {{ as_timestamp(trigger.predicted_time) }}",
        above=20,
    )
    coordinator = coordinator_of(entry)
    later_us = made_us + 4 * MINUTE_US
    kitchen = RoomState("kitchen", 0.3, False, Source.MODEL)
    rooms = {**coordinator.data.rooms, "kitchen": kitchen}
    coordinator.async_publish(replace(coordinator.data, time_us=later_us, rooms=rooms))
    assert await ran(hass, calls) == [f"0.0 {later_us / 1e6}"]


async def test_a_changed_routine_is_told_once(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config.async_set_time_zone("Europe/Berlin")
    noticed = to_us(datetime(2026, 3, 20, 23, 30, tzinfo=UTC))
    old = RoutineChange("kitchen", "2026-02-20", noticed - 30 * DAY_US, FoundBy.DAYS, 0.9)
    new = RoutineChange(SLEEP, "2026-03-12", noticed, FoundBy.FORECASTS, why=("bedtime is later",))
    show(entry, changes=(old,))
    calls = await automate(
        hass,
        "routine_changed",
        {"entity_id": [ROOM, ANYONE]},
        "{{ trigger.entity_id }} {{ trigger.found_by }} {{ trigger.changed_on }} {{ trigger.since }}"
        " {{ trigger.why }}",
    )
    show(entry, changes=(old,))
    assert await ran(hass, calls) == []
    for _ in range(2):
        show(entry, changes=(old, new))
    assert await ran(hass, calls) == [f"{ANYONE} forecasts 2026-03-21 2026-03-12 ['bedtime is later']"]
    # The days confirm it, with a date of their own: no news.
    new = replace(new, since="2026-03-14", found_by=FoundBy.DAYS, probability=0.9)
    show(entry, changes=(old, new))
    show(entry, changes=(old, new, RoutineChange("bathroom", "2026-03-12", noticed, FoundBy.DAYS, 0.9)))
    assert await ran(hass, calls) == []
    show(entry, changes=(old, new, RoutineChange("kitchen", "2026-03-12", noticed, FoundBy.DAYS, 0.9)))
    assert await ran(hass, calls) == [f"{ROOM} days 2026-03-21 2026-03-12 []"]


async def test_each_of_several_changed_routines_is_told(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    noticed = to_us(datetime(2026, 3, 20, 3, tzinfo=UTC))
    show(entry)
    calls = await automate(
        hass,
        "routine_changed",
        {"entity_id": [ROOM, ANYONE]},
        "{{ trigger.kind }} {{ trigger.since }}",
    )
    changes = [
        RoutineChange(HOME, "2026-03-02", noticed, FoundBy.DAYS, 0.9),
        RoutineChange(SLEEP, "2026-03-03", noticed, FoundBy.FORECASTS),
        RoutineChange("kitchen", "2026-01-10", noticed, FoundBy.DAYS, 0.9),
        RoutineChange("kitchen", "2026-03-04", noticed, FoundBy.FORECASTS),
    ]
    for _ in range(2):
        show(entry, changes=tuple(changes))
    told = ["home 2026-03-02", "room 2026-01-10", "room 2026-03-04", "sleep 2026-03-03"]
    assert sorted(await ran(hass, calls)) == told
    changes[3] = replace(changes[3], since="2026-03-09", found_by=FoundBy.DAYS, probability=0.9)
    show(entry, changes=tuple(changes))
    assert await ran(hass, calls) == []


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("expected_occupied", {"options": {"within": "00:30:00"}}),
        ("expected_occupied", {"target": {"entity_id": ROOM}}),
        ("expected_occupied", {"target": {"entity_id": ROOM}, "options": {"within": "25:00:00"}}),
        ("expected_occupied", {"target": {"entity_id": ROOM}, "options": {"within": 0}}),
        ("expected_vacant", {"target": {"entity_id": ROOM}, "options": {"within": 60, "probability": 0}}),
        ("expected_asleep", {"target": {"entity_id": ROOM}, "options": {"within": 60}}),
        ("probability_crossed", {"target": {"entity_id": ROOM}, "options": {}}),
        ("probability_crossed", {"target": {"entity_id": ROOM}, "options": {"above": 60, "below": 50}}),
        ("probability_crossed", {"target": {"entity_id": ROOM}, "options": {"above": 60, "ahead": 7}}),
        ("routine_changed", {}),
        ("nothing_known", {"target": {"entity_id": ROOM}}),
    ],
)
async def test_what_makes_no_sense_is_refused(hass: HomeAssistant, name: str, config: dict[str, Any]) -> None:
    with pytest.raises(vol.Invalid):
        await async_validate_trigger_config(hass, [{"platform": f"occupancy_ml.{name}", **config}])


limits = st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda ends: ends[0] < ends[1])


@given(limits, st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=50))
def test_a_crossing_is_told_whenever_it_was_clearly_outside_before(
    ends: tuple[float, float], values: list[float | None]
) -> None:
    above, below = ends
    crossing = Crossing(above, below)
    known = [value for value in values if value is not None]
    told = [value for value in values if crossing.update(value)]
    # By the definition: an entry is a value inside after a first one outside, or after one clearly outside.
    clearly = [v < above - min(REARM, above / 2) or v > below + min(REARM, (1 - below) / 2) for v in known]
    inside = [above <= v <= below for v in known]
    armed, entries = bool(known) and not inside[0], []
    for value, is_clear, is_inside in zip(known, clearly, inside, strict=True):
        if is_inside and armed:
            entries.append(value)
        armed = (armed or is_clear) and not is_inside
    assert told == entries
