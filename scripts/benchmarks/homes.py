"""The SIMULATED homes that are measured, and a store that has learned from one of them for weeks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from custom_components.occupancy_ml.engine.events import DAY_US, Event, from_us
from custom_components.occupancy_ml.engine.features import FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.home import Home
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.store.feature_rows import FeatureBlock
from custom_components.occupancy_ml.engine.store.labels import LabelSource
from tests.simulator import Simulation, large_home, simulate, two_people_and_a_cat

# A Monday far from any change of the clocks: the same numbers whenever it runs.
START = date(2026, 2, 2)
SEED = 1
BATCH = 2_000
WEEKS = 12


@dataclass(frozen=True, slots=True)
class Past:
    """Some days of a home, up to a moment: what is watched and what happened, in order."""

    home: Home
    events: Sequence[Event]


def simulated(rooms: int, days: int, *, events_per_day: int | None = None) -> Simulation:
    """Days of a home from `START` on: five rooms and two people, or from six rooms on a large house."""
    config = two_people_and_a_cat() if rooms == 5 else large_home(rooms, events_per_day=events_per_day)
    return simulate(config, START, days, SEED)


def past(rooms: int, days: int, now_us: int) -> Past:
    """The last days of a large house up to a moment, microseconds UTC."""
    config = large_home(rooms)
    today = from_us(now_us).astimezone(config.zone).date()
    simulation = simulate(config, today - timedelta(days=days), days + 1, SEED)
    return Past(simulation.home, [event for event in simulation.events if event.time_us <= now_us])


def learned(path: Path, home: Home, events: Sequence[Event], now_us: int) -> Engine:
    """An engine that has imported and replayed events, and had a night over them."""
    engine = Engine.open(path, home, now_us)
    for first in range(0, len(events), BATCH):
        engine.import_events(events[first : first + BATCH])
    for _ in engine.rebuild(now_us):
        pass
    for _ in engine.night(now_us):
        pass
    return engine


def fill_weeks(engine: Engine, now_us: int) -> None:
    """Repeat the feature rows and labels of the last week, back to `WEEKS` weeks ago."""
    store, week_us = engine.store, 7 * DAY_US
    since_us = now_us - week_us
    for room in engine.home.rooms:
        rows = store.features.read(room.room_id, since_us, now_us, FEATURE_SET_VERSION)
        labels = [
            label
            for label in store.labels.read(since_us, now_us, room.room_id, sources=[LabelSource.HINDSIGHT])
            if label.start_us >= since_us
        ]
        for number in range(1, WEEKS):
            back_us = number * week_us
            block = FeatureBlock(
                room.room_id,
                FEATURE_SET_VERSION,
                rows.window_start_us - back_us,
                rows.window_end_us - back_us,
                now_us,
                rows.activity,
                rows.vectors,
            )
            store.features.write([block])
            moved = [
                replace(label, start_us=label.start_us - back_us, end_us=label.end_us - back_us)
                for label in labels
            ]
            store.labels.replace_hindsight([room.room_id], since_us - back_us, now_us - back_us, moved)
