"""Sleep into the file: superseded, never overwritten; the same after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from custom_components.occupancy_ml.engine.home import Home, Room
from custom_components.occupancy_ml.engine.labels.sleep import HelperState, SleepProblem
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.store import Label, LabelKind, LabelSource
from tests.engine.labels.test_sleep import local

HOME = Home("Europe/Amsterdam", (Room("bedroom"),), ())
EVENING = local("2026-05-04T22:40")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "occupancy_ml.db"


def opened(path: Path) -> Engine:
    return Engine.open(path, HOME, EVENING)


def tell(engine: Engine, start: str, end: str, at: str, who: str | None = "ada") -> SleepProblem | None:
    """Both helpers as they are at a local time; what did not change keeps its first time."""
    now_us = local(at)
    return engine.sleep_told(HelperState(start, now_us), HelperState(end, now_us), now_us, who).problem


def nights(engine: Engine, *, everything: bool = False) -> list[Label]:
    return engine.store.labels.read(0, 2**62, kind=LabelKind.SLEEP, include_superseded=everything)


def test_a_night_is_kept_with_who_when_and_its_local_day(path: Path) -> None:
    engine = opened(path)
    assert tell(engine, "2026-05-04 23:10:00", "2026-05-05 07:05:00", "2026-05-05T07:30") is None
    (label,) = nights(engine)
    assert (label.start_us, label.end_us) == (local("2026-05-04T23:10"), local("2026-05-05T07:05"))
    assert (label.source, label.target, label.room_id) == (LabelSource.HELPER, 1.0, None)
    assert (label.created_by, label.known_at_us) == ("ada", local("2026-05-05T07:30"))
    assert (label.local_date, label.time_zone) == ("2026-05-05", "Europe/Amsterdam")
    # Of occupancy it says nothing.
    assert engine.store.labels.read(0, 2**62) == []
    engine.close()


def test_a_night_mended_twice_is_superseded_and_nothing_is_lost(path: Path) -> None:
    engine = opened(path)
    start = "2026-05-04 23:10:00"
    tell(engine, start, "2026-05-05 07:05:00", "2026-05-05T07:30")
    tell(engine, start, "2026-05-05 07:20:00", "2026-05-05T07:31")
    # Nonsense on the way leaves the night as it was.
    assert tell(engine, start, "2026-05-04 07:20:00", "2026-05-05T08:00") is SleepProblem.END_BEFORE_START
    assert [label.end_us for label in nights(engine)] == [local("2026-05-05T07:20")]
    tell(engine, start, "2026-05-05 07:40:00", "2026-05-07T20:00")
    (label,) = nights(engine)
    assert (label.end_us, label.known_at_us) == (local("2026-05-05T07:40"), local("2026-05-07T20:00"))
    first, second, third = nights(engine, everything=True)
    assert (first.superseded_by, second.superseded_by) == (second.label_id, third.label_id)
    # As it was known then.
    (then,) = engine.store.labels.read(0, 2**62, kind=LabelKind.SLEEP, known_by_us=local("2026-05-06T00:00"))
    assert then.end_us == local("2026-05-05T07:20")
    engine.close()


def test_two_nights_stand_side_by_side(path: Path) -> None:
    engine = opened(path)
    tell(engine, "2026-05-04 23:10:00", "2026-05-05 07:05:00", "2026-05-05T07:30")
    # The begin first: in between it makes no sense.
    assert (
        tell(engine, "2026-05-05 22:50:00", "2026-05-05 07:05:00", "2026-05-06T07:30")
        is SleepProblem.END_BEFORE_START
    )
    tell(engine, "2026-05-05 22:50:00", "2026-05-06 06:50:00", "2026-05-06T07:31")
    assert [label.local_date for label in nights(engine)] == ["2026-05-05", "2026-05-06"]
    engine.close()


def test_times_of_day_count_from_the_first_change_and_survive_a_restart(path: Path) -> None:
    engine = opened(path)
    # Seen for the first time: nobody knows which night they meant.
    tell(engine, "23:00:00", "07:00:00", "2026-05-04T12:00")
    assert nights(engine) == []
    tell(engine, "23:00:00", "07:10:00", "2026-05-05T07:30")
    assert len(nights(engine)) == 1
    engine.close()
    # After a restart Home Assistant says that the states are new; they are not.
    engine = opened(path)
    tell(engine, "23:00:00", "07:10:00", "2026-05-09T12:00", None)
    (label,) = nights(engine, everything=True)
    assert (label.start_us, label.end_us) == (local("2026-05-04T23:00"), local("2026-05-05T07:10"))
    engine.close()


def test_a_helper_without_a_state_tells_nothing_and_is_not_remembered(path: Path) -> None:
    engine = opened(path)
    end = HelperState("2026-05-05 07:05:00", EVENING)
    assert engine.sleep_told(None, end, EVENING, None).problem is SleepProblem.NOT_TOLD
    assert nights(engine) == []
    engine.close()


def test_a_sensor_goes_on_over_a_restart(path: Path) -> None:
    engine = opened(path)
    assert not engine.sleep_sensed("on", local("2026-05-04T23:00"), local("2026-05-04T23:00"))
    engine.sleep_sensed("unavailable", local("2026-05-05T02:00"), local("2026-05-05T02:00"))
    engine.close()
    engine = opened(path)
    engine.sleep_sensed("on", local("2026-05-05T02:05"), local("2026-05-05T02:05"))
    assert engine.sleep_sensed("off", local("2026-05-05T07:00"), local("2026-05-05T07:00"))
    (label,) = nights(engine)
    assert (label.start_us, label.end_us, label.source) == (
        local("2026-05-04T23:00"),
        local("2026-05-05T07:00"),
        LabelSource.REFERENCE,
    )
    engine.close()
