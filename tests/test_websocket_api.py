"""The websocket commands: what they answer, and to whom."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.auth.permissions import PolicyPermissions
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.coordinator import now_us
from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP
from custom_components.occupancy_ml.engine.timeline import timeline
from tests.a_home import ROOMS, coordinator_of, set_up, settle
from tests.engine.living import START_US, at, flat, play, pulse
from tests.foretold import forecast, show
from tests.house import build_house

# Home Assistant's own web server warns about itself.
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")

END_US = START_US + 24 * 60 * MINUTE_US
ALL = [sensor.entity_id for sensor in flat().sensors]


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    build_house(hass)
    return await set_up(hass)


async def ask(hass_ws_client: WebSocketGenerator, command: str, **data: Any) -> dict[str, Any]:
    client = await hass_ws_client()
    await client.send_json_auto_id({"type": f"{DOMAIN}/{command}", **data})
    answer: dict[str, Any] = await client.receive_json()
    return answer


async def told(hass_ws_client: WebSocketGenerator, command: str, **data: Any) -> Any:
    answer = await ask(hass_ws_client, command, **data)
    assert answer["success"], answer
    return answer["result"]


def may_read_only(user: MockUser, *entity_ids: str) -> None:
    """Take a user's groups away and let him read some entities."""
    user.groups = []
    user.mock_policy({"entities": {"entity_ids": {entity_id: {"read": True} for entity_id in entity_ids}}})
    assert isinstance(user.permissions, PolicyPermissions)


