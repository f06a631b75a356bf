"""The actions, as an automation or a person calls them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
import threading
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.auth.models import User
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import Context, CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
import voluptuous as vol

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.coordinator import Coordinator
from custom_components.occupancy_ml.engine.events import Cause, Origin, from_us
from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP
from custom_components.occupancy_ml.engine.store import LabelSource
from custom_components.occupancy_ml.marks import Marks, load
from tests.a_home import coordinator_of, set_up, settle, stored_events
from tests.foretold import forecast, show
from tests.house import build_house

HEADER = "time,entity_id,state,previous,cause\n"
WINDOW = "binary_sensor.kitchen_window"


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    build_house(hass)
    return await set_up(hass)


async def call(hass: HomeAssistant, action: str, answers: bool = True, **data: Any) -> Any:
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=answers)


async def refused(hass: HomeAssistant, action: str, key: str, **data: Any) -> None:
    """Prove that an action is refused in words the translations have."""
    with pytest.raises(ServiceValidationError) as raised:
        await call(hass, action, action != "relabel", **data)
    error = raised.value
    assert (error.translation_domain, error.translation_key) == (DOMAIN, key)
    texts = await async_get_translations(hass, "en", "exceptions", [DOMAIN])
    text = texts[f"component.{DOMAIN}.exceptions.{key}.message"]
    assert "{" not in text.format(**(error.translation_placeholders or {}))


@asynccontextmanager
async def held(hass: HomeAssistant, coordinator: Coordinator) -> AsyncIterator[None]:
    """Keep the engine in a job, so that whatever begins meanwhile waits for its turn."""
    release = threading.Event()
    task = hass.async_create_background_task(coordinator.run(release.wait), "held")
    yield
    release.set()
    await task


def write(hass: HomeAssistant, name: str, text: str) -> Path:
    path = Path(hass.config.path(name))
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    return path


def tempt(config_dir: Path, outside: Path) -> None:
    """Lay out what must not be read."""
    (outside / "outside.csv").write_text(HEADER)
    (config_dir / "link.csv").symlink_to(outside / "outside.csv")
    (config_dir / "folder.csv").mkdir()


async def test_predictions_of_all_rooms_and_of_some(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    await settle(hass)
    answer = await call(hass, "get_predictions")
    assert set(answer["rooms"]) == {"kitchen", "bathroom", "hall"}
    snapshot = coordinator_of(entry).data
    kitchen = answer["rooms"]["kitchen"]
    assert kitchen["probability"] == snapshot.rooms["kitchen"].probability
    assert kitchen["occupied"] is True
    assert kitchen["reasons"]
    assert answer["home"]["learning"] == snapshot.home.learning.value
    assert set((await call(hass, "get_predictions", rooms=["hall"]))["rooms"]) == {"hall"}
    await refused(hass, "get_predictions", "unknown_room", rooms=["attic"])


async def test_forecasts_of_all_and_of_some(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hidden = forecast("hall", False, published=False, reason="Too few changes.")
    show(entry, forecast("kitchen", True, occupied_in={30: 0.6}), hidden, forecast(HOME, True))
    answer = await call(hass, "get_forecast")
    assert set(answer) == {"time", "home", "rooms"}
    assert set(answer["rooms"]) == {"kitchen", "bathroom", "hall"}
    assert answer["home"]["transition_type"] == "departure"
    assert answer["rooms"]["kitchen"]["transition_type"] == "to_vacant"
    assert answer["rooms"]["kitchen"]["occupied_in"] == {"30": 0.6}
    assert "curve" in answer["rooms"]["kitchen"]
    assert answer["rooms"]["hall"]["reason"] == "Too few changes."
    assert not {"predicted_time", "curve"} & set(answer["rooms"]["hall"])
    assert answer["rooms"]["bathroom"]["published"] is False
    some = await call(hass, "get_forecast", rooms=["hall"])
    assert set(some) == {"time", "rooms"}
    assert set(some["rooms"]) == {"hall"}
    await refused(hass, "get_forecast", "unknown_room", rooms=["attic"])


async def test_the_home_or_sleep_can_be_asked_for_alone(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    show(entry, forecast("kitchen", True), forecast(HOME, True), forecast(SLEEP, False))
    # Nothing tells of sleep here: it is told only where it is asked for, and then why there is none.
    assert set(await call(hass, "get_forecast")) == {"time", "home", "rooms"}
    home = await call(hass, "get_forecast", home=True)
    assert (set(home), home["rooms"]) == ({"time", "home", "rooms"}, {})
    both = await call(hass, "get_forecast", rooms=["kitchen"], sleep=True)
    assert set(both["rooms"]) == {"kitchen"}
    assert both["sleep"] == {
        "published": False,
        "reason": "No room is a bedroom, and no helpers for sleep are chosen.",
    }
    kitchen = next(each for each in entry.subentries.values() if each.unique_id == "kitchen")
    hass.config_entries.async_update_subentry(entry, kitchen, data={**kitchen.data, "kind": "bedroom"})
    await settle(hass)
    show(entry, forecast(SLEEP, False))
    assert (await call(hass, "get_forecast", sleep=True))["sleep"]["transition_type"] == "bedtime"
    assert set(await call(hass, "get_forecast")) == {"time", "sleep", "rooms"}


async def test_answers_are_for_whom_may_read_the_entities(
    hass: HomeAssistant, entry: MockConfigEntry, hass_admin_user: MockUser
) -> None:
    show(entry, forecast("kitchen", True), forecast(HOME, True))
    hass_admin_user.groups = []
    readable = {"binary_sensor.kitchen_occupancy": {"read": True}}
    hass_admin_user.mock_policy({"entities": {"entity_ids": readable}})

    async def answer(action: str, **data: Any) -> Any:
        context = Context(user_id=hass_admin_user.id)
        return await hass.services.async_call(
            DOMAIN, action, data, blocking=True, context=context, return_response=True
        )

    for action in ("get_forecast", "get_predictions", "evaluate"):
        told = await answer(action)
        assert set(told["rooms"]) == {"kitchen"}
        assert "home" not in told
        asked: dict[str, Any] = {"room": "hall"} if action == "evaluate" else {"rooms": ["kitchen", "hall"]}
        with pytest.raises(Unauthorized):
            await answer(action, **asked)
    assert set((await answer("evaluate", room="kitchen"))["rooms"]) == {"kitchen"}
    with pytest.raises(Unauthorized):
        await answer("get_forecast", home=True)
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN, "get_predictions", blocking=True, context=Context(user_id="gone"), return_response=True
        )


async def test_a_correction_takes_effect_at_once(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    await settle(hass)
    now = dt_util.utcnow()
    await call(
        hass,
        "relabel",
        False,
        room="kitchen",
        start=(now - timedelta(minutes=10)).isoformat(),
        end=(now + timedelta(minutes=1)).isoformat(),
        state="vacant",
    )
    state = hass.states.get("binary_sensor.kitchen_occupancy")
    assert state is not None
    assert state.state == "off"
    assert state.attributes["probability"] < 10
    coordinator = coordinator_of(entry)
    labels = await coordinator.run(lambda: coordinator.engine.store.labels.read(0, 1 << 62, "kitchen"))
    (label,) = [label for label in labels if label.source is LabelSource.CORRECTION]
    assert (label.target, label.room_id) == (0.0, "kitchen")


async def test_whoever_may_control_a_room_may_correct_it(
    hass: HomeAssistant, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    group = await hass.auth.async_get_group(GROUP_ID_USER)
    assert group is not None
    lives_here = MockUser(groups=[group]).add_to_hass(hass)
    now = dt_util.utcnow()
    span = {"start": now - timedelta(hours=2), "end": now - timedelta(hours=1), "state": "occupied"}

    async def correct(user: User, action: str, **data: Any) -> None:
        context = Context(user_id=user.id)
        await hass.services.async_call(DOMAIN, action, data, blocking=True, context=context)

    await correct(lives_here, "relabel", room="hall", **span)
    # A room that is not there either: the answer names those that are.
    for room in ("hall", "attic"):
        with pytest.raises(Unauthorized):
            await correct(hass_read_only_user, "relabel", room=room, **span)
        with pytest.raises(Unauthorized):
            await correct(hass_read_only_user, "undo_relabel", room=room)
    coordinator = coordinator_of(entry)
    labels = await coordinator.run(lambda: coordinator.engine.store.labels.read(0, 1 << 62, "hall"))
    assert [lab.created_by for lab in labels if lab.source is LabelSource.CORRECTION] == [lives_here.id]
    await correct(lives_here, "undo_relabel", room="hall")


async def test_times_without_a_zone_are_local(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry
) -> None:
    await hass.config.async_update(time_zone="Europe/Amsterdam")
    await settle(hass)
    freezer.move_to("2026-07-01 12:00:00+00:00")
    hours = {"start": "2026-07-01 10:00:00", "end": "2026-07-01 11:00:00"}
    await call(hass, "relabel", False, room="hall", state="occupied", **hours)
    coordinator = coordinator_of(entry)
    labels = await coordinator.run(lambda: coordinator.engine.store.labels.read(0, 1 << 62, "hall"))
    starts = [lab.start_us for lab in labels if lab.source is LabelSource.CORRECTION]
    assert starts == [int(datetime(2026, 7, 1, 8, tzinfo=UTC).timestamp() * 1_000_000)]


async def test_corrections_that_make_no_sense_are_refused(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    now = dt_util.utcnow()
    good = {"room": "hall", "start": now - timedelta(hours=2), "end": now, "state": "occupied"}
    await refused(hass, "relabel", "unknown_room", **{**good, "room": "attic"})
    await refused(hass, "relabel", "end_before_start", **{**good, "end": good["start"]})
    await refused(hass, "relabel", "span_too_long", **{**good, "start": now - timedelta(days=8)})
    future = {"start": now + timedelta(hours=1), "end": now + timedelta(hours=2)}
    await refused(hass, "relabel", "in_future", **{**good, **future})
    # What is still to come would pin the room, whatever its sensors say.
    await refused(hass, "relabel", "in_future", **{**good, "end": now + timedelta(days=1)})
    for year in (1, 9999):
        with pytest.raises(vol.Invalid, match=str(year)):
            await call(hass, "relabel", False, **{**good, "start": f"{year:04}-01-01 00:00:00"})
    for label_id in (2**63, 2**64):
        with pytest.raises(vol.Invalid):
            await call(hass, "undo_relabel", False, room="hall", label_id=label_id)
    with pytest.raises(vol.Invalid):
        await call(hass, "relabel", False, **{**good, "state": "maybe"})


async def test_training_answers_with_every_room(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    answer = await call(hass, "retrain")
    assert set(answer["rooms"]) == {"kitchen", "bathroom", "hall"}
    for room in answer["rooms"].values():
        # An hour of nothing teaches nothing, and the answer says so.
        assert room["status"] == "gate_not_met"
        assert room["reason"]
    assert set((await call(hass, "retrain", rooms=["kitchen"]))["rooms"]) == {"kitchen"}
    # The form of the user interface sends this where no room is chosen.
    assert set((await call(hass, "retrain", rooms=[]))["rooms"]) == {"kitchen", "bathroom", "hall"}
    runs = await coordinator_of(entry).run(coordinator_of(entry).engine.store.runs.recent_runs, 99)
    assert sum(run.cause == "request" for run in runs) == 3 + 1 + 3
    await refused(hass, "retrain", "unknown_room", rooms=["attic"])


async def test_two_trainings_do_not_run_at_once(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    async with held(hass, coordinator_of(entry)):
        first = hass.async_create_task(call(hass, "retrain"))
        assert entry.runtime_data.learner.is_busy
        await refused(hass, "retrain", "busy")
        await refused(hass, "import_events", "busy", file="x.csv")
    assert (await first)["rooms"]


async def test_nothing_is_learned_on_request_before_home_assistant_started(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """Until then nothing was read of how far learning had come."""

    async def marks() -> Marks:
        coordinator = coordinator_of(entry)
        return await coordinator.run(lambda: load(coordinator.engine.store))

    before = await marks()
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await refused(hass, "retrain", "busy", rooms=["kitchen"])
    write(hass, "past.csv", HEADER + f"2026-01-01T10:00:00Z,{WINDOW},on,,\n")
    await refused(hass, "import_events", "busy", file="past.csv")
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await settle(hass)
    assert await marks() == before
    assert (await call(hass, "retrain"))["rooms"]


async def test_a_training_stops_with_its_home(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    async with held(hass, coordinator_of(entry)):
        first = hass.async_create_task(call(hass, "retrain"))
        unload = hass.async_create_task(hass.config_entries.async_unload(entry.entry_id))
    with pytest.raises(HomeAssistantError) as raised:
        await first
    assert raised.value.translation_key == "stopped"
    assert await unload


async def test_the_button_trains(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    coordinator = coordinator_of(entry)
    before = await coordinator.run(lambda: coordinator.engine.store.jobs.recent(100))
    await hass.services.async_call("button", "press", {"entity_id": "button.home_retrain"}, blocking=True)
    after = await coordinator.run(lambda: coordinator.engine.store.jobs.recent(100))
    assert len(after) > len(before)


async def test_events_are_imported_once(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    day = (dt_util.utcnow() - timedelta(days=2)).date().isoformat()
    text = (
        HEADER
        + f"{day}T10:00:00.000001+00:00,{WINDOW},on,off,person\n"
        + f"{day}T11:00:00+01:00,{WINDOW},off,,\n"
        + f"{day}T12:00:00Z,binary_sensor.elsewhere,on,off,device\n"
        + f"today,{WINDOW},on,off,device\n"
        + f"yesterday,{WINDOW},on,off,device\n"
        + f"{day}T13:00:00Z,{WINDOW},on,off,ghost\n"
    )
    write(hass, "past.csv", "\ufeff" + text)
    answer = await call(hass, "import_events", file="past.csv")
    problems = answer.pop("problems")
    assert answer == {
        "rows": 6,
        "accepted": 2,
        "duplicates": 0,
        "rejected": 0,
        "not_watched": 1,
        "invalid": 3,
    }
    assert [problem.split(":")[0] for problem in problems] == ["line 5", "line 6", "line 7"]
    first, second = (await stored_events(entry, WINDOW))[:2]
    assert (first.state, first.previous, first.cause, first.origin) == (
        "off",
        None,
        Cause.UNKNOWN,
        Origin.IMPORT,
    )
    assert (second.state, second.previous, second.cause) == ("on", "off", Cause.PERSON)
    assert second.time_us == first.time_us + 1
    again = await call(hass, "import_events", file="past.csv")
    assert (again["accepted"], again["duplicates"]) == (0, 2)


async def test_a_download_of_the_history_can_be_imported(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config.async_set_time_zone("Asia/Kolkata")
    day = (dt_util.utcnow() - timedelta(days=2)).date().isoformat()
    rows = f"{WINDOW},on,{day}T10:00:00.500Z\n{WINDOW},off,{day} 16:30:00\n"
    write(hass, "history.csv", "entity_id,state,last_changed\n" + rows)
    answer = await call(hass, "import_events", file="history.csv")
    assert (answer["accepted"], answer["problems"]) == (2, [])
    first, second = (await stored_events(entry, WINDOW))[:2]
    assert from_us(first.time_us).isoformat() == f"{day}T10:00:00.500000+00:00"
    # Without an offset it is the home's own time.
    assert from_us(second.time_us).isoformat() == f"{day}T11:00:00+00:00"


async def test_no_row_of_a_wrong_year_or_with_a_quotation_mark_too_many_is_imported(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    now = dt_util.utcnow()
    just = (now - timedelta(minutes=10)).isoformat()
    wrong = ["0001-01-01T00:00:00+05:00", "1970-01-01T00:00:01Z", (now - timedelta(days=366)).isoformat()]
    wrong += [(now + timedelta(hours=1)).isoformat(), "9999-12-31T23:59:59-14:00"]
    rows = [f"{just},{WINDOW}, on , off ,\n", *(f"{time},{WINDOW},off,,\n" for time in wrong)]
    rows += [f'{just},{WINDOW},"off,,\n', *(f"{just},{WINDOW},on,,\n" for _ in range(9))]
    write(hass, "slips.csv", HEADER + "".join(rows))
    answer = await call(hass, "import_events", file="slips.csv")
    assert (answer["rows"], answer["accepted"], answer["invalid"]) == (7, 1, 6)
    told = [problem.partition(" ")[2] for problem in answer["problems"]]
    assert all("too long ago" in each for each in told[:3])
    assert all("in the future" in each for each in told[3:5])
    assert "255 characters" in told[5]
    first = (await stored_events(entry, WINDOW))[0]
    assert (first.state, first.origin) == ("on", Origin.IMPORT)


async def test_an_import_of_what_was_live_adds_nothing(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.states.async_set(WINDOW, "on")
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    before = await stored_events(entry)
    rows = "".join(f"{from_us(e.time_us).isoformat()},{e.entity_id},{e.state},,\n" for e in before)
    write(hass, "live.csv", HEADER + rows)
    answer = await call(hass, "import_events", file="live.csv")
    assert (answer["accepted"], answer["duplicates"]) == (0, len(before))
    assert await stored_events(entry) == before


async def test_only_files_of_the_configuration_folder_are_read(
    hass: HomeAssistant, entry: MockConfigEntry, tmp_path: Path
) -> None:
    write(hass, "secrets.yaml", "password: x")
    await hass.async_add_executor_job(tempt, Path(hass.config.config_dir), tmp_path)
    await refused(hass, "import_events", "file_outside", file="../outside.csv")
    await refused(hass, "import_events", "file_outside", file=str(tmp_path / "outside.csv"))
    await refused(hass, "import_events", "file_outside", file="link.csv")
    await refused(hass, "import_events", "file_not_csv", file="secrets.yaml")
    await refused(hass, "import_events", "file_not_found", file="absent.csv")
    await refused(hass, "import_events", "file_not_found", file="folder.csv")
    await refused(hass, "import_events", "file_not_found", file="nul\0.csv")


async def test_a_file_that_is_no_table_is_refused(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    write(hass, "empty.csv", "")
    await refused(hass, "import_events", "file_columns", file="empty.csv")
    write(hass, "other.csv", "time,state\n2026-01-01T10:00:00Z,on\n")
    await refused(hass, "import_events", "file_columns", file="other.csv")
    write(hass, "binary.csv", HEADER + "\udcff")
    await refused(hass, "import_events", "file_unreadable", file="binary.csv")
    assert not entry.runtime_data.learner.is_busy


async def test_only_admins_train_and_import(
    hass: HomeAssistant, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    context = Context(user_id=hass_read_only_user.id)
    for action, data in (("retrain", {}), ("import_events", {"file": "x.csv"})):
        with pytest.raises(Unauthorized):
            await hass.services.async_call(DOMAIN, action, data, blocking=True, context=context)


async def test_actions_explain_themselves_while_nothing_is_loaded(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    for action in ("retrain", "get_predictions"):
        with pytest.raises(ServiceValidationError):
            await call(hass, action)
