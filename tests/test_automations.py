"""Every automation that can be composed is one that Home Assistant accepts, and does what it says."""

from __future__ import annotations

from typing import Any

from homeassistant.components import automation as automation_component
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.setup import async_setup_component
import pytest

from custom_components.occupancy_ml.automation_watch import AutomationWatch, Watched
from custom_components.occupancy_ml.automations import AutomationEditor, InvalidAutomationError
from custom_components.occupancy_ml.engine.routines.patterns import Act
from custom_components.occupancy_ml.engine.routines.suggestions import candidates as candidates_module
from custom_components.occupancy_ml.engine.routines.suggestions.candidates import is_settable
from custom_components.occupancy_ml.engine.routines.suggestions.compose import Names, automation
from custom_components.occupancy_ml.engine.routines.suggestions.proposal import (
    WORKDAYS,
    AtTime,
    Becomes,
    HomeBecomes,
    Proposal,
    RoomBecomes,
    Trigger,
)
from custom_components.occupancy_ml.ingest import EVENT_AUTOMATION_TRIGGERED
from tests.a_home import settle

NAMES = Names(occupancy={"den": "binary_sensor.den_occupancy"})
LAMP = Act("light.lamp", "on")
TRIGGERS: dict[str, Trigger] = {
    "time": AtTime(1439),
    "state": Becomes("binary_sensor.motion", "on"),
    "held": Becomes("binary_sensor.motion", "off", 5400),
    "room": RoomBecomes("den", True),
    "home": HomeBecomes(True),
    "away": HomeBecomes(False),
}
ACTIONS = [
    Act(f"{domain}.thing", state)
    for domain, states in sorted(candidates_module._SETTABLE.items())
    for state in sorted(states)
]


def stand(hass: HomeAssistant, **states: str) -> None:
    for key, state in {"zone.home": "1", "sun.sun": "above_horizon", **states}.items():
        hass.states.async_set(key.replace("__", "."), state)


@pytest.fixture
def expected_lingering_timers() -> bool:
    return True


@pytest.mark.parametrize("kind", TRIGGERS)
async def test_every_trigger_is_valid(hass: HomeAssistant, kind: str) -> None:
    stand(hass)
    for entity_id in ("light.lamp", "binary_sensor.motion", "binary_sensor.den_occupancy"):
        hass.states.async_set(entity_id, "off")
    hass.services.async_register("light", "turn_on", lambda call: None)
    proposal = Proposal(
        TRIGGERS[kind],
        LAMP,
        60,
        WORKDAYS,
        hours=(1320, 360),
        given=(("sun.sun", "below_horizon"),),
        someone_home=True,
    )
    await AutomationEditor(hass).async_validate(automation(proposal, NAMES), proposal.entity_ids)


async def test_every_action_is_valid(hass: HomeAssistant) -> None:
    stand(hass)
    editor = AutomationEditor(hass)
    for action in ACTIONS:
        assert is_settable(action)
        config = automation(Proposal(AtTime(0), action, 60), NAMES)
        domain, _, name = config["actions"][0]["action"].partition(".")
        assert domain == action.domain
        hass.states.async_set(action.entity_id, "unknown")
        hass.services.async_register(domain, name, lambda call: None)
        await editor.async_validate(config, {action.entity_id})


async def test_what_names_something_that_is_not_there_is_refused(hass: HomeAssistant) -> None:
    editor = AutomationEditor(hass)
    config = automation(Proposal(AtTime(0), LAMP, 60), NAMES)
    with pytest.raises(InvalidAutomationError, match=r"light\.lamp does not exist"):
        await editor.async_validate(config, {"light.lamp"})
    hass.states.async_set("light.lamp", "off")
    with pytest.raises(InvalidAutomationError, match=r"no action light\.turn_on"):
        await editor.async_validate(config, {"light.lamp"})
    hass.services.async_register("light", "turn_on", lambda call: None)
    await editor.async_validate(config, {"light.lamp"})
    for broken in ({"triggers": [{"trigger": "nonsense"}]}, {"conditions": [{"condition": "time"}]}):
        with pytest.raises(InvalidAutomationError):
            await editor.async_validate({**config, **broken}, {"light.lamp"})


async def run(hass: HomeAssistant, proposal: Proposal) -> list[ServiceCall]:
    """Set the automation up in Home Assistant; the calls it makes."""
    calls: list[ServiceCall] = []

    async def handle(call: ServiceCall) -> None:
        calls.append(call)

    hass.services.async_register("light", "turn_on", handle)
    config: dict[str, Any] = {"id": "x", **automation(proposal, NAMES)}
    assert await async_setup_component(hass, automation_component.DOMAIN, {"automation": [config]})
    await settle(hass)
    return calls


async def test_it_fires_as_the_back_test_thinks(hass: HomeAssistant) -> None:
    """The rules of the back-test, in Home Assistant itself: no firing after a loss, none where it is so already."""
    stand(hass, light__lamp="off", binary_sensor__motion="off")
    calls = await run(
        hass, Proposal(Becomes("binary_sensor.motion", "on"), LAMP, 60, given=(("sun.sun", "below_horizon"),))
    )

    async def motion(*states: str) -> int:
        for state in states:
            hass.states.async_set("binary_sensor.motion", state)
            await settle(hass)
        return len(calls)

    assert await motion("on", "off") == 0  # by daylight
    hass.states.async_set("sun.sun", "below_horizon")
    assert await motion("on", "off") == 1
    assert await motion("unavailable", "on", "off", "unknown", "on", "off") == 1
    hass.states.async_set("light.lamp", "on")
    assert await motion("on", "off") == 1
    hass.states.async_set("light.lamp", "unavailable")
    assert await motion("on", "off") == 1
    hass.states.async_set("light.lamp", "off")
    assert await motion("on") == 2


@pytest.mark.parametrize("occupied", [True, False])
async def test_the_first_and_the_last_person(hass: HomeAssistant, occupied: bool) -> None:
    stand(hass, light__lamp="off")
    hass.states.async_set("zone.home", "0" if occupied else "2")
    calls = await run(hass, Proposal(HomeBecomes(occupied), LAMP, 60))
    for count in ("1", "2") if occupied else ("1", "0"):
        hass.states.async_set("zone.home", count)
        await settle(hass)
    assert len(calls) == 1


@pytest.mark.parametrize(("begun", "told"), [("opening", [True]), ("stopped", [])])
async def test_what_takes_long_is_watched_to_its_end(
    hass: HomeAssistant, begun: str, told: list[bool]
) -> None:
    """The blind says that it is open in a context of its own; a hand closes it again. Another's opening is no matter."""
    outcomes: list[bool] = []
    watch = AutomationWatch(hass, lambda _, corrected: outcomes.append(corrected), lambda: None)
    stop = watch.async_start()
    watch.async_watch({"automation.blind": Watched(1, "cover.blind", "open")}, ())
    hass.states.async_set("cover.blind", "closed")
    fired = Context()
    hass.bus.async_fire(EVENT_AUTOMATION_TRIGGERED, {"entity_id": "automation.blind"}, context=fired)
    await settle(hass)
    hass.states.async_set("cover.blind", begun, context=Context(parent_id=fired.id))
    for state in ("open", "closed"):
        hass.states.async_set("cover.blind", state)
    await settle(hass)
    assert outcomes == told
    stop()
