"""A replay tells nothing of times in which nobody listened, as the life it replays told nothing of them."""

from __future__ import annotations

from pathlib import Path
import shutil

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US, Event
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.replay import NOT_NOW
from custom_components.occupancy_ml.engine.store import LabelSource
from tests.engine.living import START_US, at_rest, flat, play, pulse, rows_of

HOUR_US = 60 * MINUTE_US
BEFORE_US = START_US + 11 * HOUR_US
OFF_H = 30


def day(begin_h: float, end_h: float) -> list[Event]:
    """Somebody in the kitchen and the hall, every ten minutes."""
    seconds = range(int(begin_h * 3600) + 60, int(end_h * 3600), 600)
    return [event for n in seconds for event in pulse(n, ("kitchen", "hall")[n // 600 % 2], 20)]


def after_us(hours: float) -> int:
    return START_US + int(hours * HOUR_US)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of eleven hours in which somebody listened, to the middle of a minute; then Home Assistant stopped."""
    path = tmp_path_factory.mktemp("gaps") / "home.db"
    engine = Engine.open(path, flat(), START_US, durable=False)
    play(engine, at_rest(flat(), START_US + 1) + day(0, 11), START_US, BEFORE_US, now_only=True)
    engine.ingest(pulse(11 * 3600 + 10, "hall", 20))
    engine.close()
    return path


@pytest.fixture
def path(lived: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(lived, tmp_path))


def outage(path: Path, hours: float = OFF_H) -> Engine:
    """Home Assistant comes back so much later, and two hours pass."""
    back_us = after_us(11 + hours) + 7 * MICROSECONDS
    engine = Engine.open(path, flat(), back_us, durable=False)
    play(engine, day(11 + hours, 13 + hours), back_us, back_us + 2 * HOUR_US, now_only=True)
    return engine


def ends(engine: Engine, begin_h: float, end_h: float) -> int:
    """How many windows of the kitchen ended within."""
    found = rows_of(engine, after_us(end_h))["kitchen"][0]
    return int((found > after_us(begin_h)).sum())


@pytest.mark.parametrize("hours", [1, OFF_H])
def test_a_replay_is_as_deaf_as_the_life_was(path: Path, hours: int) -> None:
    engine = outage(path, hours)
    now_us = engine.tracker.time_us
    engine.close()
    engine = Engine.open(path, flat(), now_us, durable=False)
    lived, belief = rows_of(engine, now_us), engine.tracker.belief()
    list(engine.rebuild(now_us))
    again = rows_of(engine, now_us)
    for room, (window_ends, activity, vectors) in lived.items():
        np.testing.assert_array_equal(again[room][0], window_ends)
        np.testing.assert_array_equal(again[room][1], activity)
        np.testing.assert_array_equal(again[room][2], vectors)
    np.testing.assert_array_equal(engine.tracker.belief()[0], belief[0])
    list(engine.night(now_us, without=NOT_NOW))
    labels = engine.store.labels.read(after_us(11.1), after_us(10.9 + hours), sources=[LabelSource.HINDSIGHT])
    assert (not labels) == (hours > 6)
    engine.close()


@pytest.mark.parametrize("slips", [(), pulse(24 * 365 * 40 * 3600, "hall", 20)])
def test_where_the_saved_state_does_not_fit_the_outage_is_known_all_the_same(
    path: Path, slips: tuple[Event, ...]
) -> None:
    """Also with an event of a wrong year in the file."""
    engine = Engine.open(path, flat(), BEFORE_US + MINUTE_US, durable=False)
    engine.import_events(slips)
    engine.close()
    engine = Engine.open(path, flat(exit_door=False), after_us(11 + OFF_H), durable=False)
    assert engine.needs_rebuild
    list(engine.rebuild(after_us(11 + OFF_H)))
    assert ends(engine, 0, 11) > 100
    assert ends(engine, 11.1, 10.9 + OFF_H) == 0
    engine.close()


def test_of_what_history_was_read_a_replay_tells_but_not_of_long_silence_in_it(path: Path) -> None:
    engine = outage(path)
    engine.import_events(day(12, 14) + day(18, 20))
    list(engine.rebuild(engine.tracker.time_us))
    assert ends(engine, 11.2, 19.8) > 100
    assert ends(engine, 20, 40.9) == 0
    engine.close()


@pytest.mark.parametrize("wrong_h", [-24 * 30, 24])
def test_a_wrong_clock_makes_no_gap_of_what_was_heard(path: Path, wrong_h: int) -> None:
    """A month behind, or a day ahead, for a minute: nothing of what was heard before and after is forgotten."""
    engine = Engine.open(path, flat(), BEFORE_US + 40 * MICROSECONDS, durable=False)
    wrong_us = BEFORE_US + wrong_h * HOUR_US
    engine.tick(wrong_us)
    engine.tick(wrong_us + MINUTE_US)
    play(engine, day(11.1, 13), BEFORE_US + 2 * MINUTE_US, after_us(13))
    engine.close()
    engine = Engine.open(path, flat(), after_us(13), durable=False)
    list(engine.rebuild(after_us(13)))
    assert ends(engine, 0.2, 13) == 13 * 12 - 2
    assert engine.tracker.time_us == after_us(13)
    engine.close()


def test_a_row_that_the_recorder_had_from_the_last_minute_fills_no_outage(path: Path) -> None:
    engine = outage(path, 3)
    engine.import_events(pulse(11 * 3600 + 65, "kitchen", 5))
    list(engine.rebuild(engine.tracker.time_us))
    assert ends(engine, 11.1, 13.9) == 0
    engine.close()


def test_one_look_at_a_wrong_clock_neither_forgets_an_outage_nor_makes_one(path: Path) -> None:
    engine = outage(path)
    now_us = after_us(11 + OFF_H + 10)
    play(engine, [], engine.tracker.time_us, now_us, now_only=True)
    lived = ends(engine, 11 + OFF_H, 60)
    engine.tick(now_us - 24 * 30 * HOUR_US)
    engine.tick(now_us + MINUTE_US)
    list(engine.rebuild(now_us + MINUTE_US))
    assert ends(engine, 11.1, 10.9 + OFF_H) == 0
    assert ends(engine, 11 + OFF_H, 60) == lived
    engine.close()
