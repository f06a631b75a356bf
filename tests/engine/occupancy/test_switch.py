"""When a room switches: by costs, at once for what is sensed or told, and as its own past taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import json
from pathlib import Path

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.home import Preference, Room
from custom_components.occupancy_ml.engine.occupancy.switch import (
    COSTS,
    SETTINGS,
    Setting,
    SwitchState,
    threshold,
)
from custom_components.occupancy_ml.engine.occupancy.switch_learning import SwitchLearner, _Switches
from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.labels import Label, LabelSource
from tests.engine.living import START_US

ROOMS = (Room("kitchen"), Room("hall", preference=Preference.COMFORT))


def test_the_threshold_is_where_both_states_cost_the_same() -> None:
    for preference, (missed, false) in COSTS.items():
        chance = threshold(preference)
        assert chance * missed == pytest.approx((1 - chance) * false)
    assert threshold(Preference.COMFORT) < threshold(Preference.BALANCED) < threshold(Preference.ENERGY)


@pytest.mark.parametrize("preference", Preference)
def test_what_is_told_counts_at_once_and_what_is_sensed_turns_on_at_once(preference: Preference) -> None:
    slow = Setting(confirm=5, drop=0.35, hold=20)
    on_from = threshold(preference)
    off, on = SwitchState(on=False), SwitchState(on=True)
    high = on_from + 0.01
    assert off.next(slow, on_from, high, START_US, sensed=True, told=False).on
    assert off.next(slow, on_from, 0.98, START_US, sensed=False, told=True).on
    assert not on.next(slow, on_from, 0.02, START_US, sensed=True, told=True).on
    assert not off.next(slow, on_from, high, START_US, sensed=False, told=False).on


def test_it_waits_by_the_clock_however_often_it_is_asked() -> None:
    setting = Setting(confirm=3, drop=0.5, hold=10)
    state = SwitchState(on=True)
    for second in range(0, 601, 7):
        state = state.next(setting, 0.5, 0.1, START_US + second * 1_000_000, sensed=False, told=False)
        assert state.on
    state = state.next(setting, 0.5, 0.3, START_US + 601_000_000, sensed=False, told=False)
    assert state == SwitchState(on=True)  # it began anew
    assert state.next(setting, 0.5, 0.1, START_US + 900_000_000, sensed=False, told=False).on


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 100), st.booleans()), min_size=1, max_size=60),
    st.sampled_from(Preference),
)
def test_all_ways_at_once_are_the_one_rule(steps: list[tuple[int, bool]], preference: Preference) -> None:
    on_from = threshold(preference)
    together = _Switches(np.array([on_from]))
    known = np.array([True])
    singly: list[SwitchState] | None = None
    for minute, (percent, sensed) in enumerate(steps):
        p = percent / 100
        on, _ = together.step(np.array([p]), np.array([sensed]), known)
        if singly is None:
            singly = [SwitchState(p >= on_from)] * len(SETTINGS)
        else:
            singly = [
                state.next(setting, on_from, p, minute * MINUTE_US, sensed=sensed, told=False)
                for state, setting in zip(singly, SETTINGS, strict=True)
            ]
        assert on[0].tolist() == [state.on for state in singly]


# --- learning


def teach(
    learner: SwitchLearner, store: Store, days: int, chances: Sequence[float], truth: Sequence[float]
) -> None:
    """Live days on which the minutes of a pattern repeat, with a night after each."""
    minute = START_US // MINUTE_US
    for _ in range(days):
        labels: list[Label] = []
        for n in range(1440):
            now_us = (minute + n) * MINUTE_US
            for room in ROOMS:
                learner.note(now_us, room.room_id, chances[n % len(chances)], sensed=False)
            there = truth[n % len(truth)]
            if labels and labels[-1].target == there:
                labels[-1] = replace(labels[-1], end_us=now_us + MINUTE_US)
            else:
                labels.append(
                    Label(
                        now_us,
                        now_us + MINUTE_US,
                        there,
                        0.5,
                        LabelSource.HINDSIGHT,
                        now_us,
                        room_id="kitchen",
                    )
                )
        end_us = (minute + 1440) * MINUTE_US
        store.labels.replace_hindsight(
            ["kitchen", "hall"],
            minute * MINUTE_US,
            end_us,
            [replace(label, room_id=room.room_id) for room in ROOMS for label in labels],
        )
        list(learner.learn(store, end_us))
        minute += 1440


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "home.db", START_US)


# Somebody sits still for two hours, and every quarter of an hour the probability sinks for four minutes.
STILL = ([*([0.9] * 11 + [0.1] * 4) * 8, *[0.05] * 120], [*[1.0] * 120, *[0.0] * 120])
# Nobody is there, and now and then the probability rises for two minutes, as by a draught.
DRAUGHT = ([*[0.05] * 28, 0.6, 0.6], [0.0] * 30)


def test_a_room_in_which_people_sit_still_learns_to_hold(store: Store) -> None:
    learner = SwitchLearner(ROOMS)
    teach(learner, store, 4, *STILL)
    assert learner.setting("kitchen").hold >= 5
    store.close()


def test_a_room_that_is_disturbed_learns_to_wait_before_it_switches_on(store: Store) -> None:
    learner = SwitchLearner(ROOMS)
    teach(learner, store, 4, *DRAUGHT)
    assert learner.setting("kitchen").confirm >= 3
    assert learner.setting("kitchen").hold == 0
    store.close()


def test_a_day_teaches_nothing_yet_and_a_repeated_night_neither(store: Store) -> None:
    learner = SwitchLearner(ROOMS)
    teach(learner, store, 1, *STILL)
    assert learner.setting("kitchen") == SETTINGS[0]
    before = learner.to_json()
    for _ in range(9):
        list(learner.learn(store, START_US + 1440 * MINUTE_US))
    assert learner.to_json() == before
    store.close()


def test_what_was_learned_survives_a_restart_unless_the_user_chooses_otherwise(store: Store) -> None:
    learner = SwitchLearner(ROOMS)
    teach(learner, store, 3, *STILL)
    kept = json.loads(json.dumps(learner.to_json()))
    same = SwitchLearner(ROOMS)
    same.restore(kept)
    assert same.to_json() == learner.to_json()
    other = SwitchLearner((replace(ROOMS[0], preference=Preference.ENERGY), ROOMS[1], Room("attic")))
    other.restore(kept)
    assert other.setting("kitchen") == other.setting("attic") == SETTINGS[0]
    assert other.setting("hall") == learner.setting("hall")
    store.close()
