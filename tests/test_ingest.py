"""The way of a live event from the bus into the buffer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import Context, Event as HassEvent, HomeAssistant, State, callback
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.occupancy_ml.engine.events import Cause, Event, Origin, to_us
from custom_components.occupancy_ml.engine.home import Home, Role, Room, Sensor
from custom_components.occupancy_ml.ingest import (
    EventBuffer,
    LiveEvents,
    RawChange,
    cause_of,
    convert,
    declared_attributes,
)

MOTION, DOOR, LIGHT, REFERENCE = (
    "binary_sensor.motion",
    "binary_sensor.door",
    "light.lamp",
    "input_boolean.someone_here",
)
HOME = Home(
    "UTC",
    (Room("kitchen"),),
    (
        Sensor(MOTION, Role.MOTION, "kitchen"),
        Sensor(DOOR, Role.DOOR, "kitchen"),
        Sensor(LIGHT, Role.LIGHT, "kitchen"),
        Sensor(REFERENCE, Role.REFERENCE, "kitchen"),
    ),
)


class Listening:
    """Live events into a buffer, with a count of how often it was urgent."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.buffer = EventBuffer()
        self.urgent = 0
        self.live = LiveEvents(hass, HOME, self.buffer, self._on_urgent)
        self.stop = self.live.async_start()

    def _on_urgent(self) -> None:
        self.urgent += 1

    def taken(self) -> list[Event]:
        return [convert(raw) for raw in self.buffer.take(1000)]


@pytest.fixture
def listening(hass: HomeAssistant) -> Iterator[Listening]:
    each = Listening(hass)
    yield each
    each.stop()


async def test_an_event_says_when_what_and_what_before(hass: HomeAssistant, listening: Listening) -> None:
    hass.states.async_set(DOOR, "off")
    hass.states.async_set(DOOR, "on")
    state = hass.states.get(DOOR)
    assert state is not None
    first, second = listening.taken()
    assert (first.state, first.previous) == ("off", None)
    assert second == Event(to_us(state.last_updated), DOOR, "on", "off", Origin.LIVE, Cause.DEVICE, None)


async def test_what_nobody_watches_is_not_kept(hass: HomeAssistant, listening: Listening) -> None:
    hass.states.async_set("binary_sensor.elsewhere", "on")
    assert listening.taken() == []


async def test_changes_of_attributes_alone_are_no_events(hass: HomeAssistant, listening: Listening) -> None:
    hass.states.async_set(LIGHT, "on", {"brightness": 10})
    hass.states.async_set(LIGHT, "on", {"brightness": 20})
    hass.states.async_set(LIGHT, "on", {"brightness": 20})
    assert [(e.state, e.attributes) for e in listening.taken()] == [("on", {"brightness": 10})]


async def test_a_report_of_the_same_state_by_force_is_an_event(
    hass: HomeAssistant, listening: Listening
) -> None:
    hass.states.async_set(MOTION, "on")
    hass.states.async_set(MOTION, "on", force_update=True)
    assert [(e.state, e.previous) for e in listening.taken()] == [("on", None), ("on", "on")]


async def test_only_somebody_showing_up_is_urgent(hass: HomeAssistant, listening: Listening) -> None:
    for entity_id in (MOTION, DOOR, LIGHT, REFERENCE):
        hass.states.async_set(entity_id, "off")
        hass.states.async_set(entity_id, "on")
    assert listening.urgent == 1


async def test_a_removed_entity_is_an_event_without_a_state(
    hass: HomeAssistant, listening: Listening
) -> None:
    fired: list[HassEvent] = []

    @callback
    def note(event: HassEvent) -> None:
        fired.append(event)

    hass.bus.async_listen("state_changed", note)
    hass.states.async_set(DOOR, "on")
    hass.states.async_remove(DOOR)
    await hass.async_block_till_done()
    removal = listening.taken()[1]
    assert (removal.state, removal.previous, removal.is_real) == ("", "on", False)
    assert removal.time_us == to_us(fired[1].time_fired)


