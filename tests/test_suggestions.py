"""A suggestion's life in a real Home Assistant: offered, accepted, fires, corrected, edited, rolled back."""

from __future__ import annotations

from datetime import datetime, timedelta
import errno
from pathlib import Path
import tempfile
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.auth.models import User
from homeassistant.components import automation
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.typing import WebSocketGenerator
import voluptuous as vol
import yaml

from custom_components.occupancy_ml import suggestions as suggestions_module
from custom_components.occupancy_ml.automation_versions import VersionBook
from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.coordinator import now_us
from custom_components.occupancy_ml.engine.events import Cause, Event, to_us
from custom_components.occupancy_ml.engine.home import Role
from custom_components.occupancy_ml.engine.routines.life import to_row
from custom_components.occupancy_ml.engine.routines.patterns import Act, Life, Pattern, PatternType, When
from custom_components.occupancy_ml.engine.store.jobs import JobStatus
from custom_components.occupancy_ml.engine.store.suggestions import SuggestionStatus
from custom_components.occupancy_ml.suggestions import SuggestionKeeper
from tests.a_home import coordinator_of, make_entry, settle
from tests.engine.routines.suggestions.planted import pattern
from tests.flow_pages import suggested
from tests.house import build_house

pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")

LAMP = "light.kitchen_ceiling"
STREET = "switch.street_light"
# A Tuesday, 03:10 in the morning.
NOW = datetime(2026, 5, 5, 3, 10, tzinfo=dt_util.UTC)
DAYS = 21
INCLUDED = "default_config:\nautomation ui: !include automations.yaml\n"
THEIRS = "# By hand.\n- id: theirs\n  alias: Theirs\n  triggers: []\n  actions: []\n"


def evenings(entity_id: str, hour: int, *, skipped: tuple[int, ...] = ()) -> list[Event]:
    """On a few minutes after the hour, off two hours later, on the days before now."""
    found = [Event(to_us(NOW - timedelta(days=DAYS)), entity_id, "off", cause=Cause.UNKNOWN)]
    for day in range(DAYS):
        start = NOW.replace(hour=hour, minute=3 + day % 3) - timedelta(days=DAYS - day)
        if day not in skipped:
            found.append(Event(to_us(start), entity_id, "on", "off", cause=Cause.PERSON))
        found.append(Event(to_us(start + timedelta(hours=2)), entity_id, "off", "on", cause=Cause.PERSON))
    return found


def habit(entity_id: str, hour: int) -> Pattern:
    return pattern(
        PatternType.TIME_OF_DAY,
        key=f"time_of_day|{entity_id}|{hour}",
        action=Act(entity_id, "on"),
        entities=(entity_id,),
        when=When(hour * 60 + 4, 4.0, (hour,)),
        life=Life.STABLE,
    )


def write(hass: HomeAssistant, name: str, text: str) -> None:
    Path(hass.config.path(name)).write_text(text, encoding="utf-8")


async def automations(hass: HomeAssistant) -> list[dict[str, Any]]:
    text = await hass.async_add_executor_job(Path(hass.config.path("automations.yaml")).read_text)
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


async def plant(entry: MockConfigEntry, *habits: tuple[str, int]) -> None:
    """Put habits into the store, as weeks of events and the patterns found in them, and draft suggestions."""
    coordinator = coordinator_of(entry)
    engine = coordinator.engine

    def work() -> None:
        for entity_id, hour in habits:
            engine.store.events.append(evenings(entity_id, hour), {entity_id: (Role.LIGHT, "kitchen")})
            engine.store.patterns.put([to_row(habit(entity_id, hour))])
        for _ in engine.suggestions.night(now_us()):
            pass

    await coordinator.run(work)
    await keeper_of(entry).async_offer()


def keeper_of(entry: MockConfigEntry) -> SuggestionKeeper:
    keeper: SuggestionKeeper = entry.runtime_data.suggestions
    return keeper


