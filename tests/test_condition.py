"""Our conditions, in automations of a real Home Assistant."""

from __future__ import annotations

from typing import Any

from homeassistant.components import automation
from homeassistant.core import HomeAssistant
from homeassistant.helpers.condition import async_from_config, async_validate_condition_config
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service
import voluptuous as vol

from custom_components.occupancy_ml.engine.events import DAY_US
from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP, FoundBy, RoutineChange
from tests.a_home import BATHROOM, KITCHEN, coordinator_of, set_up, settle
from tests.foretold import forecast, show
from tests.house import build_house

ROOM, ANYONE = "binary_sensor.kitchen_occupancy", "binary_sensor.home_anyone_home"
BOTH = {"area_id": ["kitchen", "bathroom"]}
LIKELY = (5, 10, 20, 25, 40)
UNLIKELY = (50, 100, 200, 300, 600)


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    build_house(hass)
    return await set_up(hass, {"kitchen": KITCHEN, "bathroom": BATHROOM})


async def holds(hass: HomeAssistant, name: str, target: dict[str, Any], **options: Any) -> bool:
    """What a condition says, given as in an automation."""
    config = {"condition": f"occupancy_ml.{name}", "target": target, "options": options}
    checker = await async_from_config(hass, await async_validate_condition_config(hass, config))
    try:
        return checker.async_check() is True
    finally:
        checker.async_unload()


SPAN: dict[str, Any] = {"within": {"minutes": 30}, "probability": 70}


@pytest.mark.parametrize("occupied", [False, True])
@pytest.mark.parametrize("quantiles", [LIKELY, UNLIKELY])
async def test_spans(
    hass: HomeAssistant, entry: MockConfigEntry, occupied: bool, quantiles: tuple[float, ...]
) -> None:
    changes = quantiles == LIKELY
    expected = {
        "is_expected_occupied": occupied or changes,
        "is_expected_vacant": not occupied or changes,
        "stays_occupied": occupied and not changes,
        "stays_vacant": not occupied and not changes,
    }
    show(entry, forecast("kitchen", occupied, quantiles), forecast(HOME, occupied, quantiles))
    for target in ({"entity_id": ROOM}, {"entity_id": ANYONE}, {"area_id": "kitchen"}):
        assert {name: await holds(hass, name, target, **SPAN) for name in expected} == expected


