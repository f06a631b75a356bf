"""Labels told outright, and those of hindsight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US, Event
from custom_components.occupancy_ml.engine.home import Home, Role, Room, Sensor
from custom_components.occupancy_ml.engine.labels.direct import away_labels, reference_labels
from custom_components.occupancy_ml.engine.labels.episodes import episodes_of
from custom_components.occupancy_ml.engine.labels.hindsight import WEIGHT, hindsight_labels
from custom_components.occupancy_ml.engine.store.labels import LabelSource
from custom_components.occupancy_ml.engine.whereabouts import Hindsight
from custom_components.occupancy_ml.engine.whereabouts.model import Counts
from tests.engine.living import START_US, at

HOME = Home(
    "UTC",
    (Room("hall"), Room("den")),
    (
        Sensor("input_boolean.den", Role.REFERENCE, "den"),
        Sensor("person.ada", Role.PERSON),
        Sensor("person.bo", Role.PERSON),
    ),
)
END_US = START_US + 1000 * MICROSECONDS


def spans(labels: object) -> list[tuple[str, int, int, float]]:
    assert isinstance(labels, list)
    return [
        (
            label.room_id,
            (label.start_us - START_US) // MICROSECONDS,
            (label.end_us - START_US) // MICROSECONDS,
            label.target,
        )
        for label in labels
    ]


def test_a_reference_is_believed_while_it_says_on_or_off() -> None:
    den = "input_boolean.den"
    events = [
        at(100, den, "on"),
        at(300, den, "unavailable"),
        at(400, den, "off"),
        at(700, "person.ada", "home"),
    ]
    found = reference_labels(HOME, events, {den: at(-50, den, "off")}, START_US, END_US)
    assert spans(found) == [("den", 0, 100, 0.0), ("den", 100, 300, 1.0), ("den", 400, 1000, 0.0)]
    assert {(label.source, label.known_at_us) for label in found} == {(LabelSource.REFERENCE, END_US)}
    # What was before is not made up.
    assert spans(reference_labels(HOME, events[:1], {}, START_US, END_US)) == [("den", 100, 1000, 1.0)]


def test_several_references_of_a_room_speak_with_one_voice() -> None:
    """As the live judge hears them: occupied where any says so, vacant where all that are known say that."""
    left, right = "binary_sensor.bed_left", "binary_sensor.bed_right"
    home = replace(HOME, sensors=tuple(Sensor(each, Role.REFERENCE, "den") for each in (left, right)))
    events = [
        at(100, left, "on"),
        at(200, right, "on"),
        at(300, left, "off"),
        at(400, right, "off"),
        at(500, left, "unavailable"),
        at(600, right, "unknown"),
        at(700, left, "on"),
    ]
    before = {each: at(-9, each, "off") for each in (left, right)}
    assert spans(reference_labels(home, events, before, START_US, END_US)) == [
        ("den", 0, 100, 0.0),
        ("den", 100, 400, 1.0),
        ("den", 400, 600, 0.0),
        ("den", 700, 1000, 1.0),
    ]


def test_every_room_is_vacant_only_while_all_are_away() -> None:
    events = [
        at(100, "person.ada", "not_home"),
        at(200, "person.bo", "work"),
        at(400, "person.ada", "unavailable"),
        at(500, "person.ada", "school"),
        at(900, "person.bo", "home"),
    ]
    before = {f"person.{name}": at(-9, f"person.{name}", "home") for name in ("ada", "bo")}
    found = away_labels(HOME, events, before, START_US, END_US)
    assert spans(found) == [
        (room, *span, 0.0) for span in ((200, 400), (500, 900)) for room in ("hall", "den")
    ]
    assert away_labels(HOME, events, {}, START_US, END_US)[0].start_us == START_US + 200 * MICROSECONDS
    # Of a person nothing was ever heard of nobody knows where they are.
    assert away_labels(HOME, events[:1], {}, START_US, END_US) == []
    alone = Home("UTC", HOME.rooms, ())
    assert away_labels(alone, events, before, START_US, END_US) == []


def found_of(chances: list[list[float]], lengths: list[int]) -> Hindsight:
    first = START_US // MINUTE_US
    ends = first + np.cumsum(lengths) - 1
    nothing = Counts(np.zeros((2, 2)), np.zeros((2, 3, 2, 2)), np.zeros((0, 2, 2)))
    occupied = np.array(chances)
    return Hindsight(ends, np.array(lengths), occupied, occupied.max(axis=1), nothing, 0.0)


def test_windows_take_the_chance_at_their_last_minute_and_equal_ones_are_joined() -> None:
    found = found_of([[0.97, 0.0]] * 10 + [[0.52, 0.0]] + [[0.03, 1.0]] * 4, [1] * 15)
    labels = hindsight_labels(found, ["hall", "den"], START_US, START_US + 15 * MINUTE_US, START_US + 99)
    assert spans(labels) == [
        ("hall", 0, 600, 0.95),
        ("hall", 600, 900, 0.05),
        ("den", 0, 600, 0.0),
        ("den", 600, 900, 1.0),
    ]
    assert {(label.weight, label.known_at_us) for label in labels} == {(WEIGHT, START_US + 99)}
    assert hindsight_labels(found, ["hall", "den"], START_US + MINUTE_US, START_US + 5 * MINUTE_US, 0) == []


def test_episodes_cover_the_span_without_a_gap() -> None:
    found = found_of([[0.9, 0.1], [0.8, 0.6], [0.2, 0.7], [0.1, 0.5]], [1, 5, 2, 4])
    hall, den = (episodes_of(found, found.occupied[:, n], room) for n, room in enumerate(("hall", "den")))
    minutes = [
        [(e.start_us - START_US) // MINUTE_US, (e.end_us - START_US) // MINUTE_US, e.occupied] for e in hall
    ]
    assert minutes == [[0, 6, True], [6, 12, False]]
    assert [e.occupied for e in den] == [False, True]
    assert den[0].end_us == den[1].start_us
    (certainty,) = {
        getattr(hall[0], name)
        for name in ("certainty", "confidence", "probability")
        if hasattr(hall[0], name)
    }
    assert certainty == pytest.approx((0.9 + 5 * 0.8) / 6)


def test_events_of_other_entities_do_not_matter() -> None:
    noise = [Event(START_US + n, "light.hall", "on") for n in range(5)]
    assert reference_labels(HOME, noise, {}, START_US, END_US) == []
