"""Sentences and automations; Home Assistant's own validation of them is in tests/test_automations.py."""

from __future__ import annotations

import pytest

from custom_components.occupancy_ml.engine.routines.patterns import Act
from custom_components.occupancy_ml.engine.routines.suggestions.backtest import Backtest
from custom_components.occupancy_ml.engine.routines.suggestions.candidates import span_of_hours
from custom_components.occupancy_ml.engine.routines.suggestions.compose import (
    CannotComposeError,
    Names,
    automation,
    evidence,
    sentence,
)
from custom_components.occupancy_ml.engine.routines.suggestions.proposal import (
    WEEKEND,
    WORKDAYS,
    AtTime,
    Becomes,
    HomeBecomes,
    Proposal,
    RoomBecomes,
)

NAMES = Names(
    {"light.lamp": "Reading lamp", "binary_sensor.hall": "Hall motion"},
    {"den": "Den"},
    {"den": "binary_sensor.den_occupancy"},
)
LAMP = Act("light.lamp", "on")


@pytest.mark.parametrize(
    ("proposal", "words"),
    [
        (Proposal(AtTime(1145), LAMP, 60, WORKDAYS), "At 19:05 on weekdays, turn on Reading lamp."),
        (
            Proposal(AtTime(5), LAMP, 60, WEEKEND, someone_home=True),
            "At 00:05 at weekends, turn on Reading lamp if somebody is home.",
        ),
        (
            Proposal(
                Becomes("binary_sensor.hall", "on"),
                LAMP,
                60,
                hours=(1080, 1380),
                given=(("sun.sun", "below_horizon"),),
            ),
            "When Hall motion turns on, turn on Reading lamp if it is dark and it is between 18:00 and 23:00.",
        ),
        (
            Proposal(Becomes("fan.bath", "on", 1200), Act("fan.bath", "off"), 60),
            "When bath turns on and stays so for 20 minutes, turn off bath.",
        ),
        (
            Proposal(AtTime(470), Act("light.kitchen", "off"), 60),
            "At 07:50 every day, turn off kitchen light.",
        ),
        (
            Proposal(RoomBecomes("den", True), LAMP, 60, frozenset({0, 2})),
            "When Den becomes occupied on Mondays, Wednesdays, turn on Reading lamp.",
        ),
        (
            Proposal(HomeBecomes(False), Act("climate.den", "off"), 60),
            "When the last person leaves, turn off den.",
        ),
        (
            Proposal(Becomes("sun.sun", "below_horizon"), LAMP, 60),
            "When the sun has set, turn on Reading lamp.",
        ),
    ],
)
def test_sentences(proposal: Proposal, words: str) -> None:
    assert sentence(proposal, NAMES) == words
    assert words in automation(proposal, NAMES)["description"]
    assert Proposal.from_json(proposal.to_json()) == proposal


def test_an_automation_names_the_rooms_own_entity() -> None:
    made = automation(Proposal(RoomBecomes("den", False, 600), Act("light.lamp", "off"), 60), NAMES)
    assert made["triggers"] == [
        {
            "trigger": "state",
            "entity_id": "binary_sensor.den_occupancy",
            "to": "off",
            "not_from": ["unavailable", "unknown"],
            "for": "00:10:00",
        }
    ]
    with pytest.raises(CannotComposeError):
        automation(Proposal(RoomBecomes("attic", True), LAMP, 60), NAMES)
    with pytest.raises(CannotComposeError):
        automation(Proposal(AtTime(0), Act("sensor.x", "12"), 60), NAMES)


def test_evidence_is_told_in_words() -> None:
    tested = Backtest(27.6, tuple(range(14)), (1,))
    assert evidence(tested) == (
        "In the last 28 days it would have run 15 times; 14 of them you did the same anyway, 1 you did not."
    )


@pytest.mark.parametrize(
    ("hours", "span"),
    [
        ((), None),
        ((18, 19, 20), (1080, 1260)),
        ((22, 23, 0, 1), (1320, 120)),
        ((7,), (420, 480)),
        ((23,), (1380, 0)),
        ((0, 6, 12, 18), None),
        (tuple(range(24)), None),
    ],
)
def test_the_shortest_span_around_the_clock(hours: tuple[int, ...], span: tuple[int, int] | None) -> None:
    assert span_of_hours(hours) == span


def test_a_proposal_that_can_never_fire_is_refused() -> None:
    with pytest.raises(ValueError, match="day"):
        Proposal(AtTime(0), LAMP, 60, frozenset())
    with pytest.raises(ValueError, match="time"):
        Proposal(AtTime(0), LAMP, 0)