async def test_what_is_not_known_does_not_hold(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    target = {"entity_id": ROOM}
    show(entry, probability=0.05)
    assert not await holds(hass, "is_expected_occupied", target, **SPAN)
    assert not await holds(hass, "stays_vacant", target, **SPAN)
    for quantiles in (LIKELY, UNLIKELY):
        show(entry, forecast("kitchen", False, quantiles, published=False, reason="Too few."))
        assert not await holds(hass, "is_expected_occupied", target, **SPAN)
        assert not await holds(hass, "stays_vacant", target, **SPAN)
    show(entry, forecast("kitchen", False, LIKELY))
    assert await holds(hass, "is_expected_occupied", target, **SPAN)
    coordinator_of(entry).async_set_update_error(RuntimeError("test"))
    assert not await holds(hass, "is_expected_occupied", target, **SPAN)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not await holds(hass, "is_expected_occupied", target, **SPAN)


@pytest.mark.parametrize("occupied", [False, True])
async def test_what_is_so_now_needs_no_forecast(
    hass: HomeAssistant, entry: MockConfigEntry, occupied: bool
) -> None:
    show(entry, probability=0.95 if occupied else 0.05)
    for target in ({"entity_id": ROOM}, {"entity_id": ANYONE}):
        assert await holds(hass, "is_expected_occupied", target, **SPAN) is occupied
        assert await holds(hass, "is_expected_vacant", target, **SPAN) is not occupied
        assert not await holds(hass, "stays_occupied", target, **SPAN)
        assert not await holds(hass, "stays_vacant", target, **SPAN)


async def test_one_of_several_rooms_or_all(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    show(entry, forecast("kitchen", False, LIKELY), forecast("bathroom", False, UNLIKELY))
    assert await holds(hass, "is_expected_occupied", BOTH, **SPAN)
    assert not await holds(hass, "is_expected_occupied", BOTH, behavior="all", **SPAN)
    show(entry, forecast("kitchen", False, LIKELY), forecast("bathroom", False, LIKELY))
    assert await holds(hass, "is_expected_occupied", BOTH, behavior="all", **SPAN)
    # A target without a room of ours is never fulfilled.
    for behavior in ("any", "all"):
        garden = {"area_id": "garden"}
        assert not await holds(hass, "is_expected_occupied", garden, behavior=behavior, **SPAN)


async def test_probabilities_now_and_ahead(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    show(entry, forecast("kitchen", True, occupied_in={60: 0.25}), probability=0.8)
    for target in ({"entity_id": ROOM}, {"entity_id": ANYONE}):
        assert await holds(hass, "probability", target, above=70)
        assert await holds(hass, "probability", target, above=70, below=90)
        assert not await holds(hass, "probability", target, below=70)
    assert await holds(hass, "probability", {"entity_id": ROOM}, below=30, ahead=60)
    assert not await holds(hass, "probability", {"entity_id": ROOM}, below=30, ahead=30)
    assert not await holds(hass, "probability", {"entity_id": ANYONE}, below=100, ahead=60)


async def test_a_routine_that_changed_lately(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    now_us = show(entry)
    show(entry, changes=(RoutineChange("kitchen", "2026-02-20", now_us - 10 * DAY_US, FoundBy.DAYS, 0.9),))
    kitchen, anyone = {"entity_id": ROOM}, {"entity_id": ANYONE}
    for days, changed in ((9, False), (11, True)):
        within = {"days": days}
        assert await holds(hass, "routine_changed_lately", kitchen, within=within) is changed
        assert await holds(hass, "routine_changed_lately", BOTH, within=within) is changed
        assert not await holds(hass, "routine_changed_lately", BOTH, within=within, behavior="all")
        assert not await holds(hass, "routine_changed_lately", anyone, within=within)
    # That of sleep is one of the home.
    show(entry, changes=(RoutineChange(SLEEP, "2026-02-20", now_us - DAY_US, FoundBy.FORECASTS),))
    assert await holds(hass, "routine_changed_lately", anyone, within={"days": 2})
    assert not await holds(hass, "routine_changed_lately", kitchen, within={"days": 2})
    # Noticed while the clock was ahead: it is not lately, for as long as the clock says.
    show(entry, changes=(RoutineChange(HOME, "2026-02-20", now_us + 9 * DAY_US, FoundBy.DAYS, 0.9),))
    assert not await holds(hass, "routine_changed_lately", anyone, within={"days": 2})


async def test_an_automation_runs_only_where_it_holds(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    calls = async_mock_service(hass, "test", "automation")
    config = {
        "alias": "Test",
        "triggers": [{"trigger": "event", "event_type": "go"}],
        "conditions": [
            {"condition": "occupancy_ml.stays_vacant", "target": {"entity_id": ANYONE}, "options": SPAN}
        ],
        "actions": [{"action": "test.automation"}],
    }
    assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: config})
    for quantiles, runs in ((LIKELY, 0), (UNLIKELY, 1)):
        show(entry, forecast(HOME, False, quantiles))
        hass.bus.async_fire("go")
        await settle(hass)
        assert len(calls) == runs


async def test_who_follows_a_condition_is_told_of_each_snapshot(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    config = {"condition": "occupancy_ml.stays_vacant", "target": {"entity_id": ROOM}, "options": SPAN}
    checker = await async_from_config(hass, await async_validate_condition_config(hass, config))
    assert not checker.needs_polling
    said: list[bool | None] = []
    stop = await checker.async_track_changes(lambda: said.append(checker.async_check()))
    show(entry, forecast("kitchen", False, UNLIKELY))
    show(entry, forecast("kitchen", False, LIKELY))
    assert said == [True, False]
    stop()
    show(entry, forecast("kitchen", False, UNLIKELY))
    assert said == [True, False]
    checker.async_unload()


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("stays_vacant", {"options": SPAN}),
        ("stays_vacant", {"target": {"entity_id": ROOM}, "options": {"within": "24:00:01"}}),
        ("stays_vacant", {"target": {"entity_id": ROOM}, "options": {**SPAN, "behavior": "some"}}),
        ("probability", {"target": {"entity_id": ROOM}, "options": {}}),
        ("probability", {"target": {"entity_id": ROOM}, "options": {"above": 101}}),
        ("routine_changed_lately", {"target": {"entity_id": ROOM}, "options": {}}),
    ],
)
async def test_what_makes_no_sense_is_refused(hass: HomeAssistant, name: str, config: dict[str, Any]) -> None:
    with pytest.raises(vol.Invalid):
        await async_validate_condition_config(hass, {"condition": f"occupancy_ml.{name}", **config})
