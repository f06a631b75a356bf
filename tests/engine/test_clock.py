"""A clock that jumps: back an hour, forward a year and back again, long gaps."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES, FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.snapshot import Snapshot
from tests.engine.living import START_US, at, flat, play, pulse

HOUR_US = 60 * MINUTE_US


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