def mock_lights(hass: HomeAssistant) -> list[ServiceCall]:
    """Actions of lights and switches that set the state, as real ones do, with the caller's context."""
    calls: list[ServiceCall] = []
    for domain in ("light", "switch"):
        for name, state in (("turn_on", "on"), ("turn_off", "off")):

            async def handle(call: ServiceCall, state: str = state) -> None:
                calls.append(call)
                entity_ids = call.data["entity_id"]
                for entity_id in [entity_ids] if isinstance(entity_ids, str) else entity_ids:
                    hass.states.async_set(entity_id, state, context=call.context)

            hass.services.async_register(domain, name, handle)
    return calls


@pytest.fixture
async def calls(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> list[ServiceCall]:
    freezer.move_to(NOW)
    await hass.config.async_update(time_zone="UTC")
    build_house(hass)
    write(hass, "configuration.yaml", INCLUDED)
    write(hass, "automations.yaml", THEIRS)
    assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: []})
    return mock_lights(hass)


@pytest.fixture
async def entry(hass: HomeAssistant, calls: list[ServiceCall]) -> MockConfigEntry:
    entry = make_entry(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    return entry


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Automations that wait for a time of day keep a timer; Home Assistant leaves it when it stops."""
    return True


async def ask(hass: HomeAssistant, name: str, **data: Any) -> dict[str, Any]:
    answer: Any = await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)
    assert isinstance(answer, dict)
    return answer


async def refused(hass: HomeAssistant, key: str, name: str, **data: Any) -> None:
    with pytest.raises(HomeAssistantError) as raised:
        await ask(hass, name, **data)
    assert raised.value.translation_key == key
    texts = await async_get_translations(hass, "en", "exceptions", [DOMAIN])
    text = texts[f"component.{DOMAIN}.exceptions.{key}.message"]
    assert "{" not in text.format(**(raised.value.translation_placeholders or {}))


async def the_open(hass: HomeAssistant) -> dict[str, Any]:
    (found,) = (await ask(hass, "get_suggestions"))["suggestions"]
    assert isinstance(found, dict)
    return found


async def pass_until(hass: HomeAssistant, freezer: FrozenDateTimeFactory, moment: datetime) -> None:
    freezer.move_to(moment)
    async_fire_time_changed(hass, moment)
    await settle(hass)


async def fire(hass: HomeAssistant, freezer: FrozenDateTimeFactory, days: int) -> None:
    """Let 19:00 come, so many days from the first."""
    hass.states.async_set(LAMP, "off")
    evening = NOW.replace(hour=19, minute=0) + timedelta(days=days)
    await pass_until(hass, freezer, evening + timedelta(microseconds=700_000))


async def test_from_offer_to_roll_back(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry, calls: list[ServiceCall]
) -> None:
    await plant(entry, (LAMP, 19))
    count = hass.states.get("sensor.home_open_suggestions")
    assert count is not None
    assert (count.state, len(count.attributes["suggestions"])) == ("1", 1)
    offered = await the_open(hass)
    assert offered[
        "description"
    ] == "At 19:00 every day, turn on kitchen ceiling light if somebody is home." or (
        offered["description"] == "At 19:00 every day, turn on kitchen ceiling light."
    )
    assert (offered["backtest"]["fired"], offered["backtest"]["wrong"]) == (DAYS, 0)
    assert offered["backtest"]["right_at"][0].startswith("2026-04-14T19:00:00")
    assert offered["safety_class"] == "light"
    assert await automations(hass) == yaml.safe_load(THEIRS)

    accepted = await ask(hass, "accept_suggestion", suggestion_id=offered["suggestion_id"])
    assert accepted["created"]
    theirs, ours = await automations(hass)
    assert theirs["id"] == "theirs"
    assert ours["id"] == accepted["automation_id"]
    assert "Made by Occupancy ML" in ours["description"]
    assert {"id": ours["id"], **yaml.safe_load(accepted["yaml"])} == ours
    state = hass.states.get(accepted["entity_id"])
    assert state is not None
    assert (state.state, state.attributes["id"]) == ("on", ours["id"])
    count = hass.states.get("sensor.home_open_suggestions")
    assert count is not None
    assert count.state == "0"

    await fire(hass, freezer, 0)
    (call,) = calls
    assert (call.service, hass.states.is_state(LAMP, "on")) == ("turn_on", True)

    rolled = await ask(hass, "rollback_automation", automation_id=ours["id"])
    assert rolled["yaml"] is None
    text = await hass.async_add_executor_job(Path(hass.config.path("automations.yaml")).read_text)
    assert text == THEIRS
    assert hass.states.get(accepted["entity_id"]) is None
    assert er.async_get(hass).async_get(accepted["entity_id"]) is None
    await fire(hass, freezer, 1)
    assert len(calls) == 1

    # And forward again, to the version that ran.
    (gone,) = (await ask(hass, "get_suggestions", status=["rolled_back"]))["suggestions"]
    assert [version["reason"] for version in gone["versions"]] == ["created", "rolled_back"]
    first = gone["versions"][0]
    assert (first["safety_score"], first["yaml"] is None) == (gone["safety_score"], False)
    # Not within the very second at which it fires.
    freezer.tick(timedelta(minutes=1))
    await ask(hass, "rollback_automation", automation_id=ours["id"], version_id=first["version_id"])
    assert await automations(hass) == [theirs, ours]
    assert len(calls) == 1
    await fire(hass, freezer, 2)
    assert len(calls) == 2


async def test_what_the_user_edits_is_kept_as_a_version(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await plant(entry, (LAMP, 19))
    accepted = await ask(hass, "accept_suggestion", suggestion_id=(await the_open(hass))["suggestion_id"])
    listed = await automations(hass)
    listed[1]["alias"] = "Mine now"
    listed.append({"id": "third", "alias": "Third", "triggers": [], "actions": []})
    # As Home Assistant's own editor writes: the whole list anew.
    await hass.async_add_executor_job(write, hass, "automations.yaml", yaml.safe_dump(listed))
    await hass.services.async_call("automation", "reload", blocking=True)
    await settle(hass)
    (mine,) = (await ask(hass, "get_suggestions", status=["accepted"]))["suggestions"]
    assert [version["reason"] for version in mine["versions"]] == ["created", "edited"]
    assert "Mine now" in mine["versions"][1]["yaml"]

    await ask(hass, "rollback_automation", automation_id=accepted["automation_id"])
    after = await automations(hass)
    assert [each["alias"] for each in after][::2] == ["Theirs", "Third"]
    assert after[1]["alias"] != "Mine now"
    (mine,) = (await ask(hass, "get_suggestions", status=["accepted"]))["suggestions"]
    edited = mine["versions"][1]["version_id"]
    await ask(
        hass,
        "rollback_automation",
        automation_id=accepted["automation_id"],
        version_id=edited,
    )
    assert (await automations(hass))[1]["alias"] == "Mine now"


async def test_an_edit_that_was_not_loaded_yet_is_not_lost_either(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await plant(entry, (LAMP, 19))
    accepted = await ask(hass, "accept_suggestion", suggestion_id=(await the_open(hass))["suggestion_id"])
    path = Path(hass.config.path("automations.yaml"))
    text = await hass.async_add_executor_job(path.read_text)
    await hass.async_add_executor_job(path.write_text, text.replace("mode: single", "mode: restart"))
    await ask(hass, "rollback_automation", automation_id=accepted["automation_id"])
    # The last version is the edit, so the one before it is what was created: it runs again.
    assert (await automations(hass))[1]["mode"] == "single"
    (mine,) = (await ask(hass, "get_suggestions", status=["accepted"]))["suggestions"]
    assert [v["reason"] for v in mine["versions"]] == ["created", "edited", "rolled_back"]


async def test_taken_out_in_the_editor_counts_as_rolled_back(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await plant(entry, (LAMP, 19))
    accepted = await ask(hass, "accept_suggestion", suggestion_id=(await the_open(hass))["suggestion_id"])
    await hass.async_add_executor_job(write, hass, "automations.yaml", THEIRS)
    await hass.services.async_call("automation", "reload", blocking=True)
    await settle(hass)
    (gone,) = (await ask(hass, "get_suggestions", status=["rolled_back"]))["suggestions"]
    assert [version["reason"] for version in gone["versions"]] == ["created", "removed"]
    await refused(hass, "no_such_version", "rollback_automation", automation_id="theirs")
    await refused(
        hass,
        "no_such_version",
        "rollback_automation",
        automation_id=accepted["automation_id"],
        version_id=9_999,
    )


async def test_one_that_was_moved_to_another_file_still_runs(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await plant(entry, (LAMP, 19))
    accepted = await ask(hass, "accept_suggestion", suggestion_id=(await the_open(hass))["suggestion_id"])
    automation_id = accepted["automation_id"]
    ours = (await automations(hass))[1:]

    async def load(configuration: str, lights: list[dict[str, Any]]) -> None:
        for name, text in (
            ("configuration.yaml", configuration),
            ("lights.yaml", yaml.safe_dump(lights)),
            ("automations.yaml", THEIRS),
        ):
            await hass.async_add_executor_job(write, hass, name, text)
        await hass.services.async_call("automation", "reload", blocking=True)
        await settle(hass)

    both = f"{INCLUDED}automation lights: !include lights.yaml\n"
    await load(both, ours)
    (moved,) = (await ask(hass, "get_suggestions", status=["accepted"]))["suggestions"]
    assert [version["reason"] for version in moved["versions"]] == ["created"]
    await refused(hass, "automation_moved", "rollback_automation", automation_id=automation_id)
    created = moved["versions"][0]["version_id"]
    await refused(
        hass, "automation_moved", "rollback_automation", automation_id=automation_id, version_id=created
    )
    assert await automations(hass) == yaml.safe_load(THEIRS)
    assert hass.states.is_state(accepted["entity_id"], "on")
    await load(both, [])
    (gone,) = (await ask(hass, "get_suggestions", status=["rolled_back"]))["suggestions"]
    assert [version["reason"] for version in gone["versions"]] == ["created", "removed"]


@pytest.mark.parametrize("configuration", ["", "automation: !include other.yaml\n"])
async def test_where_the_file_is_not_included_the_yaml_is_given(
    hass: HomeAssistant, entry: MockConfigEntry, configuration: str
) -> None:
    await hass.async_add_executor_job(write, hass, "configuration.yaml", configuration)
    await plant(entry, (LAMP, 19))
    answer = await ask(hass, "accept_suggestion", suggestion_id=(await the_open(hass))["suggestion_id"])
    assert (answer["created"], answer["automation_id"]) == (False, None)
    assert yaml.safe_load(answer["yaml"])["triggers"] == [{"trigger": "time", "at": "19:00:00"}]
    assert await automations(hass) == yaml.safe_load(THEIRS)
    assert (await ask(hass, "get_suggestions"))["suggestions"] == []


@pytest.mark.parametrize("form", ["read-only", "[{id: theirs, alias: Theirs}]\n"])
async def test_where_the_file_cannot_be_edited_the_yaml_is_given(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    await plant(entry, (LAMP, 19))
    before = THEIRS if form == "read-only" else form
    await hass.async_add_executor_job(write, hass, "automations.yaml", before)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    if form == "read-only":
        monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    answer = await ask(hass, "accept_suggestion", suggestion_id=(await the_open(hass))["suggestion_id"])
    assert (answer["created"], answer["automation_id"]) == (False, None)
    assert yaml.safe_load(answer["yaml"])["triggers"] == [{"trigger": "time", "at": "19:00:00"}]
    assert await automations(hass) == yaml.safe_load(before)


async def test_what_home_assistant_does_not_load_is_taken_out_again(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """The configuration names the file, but something else in it keeps Home Assistant from reading it."""
    await hass.async_add_executor_job(
        write, hass, "configuration.yaml", INCLUDED + "broken: !include missing.yaml\n"
    )
    await plant(entry, (LAMP, 19))
    answer = await ask(hass, "accept_suggestion", suggestion_id=(await the_open(hass))["suggestion_id"])
    assert not answer["created"]
    text = await hass.async_add_executor_job(Path(hass.config.path("automations.yaml")).read_text)
    assert text == THEIRS


async def test_a_file_that_cannot_be_edited_is_left_alone(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    await plant(entry, (LAMP, 19))
    offered = await the_open(hass)
    await hass.async_add_executor_job(write, hass, "automations.yaml", "- id: [\n")
    await refused(hass, "automations_file", "accept_suggestion", suggestion_id=offered["suggestion_id"])
    assert (await the_open(hass))["suggestion_id"] == offered["suggestion_id"]


async def test_what_does_not_validate_is_never_offered(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.services.async_remove("light", "turn_on")
    await plant(entry, (LAMP, 19))
    assert (await ask(hass, "get_suggestions"))["suggestions"] == []
    (invalid,) = (await ask(hass, "get_suggestions", status=["invalid"]))["suggestions"]
    assert (invalid["reason"], invalid["yaml"]) == ("there is no action light.turn_on", None)
    await refused(hass, "suggestion_not_open", "accept_suggestion", suggestion_id=invalid["suggestion_id"])
    # Once it is there, the suggestion comes.
    mock_lights(hass)
    await keeper_of(entry).async_offer()
    assert (await the_open(hass))["suggestion_id"] == invalid["suggestion_id"]
    # And where it goes away again before the tap, nothing is written.
    hass.states.async_remove(LAMP)
    er.async_get(hass).async_remove(LAMP)
    await refused(hass, "suggestion_not_sound", "accept_suggestion", suggestion_id=invalid["suggestion_id"])
    assert await automations(hass) == yaml.safe_load(THEIRS)


async def test_what_a_plug_is_called_counts_beside_its_id(
    hass: HomeAssistant, entry: MockConfigEntry, device_registry: dr.DeviceRegistry
) -> None:
    """A heater on a plug is not offered, is taken back when it is named so later, and not accepted then."""
    hass.states.async_set(STREET, "off", {"friendly_name": "Space heater"})
    await plant(entry, (STREET, 20))
    assert (await ask(hass, "get_suggestions"))["suggestions"] == []
    (invalid,) = (await ask(hass, "get_suggestions", status=["invalid"]))["suggestions"]
    assert "names" in invalid["reason"]
    # What the night knows by name is not even drafted.
    await plant(entry)
    (gone,) = (await ask(hass, "get_suggestions", status=["withdrawn"]))["suggestions"]
    assert gone["suggestion_id"] == invalid["suggestion_id"]
    hass.states.async_set(STREET, "off", {"friendly_name": "Plug 3"})
    await keeper_of(entry).async_offer()
    await plant(entry)
    offered = await the_open(hass)

    device = device_registry.async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={("demo", "plug")}, name="Space heater"
    )
    er.async_get(hass).async_update_entity(STREET, device_id=device.id)
    await settle(hass)
    await refused(hass, "suggestion_not_safe", "accept_suggestion", suggestion_id=offered["suggestion_id"])
    assert await automations(hass) == yaml.safe_load(THEIRS)

    device_registry.async_update_device(device.id, name="Plug")
    await keeper_of(entry).async_offer()
    assert (await the_open(hass))["suggestion_id"] == offered["suggestion_id"]
    device_registry.async_update_device(device.id, name_by_user="Pizza oven")
    await keeper_of(entry).async_offer()
    assert (await ask(hass, "get_suggestions"))["suggestions"] == []


async def test_a_crash_between_the_file_and_the_store(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the file was written: at the next start the automation is there, known, and there once."""
    await plant(entry, (LAMP, 19))
    offered = await the_open(hass)

    class KilledError(Exception):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(VersionBook, "note_created", killed)
        with pytest.raises(KilledError):
            await keeper_of(entry).async_accept(offered["suggestion_id"])
    assert len(await automations(hass)) == 2
    assert (await the_open(hass))["status"] == "offered"
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert (await ask(hass, "get_suggestions"))["suggestions"] == []
    (accepted,) = (await ask(hass, "get_suggestions", status=["accepted"]))["suggestions"]
    assert [version["reason"] for version in accepted["versions"]] == ["created"]
    rolled = await ask(hass, "rollback_automation", automation_id=accepted["automation_id"])
    assert rolled["yaml"] is None
    assert await automations(hass) == yaml.safe_load(THEIRS)


async def test_corrected_again_and_again_it_turns_itself_off(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry, calls: list[ServiceCall]
) -> None:
    await plant(entry, (LAMP, 19))
    accepted = await ask(hass, "accept_suggestion", suggestion_id=(await the_open(hass))["suggestion_id"])
    for day in range(5):
        await fire(hass, freezer, day)
        assert hass.states.is_state(LAMP, "on")
        now = dt_util.utcnow()
        if day in (0, 2, 4):
            # A hand on the switch; between them it stays as it is, or another automation turns it off.
            hass.states.async_set(LAMP, "off")
        elif day == 3:
            hass.states.async_set(LAMP, "off", context=Context(parent_id="an automation"))
        await settle(hass)
        await pass_until(hass, freezer, now + timedelta(minutes=11))
        state = hass.states.get(accepted["entity_id"])
        assert state is not None
        assert state.state == ("off" if day == 4 else "on")
    (disabled,) = (await ask(hass, "get_suggestions", status=["disabled"]))["suggestions"]
    assert (disabled["runs"], disabled["corrected"]) == (5, 3)
    from homeassistant.components.persistent_notification import _async_get_or_create_notifications

    texts = [each["message"] for each in _async_get_or_create_notifications(hass).values()]
    assert any(disabled["description"] in text for text in texts)
    await fire(hass, freezer, 6)
    assert len(calls) == 5


async def test_one_that_turned_itself_off_may_begin_anew(
    hass: HomeAssistant, entry: MockConfigEntry, calls: list[ServiceCall]
) -> None:
    """Turned on again by hand, or rolled back to what it was: it runs, is watched, and nothing is held against it."""
    await plant(entry, (LAMP, 19))
    accepted = await ask(hass, "accept_suggestion", suggestion_id=(await the_open(hass))["suggestion_id"])
    entity_id = accepted["entity_id"]

    async def correct_it() -> None:
        (running,) = (await ask(hass, "get_suggestions", status=["accepted"]))["suggestions"]
        for _ in range(3):
            keeper_of(entry)._on_outcome(running["suggestion_id"], True)
            await settle(hass)
        assert hass.states.is_state(entity_id, "off")

    for again in ("turned on", "rolled back"):
        await correct_it()
        (disabled,) = (await ask(hass, "get_suggestions", status=["disabled"]))["suggestions"]
        assert (disabled["runs"], disabled["corrected"]) == (3, 3)
        if again == "turned on":
            await hass.services.async_call("automation", "turn_on", {"entity_id": entity_id}, blocking=True)
        else:
            await ask(
                hass,
                "rollback_automation",
                automation_id=accepted["automation_id"],
                version_id=disabled["versions"][0]["version_id"],
            )
        await settle(hass)
        assert hass.states.is_state(entity_id, "on")
        (running,) = (await ask(hass, "get_suggestions", status=["accepted"]))["suggestions"]
        assert (running["runs"], running["corrected"]) == (0, 0)
    await correct_it()


async def test_one_that_was_edited_to_act_on_something_else_is_not_corrected_here(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry, calls: list[ServiceCall]
) -> None:
    await plant(entry, (LAMP, 19))
    await ask(hass, "accept_suggestion", suggestion_id=(await the_open(hass))["suggestion_id"])
    theirs, ours = await automations(hass)
    ours |= {"conditions": [], "actions": [{"action": "switch.turn_on", "target": {"entity_id": STREET}}]}
    await hass.async_add_executor_job(write, hass, "automations.yaml", yaml.safe_dump([theirs, ours]))
    await hass.services.async_call("automation", "reload", blocking=True)
    await settle(hass)
    await fire(hass, freezer, 0)
    assert hass.states.is_state(STREET, "on")
    # Somebody fetches something from the kitchen.
    for state in ("on", "off"):
        hass.states.async_set(LAMP, state)
        await settle(hass)
    await pass_until(hass, freezer, dt_util.utcnow() + timedelta(minutes=11))
    (running,) = (await ask(hass, "get_suggestions", status=["accepted"]))["suggestions"]
    assert running["runs"] == 0


async def test_snooze_dismiss_and_the_next_in_line(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry
) -> None:
    await plant(entry, (LAMP, 19), (STREET, 20), (LAMP, 6), (STREET, 8))
    found = (await ask(hass, "get_suggestions"))["suggestions"]
    assert len(found) == 3
    ids = [each["suggestion_id"] for each in found]
    assert (await ask(hass, "snooze_suggestion", suggestion_id=ids[0], days=2))["open"] == 3
    now_open = [each["suggestion_id"] for each in (await ask(hass, "get_suggestions"))["suggestions"]]
    assert ids[0] not in now_open
    dismissed = await ask(
        hass, "dismiss_suggestion", suggestion_id=ids[1], reason="wrong_time", text="We get up later: 8."
    )
    assert dismissed["open"] == 2
    said = coordinator_of(entry).engine.store.suggestions.feedback(ids[1])
    assert [(each.action, each.text) for each in said] == [("dismissed", "wrong_time: We get up later: 8.")]
    freezer.move_to(NOW + timedelta(days=2, minutes=1))
    await keeper_of(entry).async_offer()
    back = [each["suggestion_id"] for each in (await ask(hass, "get_suggestions"))["suggestions"]]
    assert ids[0] in back
    assert ids[1] not in back
    await refused(hass, "suggestion_not_open", "dismiss_suggestion", suggestion_id=ids[1])
    await refused(hass, "suggestion_not_open", "snooze_suggestion", suggestion_id=777)
    with pytest.raises(vol.Invalid):
        await ask(hass, "snooze_suggestion", suggestion_id=2**63)


async def test_once_a_week_one_notification_where_wanted(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, calls: list[ServiceCall]
) -> None:
    from homeassistant.components.persistent_notification import _async_get_or_create_notifications

    entry = make_entry(hass)
    hass.config_entries.async_update_entry(entry, options={**entry.options, "suggestions": {"notify": True}})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    shown = _async_get_or_create_notifications(hass)
    assert not shown
    await plant(entry, (LAMP, 19))
    (first,) = shown.values()
    assert "kitchen ceiling" in first["message"]
    shown.clear()
    await keeper_of(entry).async_offer()
    freezer.move_to(NOW + timedelta(days=6))
    await keeper_of(entry).async_offer()
    assert not shown
    freezer.move_to(NOW + timedelta(days=7, minutes=1))
    await keeper_of(entry).async_offer()
    assert len(shown) == 1


async def test_the_options_say_what_is_suggested(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    flows = hass.config_entries.options
    result = await flows.async_init(entry.entry_id)
    filled = suggested(result)
    wanted = {"bar": 65, "allowed": ["garage", "heating"], "notify": True}
    result = await flows.async_configure(result["flow_id"], {**filled, "suggestions": wanted})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)
    assert entry.options["suggestions"] == wanted
    policy = coordinator_of(entry).engine.suggestions.policy
    assert (policy.bar, policy.allowed) == (0.65, frozenset({"garage", "heating"}))
    result = await flows.async_init(entry.entry_id)
    assert suggested(result)["suggestions"] == wanted
    await flows.async_configure(result["flow_id"], filled)
    await settle(hass)
    assert "suggestions" not in entry.options


async def test_only_administrators_change_automations(
    hass: HomeAssistant, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    await plant(entry, (LAMP, 19))
    context = Context(user_id=hass_read_only_user.id)
    for name, data in (
        ("accept_suggestion", {"suggestion_id": 1}),
        ("dismiss_suggestion", {"suggestion_id": 1}),
        ("snooze_suggestion", {"suggestion_id": 1}),
        ("rollback_automation", {"automation_id": "x"}),
    ):
        with pytest.raises(Unauthorized):
            await hass.services.async_call(DOMAIN, name, data, blocking=True, context=context)
    assert len((await ask(hass, "get_suggestions"))["suggestions"]) == 1


async def test_the_same_over_the_websocket(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
) -> None:
    await plant(entry, (LAMP, 19))
    client = await hass_ws_client()

    async def say(**message: Any) -> dict[str, Any]:
        await client.send_json_auto_id({**message, "type": f"{DOMAIN}/{message['type']}"})
        answer: dict[str, Any] = await client.receive_json()
        return answer

    (found,) = (await say(type="get_suggestions"))["result"]["suggestions"]
    assert found == await the_open(hass)
    patterns = (await say(type="get_patterns", pattern_type=["time_of_day"]))["result"]["patterns"]
    assert [each["entities"] for each in patterns] == [[LAMP]]
    wrong = await say(type="get_patterns", pattern_type=["nonsense"])
    assert wrong["error"]["code"] == "invalid_format"
    assert (await say(type="accept_suggestion", suggestion_id=99))["error"]["code"] == "refused"
    assert (await say(type="accept_suggestion", suggestion_id=found["suggestion_id"]))["result"]["created"]
    assert len(await automations(hass)) == 2
    other = await hass_ws_client(hass, hass_read_only_access_token)
    await other.send_json_auto_id({"type": f"{DOMAIN}/dismiss_suggestion", "suggestion_id": 1})
    assert (await other.receive_json())["error"]["code"] == "unauthorized"


async def test_patterns_and_digest(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await plant(entry, (LAMP, 19), (STREET, 20))
    both = await ask(hass, "get_patterns")
    assert both["total"] == 2
    (one,) = (await ask(hass, "get_patterns", entity_id=STREET))["patterns"]
    assert (one["pattern_type"], one["minute"], one["strength"]["occurrences"]) == ("time_of_day", 1204, 26)
    for nothing in ({"pattern_type": ["sequence"]}, {"life": ["gone"]}, {"room": "hall"}, {"least_rate": 99}):
        assert (await ask(hass, "get_patterns", **nothing))["patterns"] == []
    assert len((await ask(hass, "get_patterns", limit=1))["patterns"]) == 1
    # The form of the user interface sends these where nothing is chosen.
    assert (await ask(hass, "get_patterns", pattern_type=[], life=[])) == both
    assert (await ask(hass, "get_suggestions", status=[])) == (await ask(hass, "get_suggestions"))
    assert set(one["computed_from"]) == {"layer", "range", "aggregates"}
    with pytest.raises(ServiceValidationError, match=r"Rooms: .*kitchen"):
        await ask(hass, "get_patterns", room="cellar")
    digest = await ask(hass, "get_digest", month="2026-03")
    assert digest["month"] == "2026-03"
    assert isinstance(digest["text"], str)
    for wrong in ("March", "9999-12"):
        with pytest.raises(vol.Invalid, match="2026-03"):
            await ask(hass, "get_digest", month=wrong)


async def test_routines_of_the_past_are_looked_for_on_request_with_progress(
    hass: HomeAssistant, entry: MockConfigEntry, hass_read_only_user: User
) -> None:
    coordinator = coordinator_of(entry)
    roles = {LAMP: (Role.LIGHT, "kitchen")}
    await coordinator.run(
        lambda: coordinator.engine.store.events.append(
            sorted(evenings(LAMP, 19), key=lambda event: event.time_us), roles
        )
    )
    shown: list[tuple[str | None, float | None]] = []
    remove = coordinator.async_add_listener(
        lambda: shown.append((coordinator.data.home.learning_reason, coordinator.data.home.progress))
    )
    assert (await ask(hass, "backfill_routines", days=DAYS))["patterns"] > 0
    await settle(hass)
    remove()
    steps = [share for text, share in shown if text == "Looking for routines." and share is not None]
    assert len(steps) > 5
    assert steps == sorted(steps)
    jobs = await coordinator.run(lambda: coordinator.engine.store.jobs.recent(100))
    assert {job.status for job in jobs if job.job_type == "backfill"} == {JobStatus.COMPLETED}
    found = (await ask(hass, "get_patterns", entity_id=LAMP, pattern_type=["time_of_day"]))["patterns"]
    assert [each["minute"] for each in found if "turns on" in each["description"]] == [1144]
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN, "backfill_routines", {}, blocking=True, context=Context(user_id=hass_read_only_user.id)
        )


def test_statuses_of_the_form_are_those_of_the_store() -> None:
    path = Path(suggestions_module.__file__).with_name("services.yaml")
    fields = yaml.safe_load(path.read_text())["get_suggestions"]["fields"]
    assert fields["status"]["selector"]["select"]["options"] == [each.value for each in SuggestionStatus]