@pytest.mark.parametrize(
    ("context", "triggered", "cause"),
    [
        (Context(), None, Cause.DEVICE),
        (Context(user_id="1" * 32), None, Cause.PERSON),
        (Context(parent_id="0" * 26), None, Cause.AUTOMATION),
        (Context(user_id="1" * 32, parent_id="0" * 26), None, Cause.PERSON),
        # Started by the clock: no parent, but its own context is known.
        (Context(), "automation_triggered", Cause.AUTOMATION),
        (Context(), "script_started", Cause.AUTOMATION),
        # A script that somebody started by hand.
        (Context(user_id="1" * 32), "script_started", Cause.PERSON),
    ],
)
async def test_the_context_tells_the_cause(
    hass: HomeAssistant, listening: Listening, context: Context, triggered: str | None, cause: Cause
) -> None:
    hass.states.async_set(LIGHT, "off")
    if triggered is not None:
        hass.bus.async_fire(triggered, context=context)
    hass.states.async_set(LIGHT, "on", context=context)
    assert listening.taken()[-1].cause is cause


async def test_coming_back_is_nobodys_act(hass: HomeAssistant, listening: Listening) -> None:
    for state in ("on", STATE_UNAVAILABLE, "on"):
        hass.states.async_set(LIGHT, state)
    assert [e.cause for e in listening.taken()] == [Cause.UNKNOWN, Cause.DEVICE, Cause.UNKNOWN]


async def test_what_is_there_already_is_read_under_its_own_time(
    hass: HomeAssistant, listening: Listening
) -> None:
    hass.states.async_set(LIGHT, "on", {"brightness": 10})
    (changed,) = listening.taken()
    hass.states.async_set(LIGHT, "on", {"brightness": 20})
    listening.live.async_read_present()
    (present,) = listening.taken()
    assert (present.time_us, present.entity_id, present.state) == (changed.time_us, LIGHT, "on")


async def test_after_stopping_nothing_is_heard(hass: HomeAssistant) -> None:
    before = dict(hass.bus.async_listeners())
    listening = Listening(hass)
    listening.stop()
    hass.states.async_set(MOTION, "on")
    assert len(listening.buffer) == 0
    assert dict(hass.bus.async_listeners()) == before


def test_attributes_are_plain_values() -> None:
    assert declared_attributes("light.x", {"brightness": 3, "color": (1, 2)}) == {"brightness": 3}
    assert declared_attributes("light.x", {"brightness": None}) is None
    assert declared_attributes("binary_sensor.x", {"brightness": 3}) is None


def test_the_same_state_again_is_nobodys_act() -> None:
    assert cause_of(state="on", previous="on", user=True, parent=False, by_automation=False) is Cause.UNKNOWN


def raw(number: int) -> RawChange:
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    return RawChange(State(MOTION, str(number), last_updated=moment, last_changed=moment), None, False)


@settings(max_examples=50)
@given(
    limit=st.integers(1, 6),
    steps=st.lists(st.one_of(st.just("add"), st.tuples(st.integers(0, 4), st.booleans())), max_size=40),
)
def test_a_buffer_is_a_queue_that_counts_what_it_drops(
    limit: int, steps: list[str | tuple[int, bool]]
) -> None:
    """Against a plain list: what was neither taken for good nor kept was counted as dropped."""
    buffer = EventBuffer(limit)
    added, stored = 0, 0
    for step in steps:
        if isinstance(step, str):
            buffer.append(raw(added))
            added += 1
        else:
            count, fails = step
            taken = buffer.take(count)
            assert [r.state.state for r in taken] == sorted((r.state.state for r in taken), key=int)
            if fails:
                buffer.append(raw(added))
                added += 1
                buffer.put_back(taken)
            else:
                stored += len(taken)
        assert len(buffer) <= limit
        assert added == stored + len(buffer) + buffer.dropped
    rest = [int(r.state.state) for r in buffer.take(limit)]
    assert rest == list(range(added - len(rest), added))