async def test_the_home_and_its_rooms(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    await settle(hass)
    snapshot = coordinator_of(entry).data
    home = await told(hass_ws_client, "home")
    assert home["probability"] == snapshot.home.probability
    assert home["learning"] == snapshot.home.learning.value
    assert (home["rooms"], home["time"]) == (3, snapshot.time_us / MICROSECONDS)
    rooms = {room["room"]: room for room in (await told(hass_ws_client, "rooms"))["rooms"]}
    assert set(rooms) == set(ROOMS)
    kitchen = rooms["kitchen"]
    assert (kitchen["name"], kitchen["occupied"]) == ("Kitchen", True)
    assert kitchen["probability"] == snapshot.rooms["kitchen"].probability
    assert {"entity_id": "binary_sensor.kitchen_motion", "role": "motion"} in kitchen["sensors"]


async def test_what_comes_next(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    helper = {"sleep_sensor": "binary_sensor.bathroom_presence"}
    hass.config_entries.async_update_entry(entry, options={**entry.options, "sleep": helper})
    await settle(hass)
    show(entry, forecast("kitchen", True), forecast(HOME, False), forecast(SLEEP, False))
    answer = await told(hass_ws_client, "forecast")
    assert set(answer) == {"time", "home", "sleep", "rooms"}
    assert set(answer["rooms"]) == set(ROOMS)
    assert answer["home"]["transition_type"] == "arrival"
    assert answer["sleep"]["transition_type"] == "bedtime"
    assert answer["rooms"]["kitchen"]["prediction_interval"].keys() == {"50", "80"}
    assert answer["rooms"]["hall"]["published"] is False
    assert set(await told(hass_ws_client, "forecast", rooms=["hall"])) == {"time", "rooms"}
    alone = await told(hass_ws_client, "forecast", sleep=True)
    assert (set(alone), alone["rooms"]) == ({"time", "sleep", "rooms"}, {})
    assert set(await told(hass_ws_client, "forecast", rooms=["hall"], home=True)) == {"time", "home", "rooms"}
    assert (await ask(hass_ws_client, "forecast", rooms=["attic"]))["error"]["code"] == "invalid_format"


async def test_forecasts_are_told_to_whom_may_read_the_room(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: MockUser,
) -> None:
    show(entry, forecast("kitchen", True), forecast(HOME, False))
    may_read_only(hass_admin_user, "binary_sensor.kitchen_occupancy")
    answer = await told(hass_ws_client, "forecast")
    assert set(answer) == {"time", "rooms"}
    assert set(answer["rooms"]) == {"kitchen"}
    for asked in ({"rooms": ["hall"]}, {"home": True}, {"sleep": True}):
        assert (await ask(hass_ws_client, "forecast", **asked))["error"]["code"] == "unauthorized"


async def test_the_timeline_of_a_room(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    await settle(hass)
    start = (dt_util.utcnow() - timedelta(hours=1)).isoformat()
    line = await told(hass_ws_client, "timeline", room="kitchen", start=start, features=["motion_on"])
    entities = {row[1] for row in line["events"]}
    assert "binary_sensor.kitchen_motion" in entities
    assert entities <= {e for sensors in ROOMS["kitchen"].values() for e in sensors}
    assert [row[2] for row in line["events"] if row[1] == "binary_sensor.kitchen_motion"][-1] == "on"
    assert line["feature_names"] == ["motion_on"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"room": "attic", "start": "2026-01-01T00:00:00Z"}, "invalid_format"),
        ({"room": "hall", "start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "invalid_format"),
        ({"room": "hall", "start": "yesterday"}, "invalid_format"),
        ({"room": "hall", "start": "0001-01-01T00:00:00"}, "invalid_format"),
        ({"room": "hall", "start": "2026-01-01T00:00:00Z", "end": "9999-12-31T23:59:59"}, "invalid_format"),
        ({"room": "hall", "start": "2026-01-01T00:00:00Z", "points": 1_000_000}, "invalid_format"),
        ({"room": "hall"}, "invalid_format"),
    ],
)
async def test_questions_that_make_no_sense(
    entry: MockConfigEntry, hass_ws_client: WebSocketGenerator, data: dict[str, Any], code: str
) -> None:
    answer = await ask(hass_ws_client, "timeline", **data)
    assert answer["error"]["code"] == code


async def test_runs_and_readiness(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    await hass.services.async_call(DOMAIN, "retrain", {"rooms": ["hall"]}, blocking=True)
    runs = await told(hass_ws_client, "runs", room="hall")
    assert {run["room"] for run in runs["training"]} == {"hall"}
    assert runs["training"][0]["cause"] == "request"
    assert runs["training"][0]["status"] == "gate_not_met"
    assert {job["job_type"] for job in runs["jobs"]} >= {"labels", "training", "maintenance"}
    assert len((await told(hass_ws_client, "runs", limit=1))["jobs"]) == 1
    engine = coordinator_of(entry).engine
    for process, cause in (("hall", "alarm"), ("@home", "schedule")):
        await coordinator_of(entry).run(engine.store.forecasts.start_run, process, cause, now_us())
    fits = (await told(hass_ws_client, "runs"))["forecasts"]
    assert [(fit["room"], fit["cause"]) for fit in fits] == [("@home", "schedule"), ("hall", "alarm")]
    assert [fit["room"] for fit in (await told(hass_ws_client, "runs", room="hall"))["forecasts"]] == ["hall"]

    ready = await told(hass_ws_client, "readiness")
    coordinator = coordinator_of(entry)
    assert ready["events"] == await coordinator.run(coordinator.engine.store.events.count)
    assert ready["ingest"]["accepted"] == coordinator.counts.accepted > 0
    assert ready["degraded"] == []
    assert set(ready["stages"]) >= {"ingest", "features", "predictions", "labels", "training", "scores"}
    assert set(ready["rooms"]) == set(ROOMS)
    assert ready["rooms"]["hall"]["retrains"]["request"] == {"gate_not_met": 1}
    assert ready["rooms"]["hall"]["retrains"]["first_setup"] == {"gate_not_met": 1}
    assert ready["latency"]["prediction"]["calls"] > 0
    assert ready["busy"] is False


async def test_a_step_that_failed_is_told_with_its_reason(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    coordinator = coordinator_of(entry)
    await coordinator.run(coordinator.engine.store.metadata.set, "scored_until", "not a date")
    await hass.services.async_call(DOMAIN, "retrain", {}, blocking=True)
    ready = await told(hass_ws_client, "readiness")
    assert ready["degraded"] == ["scores"]
    assert "not a date" in ready["stages"]["scores"]["reason"]
    await coordinator.run(coordinator.engine.store.metadata.set, "scored_until", "2026-01-01")
    await hass.services.async_call(DOMAIN, "retrain", {}, blocking=True)
    assert (await told(hass_ws_client, "readiness"))["degraded"] == []


async def test_users_read_what_they_may_read_in_home_assistant(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: MockUser,
) -> None:
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    hass.states.async_set("light.kitchen_ceiling", "on")
    await settle(hass)
    client = await hass_ws_client()
    may_read_only(hass_admin_user, "binary_sensor.kitchen_occupancy", "light.kitchen_ceiling")

    async def answer(command: str, **data: Any) -> dict[str, Any]:
        await client.send_json_auto_id({"type": f"{DOMAIN}/{command}", **data})
        found: dict[str, Any] = await client.receive_json()
        return found

    (kitchen,) = (await answer("rooms"))["result"]["rooms"]
    assert kitchen["room"] == "kitchen"
    assert [sensor["entity_id"] for sensor in kitchen["sensors"]] == ["light.kitchen_ceiling"]
    start = (dt_util.utcnow() - timedelta(hours=1)).isoformat()
    line = (await answer("timeline", room="kitchen", start=start))["result"]
    assert {row[1] for row in line["events"]} == {"light.kitchen_ceiling"}
    # A room that may not be read is told apart from one that is not there by nobody.
    for room in ("hall", "attic"):
        assert (await answer("timeline", room=room, start=start))["error"]["code"] == "unauthorized"
    for command in ("home", "runs", "readiness"):
        assert (await answer(command))["error"]["code"] == "unauthorized"


async def test_users_of_the_home_see_rooms_but_not_how_training_stands(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
) -> None:
    client = await hass_ws_client(hass, hass_read_only_access_token)
    for command, allowed in (("home", True), ("rooms", True), ("runs", False), ("readiness", False)):
        await client.send_json_auto_id({"type": f"{DOMAIN}/{command}"})
        assert (await client.receive_json())["success"] is allowed


async def test_while_nothing_is_loaded_they_say_so(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    for command in ("home", "rooms", "runs", "readiness"):
        assert (await ask(hass_ws_client, command))["error"]["code"] == "not_loaded"


# --- the timeline itself


@pytest.fixture(name="lived", scope="module")
def lived_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of the flat with a correction and a night."""
    path = tmp_path_factory.mktemp("lived") / "home.db"
    engine = Engine.open(path, flat(), START_US, durable=False)
    events = [event for minute in range(5, 1400, 7) for event in pulse(60 * minute, "kitchen", 20)]
    events += [at(60 * minute, "sensor.bedroom_co2", str(minute)) for minute in range(1, 1400)]
    events.sort(key=lambda event: event.time_us)
    play(engine, events, START_US, END_US, nights=[END_US])
    engine.relabel("kitchen", START_US, START_US + 60 * MINUTE_US, True, END_US, "ada")
    engine.close()
    return path


def read(path: Path, room: str, points: int, start_us: int = START_US, end_us: int = END_US) -> Any:
    connection = sqlite3.connect(path)
    try:
        return timeline(connection, room, ALL, start_us, end_us, points)
    finally:
        connection.close()


def test_without_need_nothing_is_thinned(lived: Path) -> None:
    line = read(lived, "kitchen", 1_000, end_us=START_US + 120 * MINUTE_US)
    with sqlite3.connect(lived) as connection:
        bounds = (START_US, START_US + 120 * MINUTE_US)
        (events,) = connection.execute(
            "SELECT count(*) FROM raw_events WHERE time_us >= ? AND time_us < ?", bounds
        ).fetchone()
    connection.close()
    assert len(line["events"]) == events > 100
    assert line["events_from"] == line["start"]
    assert len(line["features"]) == 24
    assert line["feature_names"] == list(FEATURE_NAMES)
    assert {len(row[2]) for row in line["features"]} == {len(FEATURE_NAMES)}
    assert [row[1] == row[2] == row[3] for row in line["predictions"]] == [True] * len(line["predictions"])
    assert len(line["predictions"]) in (23, 24)
    assert [line["start"], line["start"] + 3600, 1.0, 6.0, "correction"] in line["labels"]


@pytest.mark.parametrize("points", [2, 7, 40, 300])
def test_a_narrow_chart_gets_few_points_and_the_extremes(lived: Path, points: int) -> None:
    line, whole = read(lived, "kitchen", points), read(lived, "kitchen", 1_000)
    for series in ("events", "features", "labels", "episodes", "predictions"):
        assert len(line[series]) <= points + 1, series
        assert [row[0] for row in line[series]] == sorted(row[0] for row in line[series]), series
    assert line["events"][-1] == whole["events"][-1]
    assert sum(row[1] for row in line["features"]) == sum(row[1] for row in whole["features"])
    assert min(row[2] for row in line["predictions"]) == min(row[2] for row in whole["predictions"])
    assert max(row[3] for row in line["predictions"]) == max(row[3] for row in whole["predictions"])
    assert line["features"][-1][0::2] == whole["features"][-1][0::2]
    ends = {row[0]: row[4] for row in whole["predictions"]}
    assert [row[4] for row in line["predictions"]] == [ends[row[0]] for row in line["predictions"]]


def test_a_room_or_a_span_without_anything(lived: Path) -> None:
    empty = read(lived, "attic", 100)
    assert not any(empty[series] for series in ("features", "episodes", "predictions"))
    early = read(lived, "kitchen", 100, START_US - 10 * MINUTE_US, START_US - MINUTE_US)
    assert not any(early[series] for series in ("events", "features", "labels", "predictions"))
