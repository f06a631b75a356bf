"""A clock that jumps: back an hour, forward a year and back again, long gaps."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.clock_jumps import ClockJumps
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES, FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.snapshot import Snapshot
from tests.engine.living import START_US, at, at_rest, flat, play, pulse

HOUR_US = 60 * MINUTE_US
QUARTER_US = 15 * MINUTE_US


def sound(snapshot: Snapshot, engine: Engine) -> None:
    chances = [state.probability for state in snapshot.rooms.values()]
    assert all(chance is not None and 0 <= chance <= 1 for chance in chances)
    assert not np.isinf(engine.tracker.vectors(snapshot.time_us)).any()


@pytest.mark.parametrize("back_us", [10_000_000, 5 * MINUTE_US, HOUR_US, 400 * DAY_US])
def test_after_a_clock_set_back_the_home_is_heard_again(
    tmp_path: Path, back_us: int, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    play(engine, [*pulse(60, "hall"), *pulse(600, "hall")], START_US, START_US + 30 * MINUTE_US)
    now_us = START_US + 30 * MINUTE_US - back_us
    with caplog.at_level(logging.ERROR):
        sound(engine.tick(now_us), engine)
    seconds = (now_us - START_US) / 1e6
    events = [event for n in range(1, 50) for event in pulse(seconds + 60 * n, "kitchen", 20)]
    shown = play(engine, events, now_us, now_us + 50 * MINUTE_US)
    sound(shown[-1], engine)
    assert shown[-1].rooms["kitchen"].occupied is True
    engine.close()
    engine = Engine.open(tmp_path / "home.db", flat(), now_us + 50 * MINUTE_US)
    assert engine.tick(now_us + 50 * MINUTE_US).rooms["kitchen"].occupied is True
    engine.close()


def test_forward_a_year_and_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    play(engine, pulse(60, "hall"), START_US, START_US + 20 * MINUTE_US)
    year_us = START_US + 365 * DAY_US
    sound(engine.tick(year_us), engine)
    engine.ingest([at(365 * 86_400 + 30, "binary_sensor.hall_motion", "on")])
    sound(engine.tick(year_us + MINUTE_US), engine)
    engine.close()
    back_us = START_US + 30 * MINUTE_US
    with caplog.at_level(logging.ERROR):
        engine = Engine.open(tmp_path / "home.db", flat(), back_us)
        shown = play(engine, pulse(1900, "kitchen"), back_us, back_us + 5 * MINUTE_US)
    assert shown[-1].rooms["kitchen"].occupied is True
    assert shown[-1].rooms["hall"].occupied is False
    engine.close()


def test_an_event_from_the_future_does_not_stay_the_latest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    engine.tick(START_US + MINUTE_US)
    engine.ingest([at(40 * 86_400, "binary_sensor.hall_motion", "on")])
    with caplog.at_level(logging.ERROR):
        engine.tick(START_US + 2 * MINUTE_US)
    shown = play(engine, pulse(300, "kitchen"), START_US + 2 * MINUTE_US, START_US + 90 * MINUTE_US)
    recency = engine.tracker.vectors(shown[-1].time_us)[0, FEATURE_NAMES.index("recency_here")]
    assert recency > 0.7
    engine.close()


@pytest.mark.parametrize("gap_us", [14 * MINUTE_US, 16 * MINUTE_US, 9 * HOUR_US, 40 * DAY_US])
def test_gaps_leave_everything_sound_and_nothing_made_up(tmp_path: Path, gap_us: int) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    before = [event for minute in (1, 3, 5) for event in pulse(60 * minute, "kitchen")]
    play(engine, before, START_US, START_US + 10 * MINUTE_US)
    later_us = START_US + 10 * MINUTE_US + gap_us
    sound(engine.tick(later_us), engine)
    rows = engine.store.features.read("kitchen", 0, later_us, FEATURE_SET_VERSION).window_end_us
    listened = gap_us <= 15 * MINUTE_US
    assert len(rows) == (2 + gap_us // (5 * MINUTE_US) if listened else 2)
    shown = play(engine, pulse((later_us - START_US) / 1e6 + 30, "hall"), later_us, later_us + 2 * MINUTE_US)
    assert shown[-1].rooms["hall"].occupied is True
    list(engine.night(later_us + 2 * MINUTE_US))
    engine.close()


def evenly(jumps: ClockJumps, start_us: int, lasting_us: int) -> list[tuple[int, int]]:
    told = (jumps.to_come(now_us) for now_us in range(start_us, start_us + lasting_us + 1, QUARTER_US))
    return [each for each in told if each is not None]


@pytest.mark.parametrize("back_us", [DAY_US + QUARTER_US, 400 * DAY_US])
def test_what_is_to_come_after_a_long_way_back_is_known_after_an_even_day(back_us: int) -> None:
    jumps = ClockJumps(START_US)
    # A start is as doubtful as a jump.
    assert evenly(jumps, START_US, DAY_US) == [(START_US + DAY_US, 2**62)]
    assert evenly(jumps, START_US + DAY_US, 3 * DAY_US) == []
    now_us = START_US + 4 * DAY_US
    assert evenly(jumps, now_us - back_us, DAY_US - HOUR_US) == []
    # Right again: the day begins anew, and nothing that is stored is later then.
    assert evenly(jumps, now_us, DAY_US) == [(now_us + DAY_US, 2**62)]


def test_what_is_to_come_after_a_short_way_back_is_what_the_clock_had_passed() -> None:
    jumps = ClockJumps(START_US)
    assert evenly(jumps, START_US, 2 * HOUR_US) == []
    assert jumps.to_come(START_US + HOUR_US) == (START_US + HOUR_US, START_US + 2 * HOUR_US + QUARTER_US)
    assert jumps.to_come(START_US + HOUR_US - QUARTER_US) is None


def later_than(engine: Engine, time_us: int) -> list[int]:
    """How many feature rows, predictions and moments are stored of later times."""
    return [
        engine.store.database.scalar(f"SELECT count(*) FROM {table} WHERE {column} > ?", (time_us,))
        for table, column in (
            ("features", "window_end_us"), ("predictions", "time_us"), ("forecast_moments", "time_us"),
        )
    ]  # fmt: skip


def test_one_tick_with_the_clock_far_behind_costs_nothing(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    play(engine, pulse(60, "hall"), START_US, START_US + HOUR_US)
    before = later_than(engine, START_US)
    assert min(before) > 3
    engine.tick(START_US - 100 * DAY_US + MINUTE_US)
    play(engine, [], START_US + HOUR_US, START_US + HOUR_US + QUARTER_US)
    assert all(now > then for now, then in zip(later_than(engine, START_US), before, strict=True))
    engine.close()


def test_who_takes_back_a_leap_ahead_is_believed_at_once_and_a_clock_that_flaps_is_not() -> None:
    jumps, year_us = ClockJumps(START_US), 365 * DAY_US
    assert evenly(jumps, START_US + year_us, HOUR_US) == []
    now_us = START_US + HOUR_US
    assert jumps.to_come(now_us) == (now_us, START_US + year_us + HOUR_US + QUARTER_US)
    for _ in range(3):
        assert jumps.to_come(now_us - year_us) is None
        assert jumps.is_behind
        assert jumps.to_come(now_us) is None


@pytest.mark.parametrize("restarted", [False, True])
def test_what_a_clock_far_ahead_left_goes_at_once_and_after_a_day_where_nobody_saw_it_leap(
    tmp_path: Path, restarted: bool
) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    ahead_us = START_US + 365 * DAY_US
    play(engine, [], ahead_us, ahead_us + HOUR_US)
    left = later_than(engine, ahead_us)
    if restarted:
        engine.close()
        engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    for now_us in range(START_US, START_US + DAY_US, QUARTER_US):
        engine.tick(now_us)
    assert later_than(engine, ahead_us) == (left if restarted else [0, 0, 0])
    engine.tick(START_US + DAY_US)
    assert later_than(engine, START_US + DAY_US) == [0, 0, 0]
    # What of the day itself waited to be kept is kept.
    assert min(later_than(engine, START_US + DAY_US - HOUR_US)) > 0
    engine.close()


def test_what_was_lived_twice_is_kept_as_it_was_the_second_time(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    play(engine, pulse(60, "hall"), START_US, START_US + HOUR_US)
    before = later_than(engine, START_US)
    engine.tick(START_US - 2 * DAY_US)
    engine.tick(START_US)
    play(engine, pulse(60, "kitchen"), START_US, START_US + HOUR_US)
    assert later_than(engine, START_US) == before
    rows = engine.store.features.read("kitchen", START_US, START_US + 5 * MINUTE_US, FEATURE_SET_VERSION)
    assert rows.activity.tolist() == [1]
    engine.close()


def test_a_rebuild_while_the_clock_is_behind_leaves_what_is_later(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    play(engine, pulse(60, "hall"), START_US, START_US + 2 * HOUR_US)
    engine.close()
    behind_us = START_US + HOUR_US
    engine = Engine.open(tmp_path / "home.db", flat(), behind_us)
    before = later_than(engine, behind_us)
    assert engine.needs_rebuild
    list(engine.rebuild(behind_us))
    assert later_than(engine, behind_us) == before
    assert later_than(engine, START_US)[0] == 3 * 24
    engine.close()


@pytest.mark.parametrize("back", [2, 14])
def test_a_clock_set_back_by_minutes_makes_nothing_old_news(tmp_path: Path, back: int) -> None:
    """Who leaves while the clock has not caught up is not shown until then."""
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    begin_us, end_us = START_US + 20 * MINUTE_US, START_US + 50 * MINUTE_US
    engine.ingest(at_rest(flat(), START_US))
    play(engine, [at(1190, "binary_sensor.kitchen_motion", "on")], START_US, begin_us)
    assert engine.tick(begin_us).rooms["kitchen"].occupied is True
    # The first of it is stored before the engine sees the clock.
    left = [
        at(1210 - 60 * back, "binary_sensor.kitchen_motion", "off"),
        at(1220 - 60 * back, "binary_sensor.hall_motion", "on"),
        at(1230 - 60 * back, "binary_sensor.front_door", "on"),
        at(1270 - 60 * back, "binary_sensor.front_door", "off"),
        at(1280 - 60 * back, "binary_sensor.hall_motion", "off"),
    ]
    shown = play(engine, left, begin_us - back * MINUTE_US, end_us - back * MINUTE_US)
    assert engine.tracker.senses.states["binary_sensor.kitchen_motion"] == "off"
    assert {snapshot.rooms["kitchen"].occupied for snapshot in shown[20:]} == {False}
    assert {snapshot.home.occupied for snapshot in shown[25:]} == {False}
    engine.close()
