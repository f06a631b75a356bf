"""What is shown of a room: model or prior, corrections above all, a steady switch, reasons in words."""

from __future__ import annotations

from dataclasses import replace
import json
import re

import numpy as np
from numpy.typing import NDArray
import pytest
from scipy.special import expit, logit

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES
from custom_components.occupancy_ml.engine.home import Role
from custom_components.occupancy_ml.engine.occupancy.calibration import Calibration
from custom_components.occupancy_ml.engine.occupancy.explain import Recency, group_of
from custom_components.occupancy_ml.engine.occupancy.model import RoomModel
from custom_components.occupancy_ml.engine.occupancy.predictor import Predictor
from custom_components.occupancy_ml.engine.occupancy.rhythm import SLOTS
from custom_components.occupancy_ml.engine.occupancy.switch import switch
from custom_components.occupancy_ml.engine.snapshot import RoomState, Source, ago
from tests.engine.living import START_US, flat

Floats = NDArray[np.float64]
HOME = flat()
ROOMS = [room.room_id for room in HOME.rooms]
QUIET = Recency(
    600 * MICROSECONDS, 120 * MICROSECONDS, 9000 * MICROSECONDS, motion_on=False, presence_on=False
)


def vectors(*odds: float, **more: float) -> Floats:
    """(3, d): what the filter says of each room, and features of all."""
    out = np.zeros((3, len(FEATURE_NAMES)))
    out[:, FEATURE_NAMES.index("whereabouts")] = odds or (0.0, 0.0, 0.0)
    for name, value in more.items():
        out[:, FEATURE_NAMES.index(name)] = value
    return out


def model(intercept: float = 0.0, calibration: Calibration | None = None, **weights: float) -> RoomModel:
    size = len(FEATURE_NAMES) + 1  # the last is the rhythm
    coefficients = np.zeros(size)
    for name, value in weights.items():
        coefficients[FEATURE_NAMES.index(name)] = value
    return RoomModel(
        np.zeros(size), np.ones(size), coefficients, intercept, calibration or Calibration(), np.zeros(SLOTS)
    )


def kitchen(
    predictor: Predictor, now_us: int, probability: float, recency: Recency = QUIET, **more: float
) -> RoomState:
    odds = float(logit(probability))
    return predictor.predict(now_us, vectors(0, odds, 0, **more), dict.fromkeys(ROOMS, recency))["kitchen"]


def test_without_a_model_the_filter_speaks_and_says_so() -> None:
    state = kitchen(Predictor(HOME), START_US, 0.7)
    assert state.probability == pytest.approx(0.7)
    assert (state.source, state.trained_at_us) == (Source.PRIOR, None)
    assert state.unknown_reason


def test_a_model_speaks_and_its_reasons_add_up() -> None:
    predictor = Predictor(HOME)
    calibrated = Calibration(0.8, 1.3, 0.2)
    predictor.use("kitchen", model(0.4, calibrated, lights_on=1.5, sin_24h_workday=-0.6), START_US - 1)
    state = kitchen(predictor, START_US, 0.6, lights_on=1.0, sin_24h_workday=0.9)
    score = logit(0.6) + 0.4 + 1.5 - 0.54
    expected = calibrated.apply(np.array([score]))[0]
    assert state.probability == pytest.approx(expit(expected), abs=1e-12)
    assert (state.source, state.trained_at_us, state.unknown_reason) == (Source.MODEL, START_US - 1, None)
    assert sum(reason.contribution for reason in state.reasons) == pytest.approx(expected, abs=1e-9)
    predictor.retire("kitchen")
    assert kitchen(predictor, START_US, 0.6).source is Source.PRIOR


def test_reasons_are_sorted_and_in_words() -> None:
    predictor = Predictor(HOME)
    weights = dict.fromkeys(FEATURE_NAMES, 0.3) | {"recency_here": -2.0, "carbon_dioxide_rise": 1.1}
    predictor.use("kitchen", model(0.5, None, **weights), START_US)
    for motion in (False, True):
        for here in (1, 50_000, 10**12):
            recency = Recency(here * MICROSECONDS, 10**18, 10**18, motion_on=motion, presence_on=not motion)
            for chance in (0.1, 0.9):
                state = kitchen(predictor, START_US, chance, recency, **dict.fromkeys(FEATURE_NAMES[1:], 1.0))
                sizes = [abs(reason.contribution) for reason in state.reasons]
                assert sizes == sorted(sizes, reverse=True)
                assert min(sizes[:-1]) >= 0.05  # what is smaller stands together
                expected = model(0.5, None, **weights).predict(
                    vectors(*[float(logit(chance))] * 3, **dict.fromkeys(FEATURE_NAMES[1:], 1.0)),
                    np.full(3, logit(chance)),
                    np.zeros(3, np.int64),
                )
                total = sum(reason.contribution for reason in state.reasons)
                assert total == pytest.approx(logit(expected[1]), abs=1e-9)
                for reason in state.reasons:
                    assert re.fullmatch(r"[a-z0-9][a-z0-9 ,]+", reason.words({}, ago(START_US))), reason.text
                    assert "_" not in reason.text
                    assert not any(name in reason.text for name in FEATURE_NAMES if "_" in name)


