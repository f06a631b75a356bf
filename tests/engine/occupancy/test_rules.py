"""The rules a home has without us, and a baseline in the place of a model."""

from __future__ import annotations

from hypothesis import given, strategies as st
import numpy as np
import pytest
from scipy.special import logit

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES
from custom_components.occupancy_ml.engine.occupancy.explain import Recency
from custom_components.occupancy_ml.engine.occupancy.predictor import Predictor
from custom_components.occupancy_ml.engine.occupancy.rules import (
    HOME_RULES,
    PRIOR,
    ROOM_RULES,
    TIMEOUTS,
    Baseline,
    home_rules,
    room_rules,
    says,
    words,
)
from custom_components.occupancy_ml.engine.snapshot import RoomState, Source
from tests.engine.living import START_US, flat

HOME = flat()
NEVER = 10**18


@given(st.integers(0, 3600), st.integers(0, 3600), st.booleans())
def test_a_room_by_its_rules(here_s: int, elsewhere_s: int, on: bool) -> None:
    mask = room_rules(here_s * MICROSECONDS, elsewhere_s * MICROSECONDS, on)
    expected = {name: on or here_s < 60 * minutes for name, minutes in TIMEOUTS.items()}
    expected["last_room"] = here_s <= elsewhere_s
    assert {name: says(name, mask) for name in ROOM_RULES} == expected
    assert {name: says(f"{name}_calibrated", mask) for name in ROOM_RULES} == expected


@given(st.integers(0, 3600), st.booleans(), st.booleans())
def test_a_home_by_its_rules(since_s: int, on: bool, person: bool) -> None:
    mask = home_rules(since_s * MICROSECONDS, on, person)
    expected = {name: on or since_s < 60 * minutes for name, minutes in TIMEOUTS.items()}
    assert {name: says(name, mask) for name in HOME_RULES} == {**expected, "persons": person}


def test_where_nothing_ever_fired_no_rule_says_occupied() -> None:
    assert room_rules(NEVER, NEVER, on=False) == home_rules(NEVER, on=False, person_home=False) == 0


def test_a_rule_has_plain_words() -> None:
    assert words("motion_1m_calibrated") == "motion within 1 minute"
    assert words("motion_30m") == "motion within 30 minutes"
    assert words(PRIOR) == "time of day"


def kitchen(predictor: Predictor, now_us: int, here_us: int) -> RoomState:
    recency = Recency(here_us, 2 * MINUTE_US, NEVER, motion_on=False, presence_on=False)
    vectors = np.zeros((3, len(FEATURE_NAMES)))
    rooms = dict.fromkeys((room.room_id for room in HOME.rooms), recency)
    return predictor.predict(now_us, vectors, rooms)["kitchen"]


def test_a_baseline_speaks_for_the_model_and_says_why() -> None:
    predictor = Predictor(HOME)
    plain = kitchen(predictor, START_US, 4 * MINUTE_US)
    assert plain.source is Source.PRIOR
    predictor.baselines = {"kitchen": Baseline("motion_5m_calibrated", 0.4, 0.02, (), "because")}
    on, off = kitchen(predictor, START_US, 4 * MINUTE_US), kitchen(predictor, START_US, 6 * MINUTE_US)
    # It switches as the rule does, however unsure the rule is; the model is still told beside it.
    assert (on.probability, on.occupied, on.source, on.unknown_reason) == (
        0.4,
        True,
        Source.BASELINE,
        "because",
    )
    assert (off.probability, off.occupied) == (0.02, False)
    assert on.model == plain.model == plain.probability
    assert [reason.text for reason in on.reasons] == ["the rule 'motion within 5 minutes' says occupied"]
    assert on.reasons[0].contribution == pytest.approx(logit(0.4))
    predictor.correct("kitchen", False, START_US, START_US + MINUTE_US)
    assert kitchen(predictor, START_US, 4 * MINUTE_US).source is Source.CORRECTION


def test_the_time_of_day_goes_by_the_clock_on_the_wall() -> None:
    predictor = Predictor(HOME)
    hours = tuple(0.9 if half_hour == 18 else 0.1 for half_hour in range(48))
    predictor.baselines = {"kitchen": Baseline(PRIOR, 0.0, 0.0, hours, "because")}
    # START_US is nine o'clock in Berlin.
    shown = [kitchen(predictor, START_US + minutes * MINUTE_US, 0) for minutes in (-1, 0, 29, 30)]
    assert [state.probability for state in shown] == [0.1, 0.9, 0.9, 0.1]
    assert [state.occupied for state in shown] == [False, True, True, False]
