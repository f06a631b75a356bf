"""The report card in Home Assistant: the action, the command, the sensors, what a room is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from homeassistant.auth.permissions import PolicyPermissions
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, State
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator
import voluptuous as vol

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.coordinator import now_us
from custom_components.occupancy_ml.engine.adaptation.scores import RIVAL
from custom_components.occupancy_ml.engine.home import Role
from custom_components.occupancy_ml.engine.snapshot import HOME
from custom_components.occupancy_ml.engine.store import DailyScore
from tests.a_home import HALL, KITCHEN, ROOMS, coordinator_of, set_up, settle
from tests.flow_pages import NOTHING, Room, said, stored
from tests.house import add_sensor, build_house

# Home Assistant's own web server warns about itself.
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")

OLD = "binary_sensor.kitchen_by_the_old_one"
BETTER, WRONG = (
    "sensor.kitchen_occupancy_better_than_the_best_rule",
    "sensor.kitchen_occupancy_minutes_wrong_a_day",
)
WITH_OLD: Mapping[str, Mapping[str, Sequence[str]]] = {
    **ROOMS,
    "kitchen": {**KITCHEN, "rival": [OLD, "binary_sensor.kitchen_motion"]},
}


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    build_house(hass)
    add_sensor(hass, None, OLD, "occupancy")
    return await set_up(hass, WITH_OLD)


def day_of(ago: int) -> str:
    day: date = (dt_util.now() - timedelta(days=ago)).date()
    return day.isoformat()


async def score(entry: MockConfigEntry, rooms: Sequence[str] = ("kitchen", HOME)) -> None:
    """A week in which the rule erred twice as much as what was shown, and the old integration half as much."""
    errors = {"shown": 20.0, "model": 25.0, "motion_5m": 40.0, "prior": 50.0, f"{RIVAL}{OLD}": 10.0}
    scores = [
        DailyScore(
            room, day_of(ago), model, "hindsight", 288, error, 2 * error, 720, 720,
            missed_minutes=12, false_minutes=6, flips=4, true_flips=2,
        )
        for room in rooms
        for ago in range(1, 8)
        for model, error in errors.items()
    ]  # fmt: skip
    coordinator = coordinator_of(entry)
    await coordinator.run(coordinator.engine.store.scores.write, scores)


async def evaluate(hass: HomeAssistant, **data: Any) -> Any:
    return await hass.services.async_call(DOMAIN, "evaluate", data, blocking=True, return_response=True)


def state(hass: HomeAssistant, entity_id: str) -> State:
    found = hass.states.get(entity_id)
    assert found is not None
    return found


async def test_the_action_answers_with_the_home_or_with_one_room(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await score(entry)
    told = await evaluate(hass)
    assert (told["days"], set(told["rooms"])) == (14, set(ROOMS))
    assert told["home"]["truth"] == "hindsight"
    kitchen = told["rooms"]["kitchen"]
    assert (kitchen["better_by"], kitchen["best_baseline"]) == (0.5, "motion within 5 minutes")
    assert kitchen["says"] == [
        "What was shown erred 50% less than motion within 5 minutes.",
        f"{OLD} was better: what was shown erred 100% more.",
    ]
    assert [(row["name"], row["truth"]) for row in kitchen["rows"]] == [
        ("what was shown", "hindsight"), ("the model", "hindsight"), (OLD, "hindsight"),
        ("motion within 5 minutes", "hindsight"), ("time of day", "hindsight"),
    ]  # fmt: skip
    assert "no independent truth" in kitchen["note"]
    assert told["rooms"]["hall"]["note"] == "Nothing was scored yet. Each night scores the day before."
    one = await evaluate(hass, room="kitchen", days="60")
    assert (one["days"], set(one), set(one["rooms"])) == (60, {"days", "rooms"}, {"kitchen"})
    for days in (1, 7):
        rows = (await evaluate(hass, room="kitchen", days=str(days)))["rooms"]["kitchen"]["rows"]
        assert {(row["days"], row["moments"]) for row in rows} == {(days, 288 * days)}
    assert one["rooms"]["kitchen"]["rows"][0]["days"] == 7


async def test_the_action_refuses_what_it_does_not_know(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with pytest.raises(ServiceValidationError) as raised:
        await evaluate(hass, room="attic")
    assert raised.value.translation_key == "unknown_room"
    with pytest.raises(vol.Invalid):
        await evaluate(hass, days=30)
    await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError):
        await evaluate(hass)


async def test_the_command_tells_of_the_rooms_a_user_may_read(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: MockUser,
) -> None:
    await score(entry)
    client = await hass_ws_client()

    async def ask(**data: Any) -> dict[str, Any]:
        await client.send_json_auto_id({"type": f"{DOMAIN}/report_card", **data})
        answer: dict[str, Any] = await client.receive_json()
        return answer

    answer = await ask()
    assert answer["result"] == await evaluate(hass)
    assert (await ask(days=60))["result"]["days"] == 60
    assert not (await ask(days=3))["success"]
    hass_admin_user.groups = []
    hass_admin_user.mock_policy(
        {"entities": {"entity_ids": {"binary_sensor.kitchen_occupancy": {"read": True}}}}
    )
    assert isinstance(hass_admin_user.permissions, PolicyPermissions)
    told = (await ask())["result"]
    assert (set(told), set(told["rooms"])) == ({"days", "rooms"}, {"kitchen"})


async def test_few_sensors_and_a_restart_keeps_them(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    registry = er.async_get(hass)
    wrong = registry.async_get(WRONG)
    assert wrong is not None
    assert (wrong.disabled_by, wrong.entity_category) == (
        er.RegistryEntryDisabler.INTEGRATION,
        EntityCategory.DIAGNOSTIC,
    )
    assert state(hass, BETTER).state == "unknown"
    registry.async_update_entity(WRONG, disabled_by=None)
    await score(entry)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    better = state(hass, BETTER)
    assert float(better.state) == 50.0
    assert better.attributes["unit_of_measurement"] == "%"
    assert better.attributes["best_rule"] == "motion within 5 minutes"
    assert (better.attributes["truth"], better.attributes["scored_days"]) == ("hindsight", 7.0)
    assert better.attributes["better_than"] == {OLD: -100.0}
    assert float(state(hass, WRONG).state) == 18.0
    hall = state(hass, "sensor.hall_occupancy_better_than_the_best_rule")
    assert (hall.state, hall.attributes["reason"]) == (
        "unknown",
        "Too little was scored so far. Each night scores the day before.",
    )


async def test_what_a_room_is_compared_with_is_watched_and_stays_what_it_is(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    home = coordinator_of(entry).home
    roles = {sensor.entity_id: sensor.role for sensor in home.sensors}
    assert roles[OLD] is Role.RIVAL
    assert roles["binary_sensor.kitchen_motion"] is Role.MOTION  # an input all the same
    assert set(home.rivals("kitchen")) == {OLD, "binary_sensor.kitchen_motion"}
    assert home.rivals("hall") == ()
    before = coordinator_of(entry).data.rooms["kitchen"].probability
    hass.states.async_set(OLD, "on")
    coordinator = coordinator_of(entry)
    await coordinator.async_refresh()
    assert coordinator.data.rooms["kitchen"].probability == pytest.approx(before, abs=0.05)
    events = await coordinator.run(coordinator.engine.store.events.last_before, now_us() + 1, [OLD])
    assert events[OLD].state == "on"


async def test_it_is_chosen_on_the_page_of_the_room(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    room = Room(hass, entry)
    result = await room.edit("hall")
    await said(hass, result, "config_subentries", "config_subentries.room")
    # Neither what another room is compared with, nor what is a sensor somewhere, is taken by that.
    both = {
        **NOTHING,
        **HALL,
        "special": {"rival": [OLD, "binary_sensor.hall_motion", "binary_sensor.kitchen_motion"]},
    }
    wrong = {**NOTHING, **HALL, "special": {"rival": [OLD], "reference": [OLD]}}
    result = await room.send(wrong)
    assert result["errors"] == {"base": "rival_is_reference"}
    await room.send(both)
    await settle(hass)
    assert stored(entry)["hall"]["rival"] == [
        OLD,
        "binary_sensor.hall_motion",
        "binary_sensor.kitchen_motion",
    ]
    assert set(coordinator_of(entry).home.rivals("hall")) == {
        OLD, "binary_sensor.hall_motion", "binary_sensor.kitchen_motion",
    }  # fmt: skip
