"""The back-test counts what was planted, exactly, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US, Cause, Event
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.routines.patterns import Act
from custom_components.occupancy_ml.engine.routines.suggestions.backtest import Backtest, backtest
from custom_components.occupancy_ml.engine.routines.suggestions.past import Past, TrackBuilder, read_past
from custom_components.occupancy_ml.engine.routines.suggestions.proposal import (
    WORKDAYS,
    AtTime,
    Becomes,
    HomeBecomes,
    Proposal,
    RoomBecomes,
)
from custom_components.occupancy_ml.engine.slices import finished, told_as
from custom_components.occupancy_ml.engine.store import Prediction, Store
from tests.engine.routines.suggestions.planted import (
    ADA,
    DAYS,
    FAN,
    HALL_LIGHT,
    LAMP,
    MOTION,
    NOW_US,
    event,
    every_evening,
    fill,
    local,
)

CLOCK = LocalClock("Europe/Berlin")
LAMP_ON = Act(LAMP, "on")
AT_SEVEN = Proposal(AtTime(19 * 60), LAMP_ON, within_s=20 * 60)


def past_of(store: Store, *proposals: Proposal, persons: Iterable[str] = (ADA,)) -> Past:
    entity_ids = {entity_id for proposal in proposals for entity_id in proposal.entity_ids}
    rooms = {p.trigger.room_id for p in proposals if isinstance(p.trigger, RoomBecomes)}
    work = read_past(store, local(0, 0), NOW_US, entity_ids, rooms, persons)
    shares: list[float] = []
    past = finished(told_as(work, shares.append))
    assert all(0.0 <= share <= 1.0 for share in shares)
    return past


def play(store: Store, proposal: Proposal) -> Backtest:
    return backtest(proposal, past_of(store, proposal), CLOCK)


def test_every_planted_evening_is_counted_with_its_date(store: Store) -> None:
    fill(store, every_evening(skipped=(3, 17, 27)))
    tested = play(store, AT_SEVEN)
    assert tested.wrong_us == tuple(local(day, 19) for day in (3, 17, 27))
    assert tested.right_us == tuple(local(day, 19) for day in range(DAYS) if day not in (3, 17, 27))
    assert (tested.already, tested.automated) == (0, 0)
    assert tested.precision == pytest.approx(25 / 28)
    # 25 of 28 leave it open whether it is 0.85 in truth.
    assert tested.passes(0.75)
    assert not tested.passes(0.85)


def test_it_does_not_fire_where_the_hand_was_faster(store: Store) -> None:
    fill(store, every_evening())
    tested = play(store, replace(AT_SEVEN, trigger=AtTime(19 * 60 + 5)))
    # On at 19:02 + (day mod 7): days 0 to 3 of each week before or at 19:05, three later.
    assert (tested.already, len(tested.right_us), len(tested.wrong_us)) == (16, 12, 0)


def test_days_and_hours_are_local(store: Store) -> None:
    fill(store, every_evening())
    workdays = play(store, replace(AT_SEVEN, days=WORKDAYS))
    assert len(workdays.right_us) == 20
    assert all(CLOCK.at(moment).weekday() < 5 for moment in workdays.right_us)
    assert play(store, replace(AT_SEVEN, hours=(18 * 60, 20 * 60))).fired == DAYS
    assert play(store, replace(AT_SEVEN, hours=(20 * 60, 18 * 60))).fired == 0
    assert play(store, replace(AT_SEVEN, hours=(18 * 60, 0))).fired == DAYS


def test_the_clocks_change(store: Store) -> None:
    """Seven in the evening stays seven in the evening, in UTC an hour earlier from March 29."""
    fill(store, every_evening())
    right = play(store, AT_SEVEN).right_us
    assert right[-1] - right[0] == (DAYS - 1) * 24 * 60 * MINUTE_US - 60 * MINUTE_US


def test_what_an_automation_does_is_seen_as_such(store: Store) -> None:
    fill(store, every_evening(cause=Cause.AUTOMATION))
    tested = play(store, AT_SEVEN)
    assert (tested.fired, tested.automated, tested.is_automated) == (0, DAYS, True)
    assert not tested.passes(0.0)


def motion_then_light(*, gap_s: int = 8, ignored: tuple[int, ...] = ()) -> list[Event]:
    """Each evening at eight the motion sensor fires three times in a minute; a hand turns the light on, and off."""
    found = [event(local(0, 0), each, "off", Cause.UNKNOWN) for each in (MOTION, HALL_LIGHT)]
    for day in range(DAYS):
        start = local(day, 20)
        for number in range(3):
            moment = start + number * 20 * MICROSECONDS
            found.append(event(moment, MOTION, "on", Cause.DEVICE))
            found.append(event(moment + 5 * MICROSECONDS, MOTION, "off", Cause.DEVICE))
        if day not in ignored:
            found.append(event(start + gap_s * MICROSECONDS, HALL_LIGHT, "on"))
            found.append(event(start + 30 * MINUTE_US, HALL_LIGHT, "off"))
    return found


MOTION_LIGHT = Proposal(Becomes(MOTION, "on"), Act(HALL_LIGHT, "on"), within_s=120)


def test_a_burst_of_triggers_is_one_firing(store: Store) -> None:
    fill(store, motion_then_light(gap_s=50, ignored=(5, 6)))
    tested = play(store, MOTION_LIGHT)
    assert (len(tested.right_us), len(tested.wrong_us)) == (DAYS - 2, 2)
    assert tested.wrong_us == (local(5, 20), local(6, 20))


def test_what_comes_back_after_it_was_lost_is_no_trigger(store: Store) -> None:
    quiet = [event(local(0, 0), HALL_LIGHT, "off", Cause.UNKNOWN)]
    for day in range(DAYS):
        quiet += [
            event(local(day, 9), MOTION, "unavailable", Cause.UNKNOWN),
            event(local(day, 10), MOTION, "on", Cause.UNKNOWN),
        ]
    fill(store, quiet)
    assert play(store, MOTION_LIGHT).fired == 0


def test_where_the_thing_was_lost_nothing_is_counted(store: Store) -> None:
    events = motion_then_light(ignored=(5, 6))
    fill(store, events, [event(local(5, 19), HALL_LIGHT, "unavailable", Cause.UNKNOWN)])
    fill(store, [event(local(6, 20, 1), HALL_LIGHT, "unavailable", Cause.UNKNOWN)])
    fill(store, [event(local(6, 22), HALL_LIGHT, "off", Cause.UNKNOWN)])
    tested = play(store, MOTION_LIGHT)
    # On the fifth day it was not there at all; on the sixth it went away before the time to follow was over.
    assert not [moment for moment in tested.wrong_us if moment < local(6, 20)]
    assert len(tested.wrong_us) == 0


def test_where_nobody_listened_nothing_is_counted(store: Store) -> None:
    """Off for a week, the lamp with it; back at seven in the evening, with the motion sensor on meanwhile."""
    fill(store, [each for each in every_evening() if not local(9, 12) < each.time_us < local(16, 19)])
    fill(store, [event(local(0, 0), MOTION, "off"), event(local(16, 19), MOTION, "on")])
    assert play(store, AT_SEVEN).wrong_us == tuple(local(day, 19) for day in range(9, 16))
    gap_us = (local(9, 12), local(16, 19))
    past = replace(past_of(store, AT_SEVEN, MOTION_LIGHT), unheard=(gap_us,))
    tested = backtest(AT_SEVEN, past, CLOCK)
    assert tested.wrong_us == ()
    assert tested.right_us == tuple(local(day, 19) for day in (*range(9), *range(17, DAYS)))
    after_motion = replace(MOTION_LIGHT, action=LAMP_ON, trigger=Becomes(MOTION, "on", 20 * 60))
    assert backtest(after_motion, past, CLOCK).fired == 0


def test_a_state_has_to_last(store: Store) -> None:
    fan = [event(local(0, 0), FAN, "off", Cause.UNKNOWN)]
    for day in range(DAYS):
        lasts = 22 if day % 4 else 5
        fan += [event(local(day, 7), FAN, "on"), event(local(day, 7, lasts), FAN, "off")]
    fill(store, fan)
    tested = play(store, Proposal(Becomes(FAN, "on", 20 * 60), Act(FAN, "off"), within_s=300))
    assert (len(tested.right_us), len(tested.wrong_us)) == (21, 0)
    assert tested.right_us[0] == local(1, 7, 20)


def test_persons_rooms_and_conditions(store: Store) -> None:
    ada = [event(local(0, 0), ADA, "home", Cause.DEVICE)]
    for day in range(DAYS):
        ada += [event(local(day, 8), ADA, "not_home", Cause.DEVICE)]
        ada += [event(local(day, 18 if day % 2 else 20), ADA, "home", Cause.DEVICE)]
    fill(store, every_evening(skipped=tuple(range(0, DAYS, 2))), ada)
    assert (play(store, AT_SEVEN).precision, play(store, AT_SEVEN).fired) == (0.5, DAYS)
    at_home = play(store, replace(AT_SEVEN, someone_home=True))
    assert (at_home.precision, at_home.fired) == (1.0, DAYS // 2)
    given_home = play(store, replace(AT_SEVEN, given=((ADA, "home"),)))
    assert given_home == at_home
    home = Proposal(HomeBecomes(True), LAMP_ON, within_s=90 * 60)
    assert len(play(store, home).right_us) == DAYS // 2
    assert len(play(store, home).wrong_us) == DAYS // 2


def test_a_room_as_it_was_shown(store: Store) -> None:
    shown = []
    for minute in range(0, DAYS * 1440, 5):
        time_us = local(0, 0) + minute * MINUTE_US
        evening = CLOCK.hour(time_us) == 19
        shown.append(Prediction("living", time_us, 0.9 if evening else 0.1, evening, "prior"))
    store.predictions.write(shown)
    fill(store, every_evening(skipped=(3,)))
    tested = play(store, Proposal(RoomBecomes("living", True), LAMP_ON, within_s=15 * 60))
    assert (len(tested.right_us), tested.wrong_us) == (DAYS - 1, (local(3, 19),))


def test_days_after_the_numbers_were_fixed_are_told_apart(store: Store) -> None:
    fill(store, every_evening(skipped=(3, 25)))
    tested = backtest(AT_SEVEN, past_of(store, AT_SEVEN), CLOCK, since_us=local(20, 0))
    assert (tested.new_right, tested.new_wrong) == (7, 1)


def one_by_one(proposal: Proposal, past: Past, triggers: list[int]) -> tuple[list[int], list[int], int]:
    """The rules, one event after the other."""
    target, within = proposal.action.state, proposal.within_s * MICROSECONDS
    track = past.track(proposal.action.entity_id)
    times = [int(t) for t in track.times_us]
    states = [track.words[code] for code in track.codes]
    right: list[int] = []
    wrong: list[int] = []
    automated, free, held = 0, past.start_us, -1
    for moment in triggers:
        if moment + within > past.end_us:
            continue
        before = [state for time, state in zip(times, states, strict=True) if time <= moment]
        if not before or before[-1] in ("", target) or moment < free or moment < held:
            continue
        after = [
            n for n, time in enumerate(times) if moment < time <= moment + within and states[n] == target
        ]
        if after:
            held = times[after[0]]
            if track.automated[after[0]]:
                automated += 1
            else:
                right.append(moment)
            continue
        free = moment + within
        lost = [n for n, time in enumerate(times) if moment < time <= moment + within and not states[n]]
        if not lost:
            wrong.append(moment)
    return right, wrong, automated


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 400), st.sampled_from(["on", "off", "unavailable"]), st.booleans(), st.booleans()
        ),
        max_size=60,
        unique_by=lambda each: each[0],
    )
)
def test_it_agrees_with_the_rules_taken_one_by_one(told: list[tuple[int, str, bool, bool]]) -> None:
    builders = {MOTION: TrackBuilder(), LAMP: TrackBuilder()}
    for moment, state, by_automation, is_lamp in sorted(told):
        builders[LAMP if is_lamp else MOTION].add(moment * MICROSECONDS, state, by_automation)
    past = Past(0, 500 * MICROSECONDS, {key: builder.build() for key, builder in builders.items()})
    proposal = Proposal(Becomes(MOTION, "on"), LAMP_ON, within_s=40)
    motion = past.track(MOTION)
    words = [motion.words[code] for code in motion.codes]
    triggers = [
        int(motion.times_us[n]) for n in range(1, len(words)) if words[n] == "on" and words[n - 1] != ""
    ]
    tested = backtest(proposal, past, CLOCK)
    right, wrong, automated = one_by_one(proposal, past, triggers)
    assert (list(tested.right_us), list(tested.wrong_us), tested.automated) == (right, wrong, automated)


def test_what_is_stored_reads_back() -> None:
    tested = Backtest(28.0, (1, 2, 3), (4,), 1, 2, 1, 0)
    assert Backtest.from_json(tested.to_json()) == tested
    assert 0 < tested.lower < tested.precision < 1


def test_the_bound_is_wilsons() -> None:
    """Against the formula solved another way: the share p whose upper quantile reaches what was seen."""
    tested = Backtest(28.0, tuple(range(25)), tuple(range(3)))
    grid = np.linspace(0.0, 1.0, 2_000_001)
    reached = grid + 1.2816 * np.sqrt(grid * (1 - grid) / 28)
    assert tested.lower == pytest.approx(float(grid[np.argmax(reached >= 25 / 28)]), abs=2e-6)
