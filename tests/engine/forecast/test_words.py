"""Features of forecasts in the words in which people read of them."""

from __future__ import annotations

import re

from custom_components.occupancy_ml.engine.forecast.moments import Layout
from custom_components.occupancy_ml.engine.forecast.words import words_of
from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP

LAYOUT = Layout(("living_room", HOME, SLEEP), (), ("sensor.phone_next_alarm",))


def test_every_feature_has_words_of_its_kind() -> None:
    for name in LAYOUT.feature_names:
        (words,) = words_of([name])
        if name in LAYOUT.context:
            assert words == f"what {name} says"
        else:
            assert re.fullmatch("[a-z ]+", words), (name, words)
            assert not words.startswith("what "), name


def test_what_reads_the_same_stands_once_and_in_order() -> None:
    told = words_of(["reservoir_3", "chance_living_room", "reservoir_11", f"chance_{SLEEP}"])
    assert told == ("the course of the day", "when living room is used", "when people sleep")
