"""A routine that changes is announced once, with its date; days in any order announce next to nothing. SIMULATED."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, to_us
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.routine_changes import (
    RoutineChanges,
    against_the_usual,
    changes,
    days_of,
)
from custom_components.occupancy_ml.engine.slices import finished
from custom_components.occupancy_ml.engine.snapshot import FoundBy, RoutineChange
from custom_components.occupancy_ml.engine.store import Store, StoreError
from custom_components.occupancy_ml.engine.store.episodes import Episode
from tests.simulator import Simulation, one_person, simulate, two_people_and_a_cat
from tests.simulator.config import SimulatedHomeConfig

FIRST = date(2026, 1, 5)
CHANGED = date(2026, 3, 16)
DAYS = 112


def episodes(simulated: Simulation, room_id: str) -> list[Episode]:
    """What perfect hindsight would leave of a room."""
    found, until_us = [], simulated.start_us
    for start_us, end_us in simulated.occupied(room_id):
        if start_us > until_us:
            found.append(Episode(room_id, until_us, start_us, False, 1.0))
        found.append(Episode(room_id, start_us, end_us, True, 1.0))
        until_us = end_us
    return [*found, Episode(room_id, until_us, simulated.end_us, False, 1.0)]


def days(simulated: Simulation) -> list[NDArray[np.float64]]:
    clock = LocalClock(simulated.home.time_zone)
    weekend = np.array([(FIRST + timedelta(days=n)).weekday() >= 5 for n in range(DAYS - 1)])
    return [
        against_the_usual(days_of(episodes(simulated, room_id), FIRST, DAYS - 1, clock), weekend)
        for room_id in simulated.areas
    ]


@pytest.fixture(scope="module")
def moved() -> Simulation:
    return simulate(two_people_and_a_cat(routine_change_day=CHANGED), FIRST, DAYS, 2)


def test_a_day_is_told_by_its_hours_over_a_change_of_clocks_too() -> None:
    clock = LocalClock("Europe/Berlin")
    day_us = 1_774_663_200_000_000  # 28 March 2026, 03:00 in Berlin; the next night has 23 hours
    hour_us = DAY_US // 24
    stays = [
        Episode("hall", day_us, day_us + 3 * hour_us, False, 1.0),
        Episode("hall", day_us + 3 * hour_us, day_us + 5 * hour_us, True, 1.0),
        Episode("hall", day_us + 5 * hour_us, day_us + 21 * hour_us, False, 1.0),
        Episode("hall", day_us + 21 * hour_us, day_us + 30 * hour_us, True, 1.0),
    ]
    told = days_of(stays, date(2026, 3, 28), 3, clock)
    # From 6 to 8 and from midnight to 4, of which one hour never was.
    assert told[0].tolist() == [5.0, 2.0, 23.0]
    assert np.isnan(told[1:]).all()  # too little is known of these


def test_a_change_is_found_with_its_day(moved: Simulation) -> None:
    found = finished(changes(days(moved), moved.areas))
    assert found
    for each in found:
        assert abs(each.day - (CHANGED - FIRST).days) <= 5
        assert each.seen - each.day >= 13
        assert 0.5 < each.probability <= 1.0


@pytest.mark.parametrize(("make", "seed"), [(one_person, 1), (one_person, 2), (two_people_and_a_cat, 1)])
def test_stable_days_announce_hardly_anything_and_shuffled_days_next_to_nothing(
    make: Callable[[], SimulatedHomeConfig], seed: int
) -> None:
    """In days in any order there is nothing to find: what is announced then is a false alarm."""
    simulated = simulate(make(), FIRST, DAYS, seed)
    values = days(simulated)
    assert len(finished(changes(values, simulated.areas))) <= 1
    rng = np.random.default_rng(seed)
    alarms = 0
    for _ in range(8):
        order = rng.permutation(DAYS - 1)
        alarms += len(finished(changes([each[order] for each in values], simulated.areas)))
    years = 8 * len(values) * (DAYS - 1) / 365
    assert alarms / years < 0.25  # a room


def test_days_are_gone_through_in_slices(moved: Simulation) -> None:
    assert sum(1 for _ in changes(days(moved), moved.areas)) >= DAYS // 20


def test_each_change_is_announced_once_whatever_is_repeated(tmp_path: Path, moved: Simulation) -> None:
    store = Store.open(tmp_path / "home.db", moved.start_us)
    clock = LocalClock(moved.home.time_zone)
    for room_id in moved.areas:
        store.episodes.replace(room_id, moved.start_us, moved.end_us, episodes(moved, room_id))
    looked = RoutineChanges(store)
    told = []
    for night in range(60, DAYS + 1):
        now_us = moved.start_us + night * DAY_US + 3 * DAY_US // 24
        list(looked.look(moved.areas, clock, now_us))
        if looked.announced and night % 5 == 0:
            again = looked.announced
            list(looked.look(moved.areas, clock, now_us))
            assert looked.announced == again
            looked = RoutineChanges(store)  # as after a restart
            assert looked.announced == again
        told.append(len(looked.announced))
    assert told[0] == 0
    assert told[-1] == len({change.process for change in looked.announced}) > 0
    assert all(date.fromisoformat(change.since) - CHANGED <= timedelta(days=5) for change in looked.announced)
    store.close()


def test_a_change_of_long_ago_is_no_news_where_the_past_is_read_in_at_once(
    tmp_path: Path, moved: Simulation
) -> None:
    """A home that starts with the history of its recorder hears of a change only if it could just be noticed."""
    clock = LocalClock(moved.home.time_zone)
    hour_us = DAY_US // 24
    whole = (CHANGED - FIRST).days + 40
    assert whole <= DAYS
    for days_read, told in ((whole, False), ((CHANGED - FIRST).days + 22, True)):
        now_us = moved.start_us + days_read * DAY_US + 3 * hour_us
        store = Store.open(tmp_path / f"{days_read}.db", moved.start_us)
        for room_id in moved.areas:
            known = [e for e in episodes(moved, room_id) if e.end_us <= now_us]
            store.episodes.replace(room_id, moved.start_us, now_us, known)
        looked = RoutineChanges(store)
        list(looked.look(moved.areas, clock, now_us))
        assert bool(looked.announced) is told
        assert all(change.noticed_us == now_us for change in looked.announced)
        store.close()


def test_what_forecasts_notice_and_the_days_confirm_is_one_change(tmp_path: Path) -> None:
    """Announced once, at first notice, then with the date of the days; old news is none; all of it is kept."""
    now_us = to_us(datetime(2026, 3, 20, 3, tzinfo=UTC))
    store = Store.open(tmp_path / "home.db", now_us)
    kept = RoutineChanges(store)
    noticed = RoutineChange("kitchen", "2026-03-10", now_us - DAY_US, FoundBy.FORECASTS, why=("later",))
    stale = replace(noticed, process="hall", noticed_us=now_us - 20 * DAY_US)
    store.database.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError):
        kept.note([noticed, stale], now_us)
    store.database.execute("PRAGMA query_only = OFF")
    assert not kept.announced
    kept.note([noticed, stale], now_us)
    assert RoutineChanges(store).announced == kept.announced
    assert kept.announced == (replace(noticed, noticed_us=now_us),)
    shown = RoutineChange("kitchen", "2026-03-12", now_us + 7 * DAY_US, FoundBy.DAYS, 0.9)
    for _ in range(2):
        kept.note([shown, noticed], now_us + 7 * DAY_US)
        assert kept.announced == (replace(shown, noticed_us=now_us),)
    later = replace(shown, since="2026-04-20", noticed_us=now_us + 45 * DAY_US)
    kept.note([later], now_us + 45 * DAY_US)
    assert RoutineChanges(store).announced == (replace(shown, noticed_us=now_us), later)
    store.close()