def test_every_feature_belongs_to_a_group_of_reasons() -> None:
    assert {group_of(name) for name in FEATURE_NAMES} >= {"clock", "recent", "elsewhere", "place", "devices"}
    with pytest.raises(ValueError, match="no group"):
        group_of("moon_phase")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (89, "89 s ago"),
        (90, "2 min ago"),
        (5399, "90 min ago"),
        (7200, "2 h ago"),
        (172_800, "2 days ago"),
    ],
)
def test_ago(seconds: int, text: str) -> None:
    assert ago(START_US)(START_US - seconds * MICROSECONDS) == text


def test_a_correction_counts_at_once_and_holds_its_interval() -> None:
    predictor = Predictor(HOME)
    predictor.use("kitchen", model(), START_US)
    until_us = START_US + 30 * MINUTE_US
    for occupied, chance in ((True, 0.02), (False, 0.98)):
        predictor.correct("kitchen", occupied, START_US, until_us)
        for minute in (0, 10, 29):
            loud = Recency(0, 0, 0, motion_on=True, presence_on=False)
            state = kitchen(predictor, START_US + minute * MINUTE_US, chance, loud)
            assert state.source is Source.CORRECTION
            assert state.occupied is occupied
            assert ((state.probability or 0.0) > 0.9) is occupied
            others = predictor.predict(START_US, vectors(), dict.fromkeys(ROOMS, QUIET))
            assert others["hall"].source is Source.PRIOR


def test_a_correction_ends_when_what_happened_later_contradicts_it() -> None:
    predictor = Predictor(HOME)
    until_us = START_US + 5 * MINUTE_US
    predictor.correct("kitchen", True, START_US, until_us)
    assert kitchen(predictor, START_US + MINUTE_US, 0.4).source is Source.CORRECTION
    later_us = START_US + 20 * MINUTE_US
    silent = Recency(10**15, 10**15, 10**15, motion_on=False, presence_on=False)
    acted = Recency(10**15, 3 * MINUTE_US, 10**15, motion_on=False, presence_on=False)
    # Nothing new happened, or it does not contradict: the person's word stands.
    assert kitchen(predictor, later_us, 0.15, silent).source is Source.CORRECTION
    assert kitchen(predictor, later_us, 0.4, acted).source is Source.CORRECTION
    state = kitchen(predictor, later_us, 0.1, acted)
    assert state.source is Source.PRIOR
    assert state.probability == pytest.approx(0.1)
    # Once ended it does not come back.
    assert kitchen(predictor, later_us + MINUTE_US, 0.9, silent).source is Source.PRIOR


def test_no_correction_lasts_for_ever() -> None:
    predictor = Predictor(HOME)
    predictor.correct("kitchen", True, START_US, START_US + MINUTE_US)
    silent = Recency(10**15, 10**15, 10**15, motion_on=False, presence_on=False)
    assert kitchen(predictor, START_US + 11 * 60 * MINUTE_US, 0.4, silent).source is Source.CORRECTION
    assert kitchen(predictor, START_US + 13 * 60 * MINUTE_US, 0.4, silent).source is Source.PRIOR


def test_the_switch_is_steady() -> None:
    predictor = Predictor(HOME)
    # High for a moment is nothing; high for three minutes, or surely high, is.
    chances = [0.2, 0.6, 0.3, 0.6, 0.6, 0.6, 0.6, 0.4, 0.3, 0.95, 0.4, 0.34]
    shown = [
        kitchen(predictor, START_US + n * MINUTE_US, chance).occupied for n, chance in enumerate(chances)
    ]
    assert shown == [*[False] * 6, True, True, False, True, True, False]
    assert [switch(None, 0.5), switch(None, 0.49), switch(True, 0.36), switch(True, 0.34)] == [
        True,
        False,
        True,
        False,
    ]


