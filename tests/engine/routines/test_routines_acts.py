"""A day as the detectors see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, MICROSECONDS, Cause, Event, Origin
from custom_components.occupancy_ml.engine.home import Role, Sensor
from custom_components.occupancy_ml.engine.routines.acts import Day, pack_acts, renamed, unpack_acts
from custom_components.occupancy_ml.engine.routines.calendar import holidays_of
from custom_components.occupancy_ml.engine.routines.cast import Cast
from custom_components.occupancy_ml.engine.routines.patterns import Act
from custom_components.occupancy_ml.engine.routines.reading import CHATTER, read_day
from tests.engine.routines.homes import CLOCK, FIRST, HOME, at, ordered, pulse, store_with

CAST = Cast(HOME)


def read(path: Path, events: list[Event], day: date = FIRST) -> Day:
    store = store_with(path / "home.db", ordered(events))
    try:
        return [part for part in read_day(store.events, CAST, CLOCK, day) if part is not None][-1]
    finally:
        store.close()


def named(day: Day) -> list[tuple[str, str, int]]:
    acts = day.acts
    return [
        (acts.tokens[token].entity_id, acts.tokens[token].state, minute)
        for token, minute in zip(acts.token.tolist(), acts.minute.tolist(), strict=True)
    ]


def test_acts_are_what_hands_do_and_arrivals(tmp_path: Path) -> None:
    events = pulse("light.hall", at(FIRST, 60), 600)
    events += pulse("media_player.tv", at(FIRST, 90), 600, states=("playing", "paused"))
    # Two signals of one stay are one arrival; after a quiet while it is another.
    events += pulse("binary_sensor.hall_motion", at(FIRST, 120), 20)
    events += pulse("binary_sensor.hall_motion", at(FIRST, 122), 20)
    events += pulse("binary_sensor.hall_motion", at(FIRST, 140), 20)
    events.append(Event(at(FIRST, 150), "sensor.outside", "21.5", "21.4", cause=Cause.DEVICE))
    assert named(read(tmp_path, events)) == [
        ("light.hall", "on", 60),
        ("light.hall", "off", 70),
        ("media_player.tv", "on", 90),
        ("media_player.tv", "off", 100),
        ("binary_sensor.hall_motion", "on", 120),
        ("binary_sensor.hall_motion", "on", 140),
    ]


@pytest.mark.parametrize("state", ["unavailable", "unknown"])
def test_coming_back_is_no_act(tmp_path: Path, state: str) -> None:
    events = pulse("light.hall", at(FIRST, 60), 600)
    events.append(Event(at(FIRST, 80), "light.hall", state, "off"))
    events.append(Event(at(FIRST, 90), "light.hall", "on", state))
    assert len(named(read(tmp_path, events))) == 2


def test_what_is_told_first_counts_only_if_somebody_is_known_to_have_done_it(tmp_path: Path) -> None:
    told = [
        Event(at(FIRST, 60), "light.hall", "on"),
        Event(at(FIRST, 61), "light.den", "on", "off", cause=Cause.PERSON),
        Event(at(FIRST, 62), "switch.coffee", "on", origin=Origin.IMPORT),
    ]
    assert [entity_id for entity_id, _, _ in named(read(tmp_path, told))] == ["light.den", "switch.coffee"]


def test_the_day_before_tells_what_was_on(tmp_path: Path) -> None:
    yesterday = FIRST - timedelta(days=1)
    events = pulse("light.hall", at(yesterday, 1400), 100 * 60)
    day = read(tmp_path, events)
    assert named(day) == [("light.hall", "off", 60)]
    assert day.spans.seconds.tolist() == [6000.0]
    assert day.spans.minute.tolist() == [1400]
    assert day.events == 1


def test_automations_are_marked_and_their_ends_are_nobodys(tmp_path: Path) -> None:
    events = pulse("light.hall", at(FIRST, 60), 600, Cause.AUTOMATION)
    day = read(tmp_path, events)
    assert day.acts.automatic.all()
    assert not day.spans.by_hand.any()


def test_a_workday_sensor_of_any_name_is_a_condition_and_no_act(tmp_path: Path) -> None:
    cast = Cast(replace(HOME, sensors=(*HOME.sensors, Sensor("input_boolean.shift", Role.WORKDAY))))
    store = store_with(tmp_path / "home.db", [])
    store.events.append(
        [Event(at(FIRST, 30), "input_boolean.shift", "off", "on")],
        {"input_boolean.shift": (Role.WORKDAY, None)},
    )
    day = [part for part in read_day(store.events, cast, CLOCK, FIRST) if part is not None][-1]
    store.close()
    assert cast.workdays == {"input_boolean.shift"}
    assert day.sky["input_boolean.shift"][-1][1] == "off"
    assert named(day) == []


@pytest.mark.parametrize(
    ("ada", "bo", "is_holiday"),
    [
        (("off",), ("off",), True),
        (("on",), ("off",), False),
        (("off",), ("on",), False),
        # Who corrected himself by noon meant it; who is not heard does not object.
        (("on", "off"), ("off",), True),
        (("off",), ("unavailable",), True),
        (("unavailable",), ("unavailable",), False),
    ],
)
def test_a_holiday_is_nobodys_workday(
    tmp_path: Path, ada: tuple[str, ...], bo: tuple[str, ...], is_holiday: bool
) -> None:
    shifts = {"input_boolean.ada": ada, "input_boolean.bo": bo}
    home = replace(HOME, sensors=tuple(Sensor(each, Role.WORKDAY) for each in shifts))
    events = [
        Event(at(FIRST, 60 * n), each, state)
        for each, states in shifts.items()
        for n, state in enumerate(states)
    ]
    # After noon it is too late.
    events += [Event(at(FIRST, 721), each, "on") for each in shifts]
    store = store_with(tmp_path / "home.db", ordered(events), home)
    cast = Cast(home)
    day = [part for part in read_day(store.events, cast, CLOCK, FIRST) if part is not None][-1]
    store.aggregates.replace("acts_daily", FIRST.isoformat(), [{"events": 0, "acts": pack_acts(day)}])
    found = holidays_of(store.aggregates, cast, [FIRST])
    store.close()
    assert found == ({FIRST} if is_holiday else set())


def test_chatter_is_left_out(tmp_path: Path) -> None:
    events = pulse("switch.coffee", at(FIRST, 1), 20)
    for number in range(CHATTER + 1):
        events += pulse("light.hall", at(FIRST, 10 + 5 * number), 60)
    assert {entity_id for entity_id, _, _ in named(read(tmp_path, events))} == {"switch.coffee"}


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_minutes_are_those_of_the_clock_when_it_changes(tmp_path: Path, day: date, hours: int) -> None:
    start_us, end_us = CLOCK.day_bounds(day)
    evening_us = end_us - 2 * 3600 * MICROSECONDS
    found = read(tmp_path, pulse("light.hall", evening_us, 60), day)
    assert found.length_ms == hours * 3_600_000
    assert named(found)[0] == ("light.hall", "on", 22 * 60)
    assert found.acts.at_ms[0] == (evening_us - start_us) // 1000


def test_a_day_comes_back_as_it_was_packed(tmp_path: Path) -> None:
    events = [
        *pulse("light.hall", at(FIRST, 60), 600),
        Event(at(FIRST, 30), "person.ada", "not_home", "home"),
    ]
    day = read(tmp_path, events)
    again = unpack_acts(pack_acts(day), day.events)
    assert (again.day, again.length_ms, again.events, again.sky) == (day.day, day.length_ms, 3, day.sky)
    assert again.acts.tokens == day.acts.tokens
    for name in ("at_ms", "minute", "token", "automatic"):
        assert np.array_equal(getattr(again.acts, name), getattr(day.acts, name))


def test_a_renamed_entity_is_joined_with_what_its_new_id_did(tmp_path: Path) -> None:
    events = [
        *pulse("light.hall", at(FIRST, 60), 600),
        *pulse("light.bedroom", at(FIRST, 300), 600),
        *pulse("switch.coffee", at(FIRST, 400), 60),
        Event(at(FIRST, 30), "person.ada", "not_home", "home"),
    ]
    day = read(tmp_path, events)
    new = {"switch.coffee": "light.hall", "person.ada": "person.eve"}
    found = day
    for old, name in new.items():
        again = renamed(found, old, name)
        assert again is not None
        found = again
    assert named(found) == [
        (new.get(entity_id, entity_id), state, minute) for entity_id, state, minute in named(day)
    ]
    assert list(found.acts.tokens) == sorted(set(found.acts.tokens))
    assert found.sky["person.eve"] == day.sky["person.ada"]
    assert "person.ada" not in found.sky
    assert renamed(day, "light.nowhere", "light.hall") is None


def test_an_answer_is_a_hand_in_reach_and_not_the_same_thing() -> None:
    tokens = [Act(s.entity_id, "on") for s in HOME.sensors]
    place = {act.entity_id: number for number, act in enumerate(tokens)}
    allowed = CAST.may_follow(tokens)

    def may(first: str, then: str) -> bool:
        return bool(allowed[place[first], place[then]])

    assert may("light.hall", "light.den")
    assert may("binary_sensor.hall_motion", "light.hall")
    assert not may("binary_sensor.hall_motion", "light.den")  # seen elsewhere
    assert not may("light.hall", "binary_sensor.hall_motion")  # nobody switches a sight
    assert not may("light.den", "switch.den_socket")  # one device
    assert not may("light.den", "light.den")


def test_a_day_is_read_in_slices(tmp_path: Path) -> None:
    store = store_with(tmp_path / "home.db", ordered(pulse("light.hall", at(FIRST, 60), 60)))
    parts = list(read_day(store.events, CAST, CLOCK, FIRST))
    store.close()
    assert len(parts) > DAY_US // (DAY_US // 12)
    assert [part is None for part in parts] == [True] * (len(parts) - 1) + [False]
