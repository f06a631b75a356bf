"""What counts as somebody acting, and what is the present state of a sensor."""

from __future__ import annotations

from collections.abc import Sequence
import json

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US, Cause, Event
from custom_components.occupancy_ml.engine.senses import DOOR, MOTION_HOLD_US, Senses
from tests.engine.living import START_US, at, flat

HOME = flat(persons=True)
HALL, KITCHEN, BEDROOM = 0, 1, 2
NO_STATES = ("unavailable", "unknown", "")


def feed(senses: Senses, events: Sequence[Event]) -> list[int | None]:
    return [senses.see(event) for event in events]


def states(entity_id: str, *words: str, cause: Cause = Cause.UNKNOWN) -> list[Event]:
    """One state a minute."""
    return [at(60 * n, entity_id, word, cause=cause) for n, word in enumerate(words)]


@pytest.mark.parametrize("gone", NO_STATES)
@pytest.mark.parametrize(
    ("entity_id", "rest"),
    [
        ("light.kitchen", "off"),
        ("light.kitchen", "on"),
        ("media_player.kitchen", "idle"),
        ("binary_sensor.kettle", "on"),
        ("binary_sensor.bedroom_door", "off"),
        ("binary_sensor.bedroom_door", "on"),
        ("binary_sensor.front_door", "off"),
    ],
)
def test_going_and_coming_back_is_no_activity(entity_id: str, rest: str, gone: str) -> None:
    other = "on" if rest != "on" else "off"
    assert feed(Senses(HOME), states(entity_id, rest, gone, rest)) == [None, None, None]
    # Nor is the very first state, nor another state than before: nobody saw when it changed.
    assert feed(Senses(HOME), states(entity_id, rest, gone, other)) == [None, None, None]


@pytest.mark.parametrize("gone", NO_STATES)
def test_no_state_is_kept_apart_from_off(gone: str) -> None:
    senses = Senses(HOME)
    feed(senses, states("light.kitchen", "on", gone))
    assert not senses.is_on("light.kitchen")
    feed(senses, states("binary_sensor.bed", "off", gone))
    assert senses.presence_levels().tolist() == [-1]
    feed(senses, states("person.ada", "home", gone))
    feed(senses, states("person.bo", gone))
    assert senses.persons_home() == (0, 0)
    feed(senses, [at(500, "person.bo", "work")])
    assert senses.persons_home() == (0, 1)
    feed(senses, states("sensor.bedroom_co2", "900", gone))
    assert senses.value("sensor.bedroom_co2") is None


def test_motion_that_is_on_again_after_a_dropout_is_seen() -> None:
    """A motion sensor says on only when it sees movement, whatever was before."""
    events = states("binary_sensor.kitchen_motion", "unavailable", "on", "unknown", "on", "off", "off", "on")
    assert feed(Senses(HOME), events) == [None, KITCHEN, None, KITCHEN, None, None, KITCHEN]


@pytest.mark.parametrize("cause", Cause)
def test_what_an_automation_switches_is_no_activity(cause: Cause) -> None:
    for entity_id in ("light.kitchen", "media_player.kitchen", "binary_sensor.kettle"):
        found = feed(Senses(HOME), states(entity_id, "off", "on", "off", cause=cause))
        assert found == [None, *([None] * 2 if cause is Cause.AUTOMATION else [KITCHEN] * 2)]
    # A sensor's own word counts whoever is said to have caused it.
    assert feed(Senses(HOME), states("binary_sensor.hall_motion", "off", "on", cause=cause)) == [None, HALL]


def test_an_attribute_that_changes_is_no_activity() -> None:
    assert feed(Senses(HOME), states("light.kitchen", "off", "on", "on", "on")) == [None, KITCHEN, None, None]


def signals(entity_id: str, count: int, seconds: float) -> list[Event]:
    """So many signals that each last so long, an hour apart."""
    begins = [3600.0 * (number - count) for number in range(count)]
    return [
        at(begin + after, entity_id, state)
        for begin in begins
        for after, state in ((0, "on"), (seconds, "off"))
    ]


def test_motion_that_usually_pulses_and_stays_on_watches_something_else() -> None:
    senses = Senses(HOME)
    feed(senses, signals("binary_sensor.kitchen_motion", 20, 2))
    senses.see(at(0, "binary_sensor.kitchen_motion", "on"))
    assert senses.motion_rooms(START_US) == [KITCHEN]
    assert senses.motion_rooms(START_US + MOTION_HOLD_US - 1) == [KITCHEN]
    assert senses.motion_rooms(START_US + MOTION_HOLD_US) == []
    # It counts again only when it went off in between.
    later = MOTION_HOLD_US / MICROSECONDS
    assert senses.see(at(later + 10, "binary_sensor.kitchen_motion", "on")) is None
    assert senses.motion_rooms(START_US + round((later + 10) * MICROSECONDS)) == []
    senses.see(at(later + 20, "binary_sensor.kitchen_motion", "off"))
    assert senses.see(at(later + 30, "binary_sensor.kitchen_motion", "on")) == KITCHEN
    assert senses.motion_rooms(START_US + round((later + 30) * MICROSECONDS)) == [KITCHEN]