def test_motion_turns_on_at_once() -> None:
    predictor = Predictor(HOME)
    assert kitchen(predictor, START_US, 0.3).occupied is False
    moving = Recency(0, 10**15, 10**15, motion_on=True, presence_on=False)
    assert kitchen(predictor, START_US + 1, 0.55, moving).occupied is True


def test_the_state_survives_a_restart_and_rooms_that_are_gone_do_not() -> None:
    one = Predictor(HOME)
    one.correct("kitchen", True, START_US, START_US + MINUTE_US)
    one.correct("hall", False, START_US, START_US + MINUTE_US)
    one.why_no_model["bedroom"] = "needs 3 days"
    one.predict(START_US, vectors(0, 2, -2), dict.fromkeys(ROOMS, QUIET))
    other = Predictor(HOME)
    other.restore(json.loads(json.dumps(one.to_json())))
    assert other.to_json() == one.to_json()
    args = (START_US + 2 * MINUTE_US, vectors(0.0, -0.3, 0.1), dict.fromkeys(ROOMS, QUIET))
    assert other.predict(*args) == one.predict(*args)
    smaller = type(HOME)(
        HOME.time_zone, HOME.rooms[:1], tuple(s for s in HOME.sensors if s.room_id == "hall")
    )
    rest = Predictor(smaller)
    rest.restore(json.loads(json.dumps(one.to_json())))
    assert set(rest.predict(START_US, vectors()[:1], {"hall": QUIET})) == {"hall"}
    assert "kitchen" not in json.dumps(rest.to_json())


def said_of(recency: Recency, chance: float, room_names: dict[str, str] | None = None) -> str:
    """The first reason of a kitchen without a model."""
    state = kitchen(Predictor(HOME), START_US, chance, recency)
    return state.reasons[0].words(room_names or {}, ago(START_US))


def test_reasons_name_what_was_noticed_where_and_when() -> None:
    second = MICROSECONDS
    recency = Recency(
        300 * second,
        20 * second,
        10**18,
        motion_on=False,
        presence_on=False,
        here_by=Role.LIGHT,
        elsewhere="hall_2",
        elsewhere_by=Role.MOTION,
    )
    assert said_of(recency, 0.1, {"hall_2": "Upper hall"}) == "motion in Upper hall 20 s ago"
    assert said_of(recency, 0.1) == "motion in hall 2 20 s ago"
    assert said_of(recency, 0.8) == "a light was switched here 5 min ago, and somebody may still be here"
    last = replace(recency, elsewhere_us=400 * second)
    assert said_of(last, 0.8) == "a light was switched here 5 min ago, and nobody has left since"
    door = replace(recency, door_us=5 * second)
    assert said_of(door, 0.1) == "an outer door opened 5 s ago, and nothing moved since"


def test_every_reason_says_which_way_it_points() -> None:
    """A person reads no contributions: the same words for and against would tell nothing."""
    both = []
    for sign in (1.0, -1.0):
        predictor = Predictor(HOME)
        weights = {
            name: sign for name in FEATURE_NAMES if group_of(name) not in ("recent", "elsewhere", "door")
        }
        predictor.use("kitchen", model(sign, None, **weights), START_US)
        ones = {name: 1.0 for name in weights if name != "whereabouts"}
        kitchen(predictor, START_US, 0.7, QUIET, **ones)
        predictor.judge("kitchen", sign > 0, 1.0)
        state = kitchen(predictor, START_US, 0.7, QUIET, **ones)
        both.append({reason.text for reason in state.reasons if reason.contribution * sign > 0})
    assert len(both[0]) > 5
    assert not both[0] & both[1] - {"other small signs"}


def test_at_night_a_bedroom_is_said_to_be_slept_in() -> None:
    predictor = Predictor(HOME)
    predictor.use("kitchen", model(sin_24h_workday=2.0), START_US)
    for bedtime, text in ((True, "usually asleep now"), (False, "usually occupied at this time")):
        recency = replace(QUIET, bedtime=bedtime)
        state = kitchen(predictor, START_US, 0.5, recency, sin_24h_workday=1.0)
        assert text in [reason.text for reason in state.reasons]


def test_what_a_person_said_comes_first_and_the_sum_still_holds() -> None:
    predictor = Predictor(HOME)
    predictor.correct("kitchen", False, START_US - 120 * MICROSECONDS, START_US + MINUTE_US)
    state = kitchen(predictor, START_US, 0.9)
    assert state.reasons[0].words({}, ago(START_US)) == "you said 2 min ago that nobody is here"
    total = sum(reason.contribution for reason in state.reasons)
    assert total == pytest.approx(logit(state.probability), abs=1e-9)