def test_what_stays_on_while_people_are_there_counts_until_it_is_known_to_be_stuck() -> None:
    """Were it left out before, the silence of its room would say that nobody is there."""
    senses = Senses(HOME)
    feed(senses, signals("binary_sensor.kitchen_motion", 20, 60))
    feed(senses, [at(0, "binary_sensor.kitchen_motion", "on"), at(0, "binary_sensor.bed", "on")])
    assert senses.motion_rooms(START_US + 20 * 60 * MINUTE_US) == [KITCHEN]
    assert senses.presence_levels().tolist() == [1]
    senses.ignored = frozenset({"binary_sensor.kitchen_motion", "binary_sensor.bed"})
    assert senses.motion_rooms(START_US + 20 * 60 * MINUTE_US) == []
    assert senses.presence_levels().tolist() == [-1]


@pytest.mark.parametrize("gone", NO_STATES)
def test_motion_that_drops_out_is_no_longer_on(gone: str) -> None:
    senses = Senses(HOME)
    feed(senses, states("binary_sensor.kitchen_motion", "on", gone))
    assert senses.motion_rooms(START_US + 2 * MINUTE_US) == []


def test_presence_within_the_minute_is_remembered_until_it_ends() -> None:
    senses = Senses(HOME)
    feed(senses, [at(0, "binary_sensor.bed", "on"), at(1000, "binary_sensor.bed", "off")])
    feed(senses, [at(1210, "binary_sensor.bed", "on"), at(1220, "binary_sensor.bed", "off")])
    assert senses.presence_levels().tolist() == [1]
    senses.begin_minute()
    assert senses.presence_levels().tolist() == [0]


def test_presence_that_only_pulses_says_nothing_by_its_level() -> None:
    senses = Senses(HOME)
    for number in range(40):
        senses.see(at(100 * number, "binary_sensor.bed", "on"))
        senses.see(at(100 * number + 5, "binary_sensor.bed", "off"))
    assert senses.presence_levels().tolist() == [-1]


def test_a_door_that_bounces_opens_once() -> None:
    door = "binary_sensor.front_door"
    events = [at(0, door, "off")]
    for seconds in (100, 102, 110, 144, 146):
        events += [at(seconds, door, "on"), at(seconds + 1, door, "off")]
    assert [found for found in feed(Senses(HOME), events) if found is not None] == [DOOR, DOOR]
    # Closing is no opening; the first word of all is none either.
    assert feed(Senses(HOME), states(door, "on", "off", "on")) == [None, None, DOOR]


def test_doors_within_the_home_count_either_way() -> None:
    found = feed(Senses(HOME), states("binary_sensor.bedroom_door", "off", "on", "off"))
    assert found == [None, BEDROOM, BEDROOM]


def test_chatter_of_one_state_is_heard_once() -> None:
    senses = Senses(HOME)
    events = [at(n / 10, "binary_sensor.hall_motion", "on") for n in range(50)]
    assert [found for found in feed(senses, events) if found is not None] == [HALL]


def test_late_and_repeated_events_do_not_turn_back_a_state() -> None:
    senses = Senses(HOME)
    events = [at(0, "light.kitchen", "off"), at(60, "light.kitchen", "on"), at(120, "light.kitchen", "off")]
    feed(senses, events)
    assert feed(senses, events) == [None, None, None]
    assert not senses.is_on("light.kitchen")
    # Two words of the same moment: the later said stands.
    feed(senses, [at(180, "light.kitchen", "off"), at(180, "light.kitchen", "on")])
    assert senses.is_on("light.kitchen")


@pytest.mark.parametrize(
    "odd", ["ON", "detected", "1", "nan", "inf", "-inf", "1e999", "🙂", "x" * 255, "none"]
)
def test_odd_states_do_no_harm(odd: str) -> None:
    senses = Senses(HOME)
    for sensor in HOME.sensors:
        feed(senses, states(sensor.entity_id, "off", odd))
    now_us = START_US + 2 * MINUTE_US
    assert senses.motion_rooms(now_us) == []
    assert senses.presence_levels().tolist() == [-1]
    value = senses.value("sensor.bedroom_co2")
    assert value == (1.0 if odd == "1" else None)


def test_strangers_are_not_heard() -> None:
    senses = Senses(HOME)
    assert feed(senses, states("light.neighbour", "off", "on")) == [None, None]
    assert not senses.is_on("light.neighbour")


_EVENTS = st.lists(
    st.builds(
        at,
        st.integers(0, 4000),
        st.sampled_from([sensor.entity_id for sensor in HOME.sensors]),
        st.sampled_from(["on", "off", "home", "not_home", "21.5", *NO_STATES]),
        cause=st.sampled_from(Cause),
    ),
    max_size=60,
)


@settings(max_examples=40, deadline=None)
@given(_EVENTS, st.integers(0, 60))
def test_saved_and_restored_senses_go_on_alike(events: list[Event], saved_at: int) -> None:
    events = sorted(events, key=lambda event: event.time_us)
    one = Senses(HOME)
    feed(one, events[:saved_at])
    other = Senses(HOME)
    other.restore(json.loads(json.dumps(one.to_json())))
    assert feed(one, events[saved_at:]) == feed(other, events[saved_at:])
    now_us = START_US + 4001 * MICROSECONDS
    assert one.motion_rooms(now_us) == other.motion_rooms(now_us)
    assert one.presence_levels().tolist() == other.presence_levels().tolist()
    assert one.persons_home() == other.persons_home()
    assert one.to_json() == other.to_json()
