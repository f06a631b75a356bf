"""A file as it is after a year, the last 90 days of it with 100,000 events a day: its size, its upkeep, reads of it.

SIMULATED. A week of a house of 20 rooms is lived once and repeated, day after day, in the order of time, with the
retention of every night: what comes by the day through the store's own write paths, what nights derive row by row.
What a replayed week does not tell (what was shown, forecasts that were told, months, suggestions) is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
import json
from pathlib import Path
import random
import re
import sqlite3
from time import perf_counter, thread_time

import numpy as np

from custom_components.occupancy_ml.engine.events import DAY_US, Cause, Event, from_us
from custom_components.occupancy_ml.engine.features import FEATURE_SET_VERSION, WINDOW_US
from custom_components.occupancy_ml.engine.home import Home, Role, Sensor
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP
from custom_components.occupancy_ml.engine.store import (
    FeatureBlock,
    FeatureTable,
    JobStatus,
    Label,
    LabelSource,
    RunStatus,
    Store,
)
from scripts.benchmarks import host
from scripts.benchmarks.derived import Derived, counted, shown, tell
from scripts.benchmarks.homes import BATCH, SEED, learned
from scripts.benchmarks.report import Measure, seconds
from tests.simulator import large_home, simulate

ROOMS = 20
EVENTS_A_DAY = 100_000
DAYS, ALL_DAYS = 90, 365
PART = f"a year of {ROOMS} rooms, its last {DAYS} days with {EVENTS_A_DAY:,} events each"
CONTRACTS = Path(__file__).parent.parent.parent / "docs" / "contracts.md"

# Of the events 45 in 100 come from motion sensors, lights, the door and persons (on, off, home); the others are
# numbers, as many of each: by device class the level, the usual step, and the digits after the point.
_ON_OFF_A_DAY = 45_000
_NUMBERS = {
    "temperature": (21.0, 0.05, 1),
    "humidity": (45.0, 0.3, 2),
    "illuminance": (180.0, 20.0, 0),
    "sound_pressure": (40.0, 2.0, 1),
}
_WEEK = 7
_READS = 7
_WORTH_TELLING = 1_000_000
_STEPS = DAY_US // WINDOW_US


def house() -> tuple[Home, list[Event], int]:
    """The home, a week of its events in order up to today, and the week's end in microseconds UTC."""
    config = large_home(ROOMS, events_per_day=_ON_OFF_A_DAY)
    simulation = simulate(config, datetime.now(config.zone).date() - timedelta(days=_WEEK), _WEEK, SEED)
    kept = [sensor for sensor in simulation.home.sensors if sensor.role is not Role.ENVIRONMENT]
    names = {sensor.entity_id for sensor in kept}
    events = [event for event in simulation.events if event.entity_id in names]
    sensors = [
        Sensor(f"sensor.{room.room_id}_{name}", Role.ENVIRONMENT, room.room_id, name)
        for room in simulation.home.rooms
        for name in _NUMBERS
    ]
    each = (EVENTS_A_DAY * _WEEK - len(events)) // len(sensors)
    start_us, end_us = simulation.end_us - _WEEK * DAY_US, simulation.end_us
    for sensor in sensors:
        events += _numbers(sensor, start_us, end_us, each)
    events.sort(key=lambda event: (event.time_us, event.entity_id))
    return replace(simulation.home, sensors=(*kept, *sensors)), events, end_us


def _numbers(sensor: Sensor, start_us: int, end_us: int, count: int) -> Iterator[Event]:
    """A number that wanders, told at odd moments."""
    choice = random.Random(f"{SEED} {sensor.entity_id}")  # noqa: S311
    level, step, digits = _NUMBERS[str(sensor.device_class)]
    value = level
    for time_us in sorted(choice.randrange(start_us, end_us) for _ in range(count)):
        value = max(0.0, value + 0.02 * (level - value) + choice.gauss(0, step))
        yield Event(time_us, sensor.entity_id, f"{value:.{digits}f}", cause=Cause.DEVICE)


class Year:
    """Writes the days of a year into a store, each a copy of a day of the lived week."""

    def __init__(self, store: Store, lived: Store, home: Home, events: Sequence[Event], end_us: int) -> None:
        """`lived` is the store of an engine that has learned from the week's events, which end at `end_us`."""
        self.store = store
        self.home = home
        self.end_us = end_us
        self._first_us = first_us = end_us - _WEEK * DAY_US
        self._roles = {sensor.entity_id: (sensor.role, sensor.room_id) for sensor in home.sensors}
        self._events = _by_day(events, first_us, lambda event: event.time_us)
        rooms = [room.room_id for room in home.rooms]
        self._clock = LocalClock(home.time_zone)
        days = [self._clock.at(first_us + day * DAY_US + DAY_US // 2).date() for day in range(_WEEK)]
        self._derived = Derived(store, lived.path, days)
        self._features: dict[str, FeatureTable] = {
            room_id: lived.features.read(room_id, first_us, end_us, FEATURE_SET_VERSION) for room_id in rooms
        }
        self._labels = {
            room_id: _by_day(
                [
                    label
                    for label in lived.labels.read(0, end_us, room_id, sources=[LabelSource.HINDSIGHT])
                    if label.start_us >= first_us
                ],
                first_us,
                lambda label: label.start_us,
            )
            for room_id in [*rooms, HOME]
        }
        self._episodes = {
            room_id: _by_day(
                [e for e in lived.episodes.read(room_id, first_us, end_us) if e.start_us >= first_us],
                first_us,
                lambda episode: episode.start_us,
            )
            for room_id in [*rooms, HOME, SLEEP]
        }
        self._jobs = {job.job_type for job in lived.jobs.recent(100)}
        self._models = list(lived.runs.artifacts_in_service().values())
        self._streams = [lived.bocpd.load_state(stream) for stream in lived.bocpd.streams()]
        self._choice = random.Random(SEED)  # noqa: S311
        store.features.set_names(FEATURE_SET_VERSION, lived.features.names(FEATURE_SET_VERSION) or ())
        for name in lived.checkpoints.names():
            saved = lived.checkpoints.load(name)
            assert saved is not None
            store.checkpoints.save(name, end_us, saved.payload)

    def write(self) -> None:
        """All days, with their nights."""
        for ago in range(ALL_DAYS, 0, -1):
            which = (_WEEK - ago) % _WEEK
            by_us = self.end_us - (ago - 1) * DAY_US - (which + 1) * DAY_US - self._first_us
            if ago <= DAYS:
                self._events_of(which, by_us)
                self._windows_of(which, by_us)
            now_us = self.end_us - (ago - 1) * DAY_US
            self._night_of(which, by_us, now_us)
            if ago > 1:
                for _ in self.store.trim(now_us):
                    pass
            self.store.checkpoint()
        self._derived.end(self.end_us)
        # What the host keeps of how far it has come: nothing is left to be read, and the night is over.
        told = {"read_until_us": {}, "replay_due": False, "trained_once": True, "night_us": self.end_us}
        watched = sorted(sensor.entity_id for sensor in self.home.sensors)
        self.store.metadata.set("host_progress", json.dumps({"complete": watched, **told}))
        self.store.metadata.set("labelled_until", str(self.end_us))
        self.store.metadata.set_us("last_ingest_at", self.end_us)

    def _events_of(self, which: int, by_us: int) -> None:
        events = [replace(event, time_us=event.time_us + by_us) for event in self._events[which]]
        for first in range(0, len(events), BATCH):
            self.store.events.append(events[first : first + BATCH], self._roles)

    def _windows_of(self, which: int, by_us: int) -> None:
        """Feature rows and predictions, five minutes after five minutes as they come."""
        for step in range(which * _STEPS, (which + 1) * _STEPS):
            end_us = self._first_us + (step + 1) * WINDOW_US
            blocks = []
            for room_id, table in self._features.items():
                row = slice(*np.searchsorted(table.window_end_us, (end_us, end_us + 1)).tolist())
                blocks.append(
                    FeatureBlock(
                        room_id,
                        FEATURE_SET_VERSION,
                        table.window_start_us[row] + by_us,
                        table.window_end_us[row] + by_us,
                        end_us + by_us,
                        table.activity[row],
                        table.vectors[row],
                    )
                )
            told = [shown(room_id, end_us + by_us, self._choice) for room_id in [*self._features, HOME]]
            with self.store.transaction():
                self.store.features.write(blocks)
                self.store.predictions.write(told)

    def _night_of(self, which: int, by_us: int, now_us: int) -> None:
        """Labels, episodes, runs, models, posteriors, scores, jobs, and a correction a day."""
        ended = self._clock.at(now_us - DAY_US // 2).date()
        day = ended.isoformat()
        store, first_us = self.store, self._first_us + which * DAY_US + by_us
        with store.transaction():
            for room_id, labels in self._labels.items():
                # A week is repeated: what reached over the end of its day is cut there.
                moved = [
                    replace(
                        x,
                        start_us=max(x.start_us + by_us, first_us),
                        end_us=min(x.end_us + by_us, now_us),
                        known_at_us=now_us,
                    )
                    for x in labels[which]
                    if x.start_us + by_us < now_us and x.end_us + by_us > first_us
                ]
                store.labels.replace_hindsight([room_id], first_us, now_us, moved)
            for room_id, episodes in self._episodes.items():
                stays = [
                    replace(x, start_us=x.start_us + by_us, end_us=x.end_us + by_us) for x in episodes[which]
                ]
                store.episodes.replace(room_id, first_us, now_us, stays)
            said_us = self._choice.randrange(first_us, now_us)
            room_id = self._choice.choice(self.home.rooms).room_id
            store.labels.add(
                Label(said_us, said_us + WINDOW_US, 1.0, 6.0, LabelSource.CORRECTION, said_us, room_id)
            )
            for number, room in enumerate(self.home.rooms):
                run_id = store.runs.start_run(room.room_id, "schedule", now_us, FEATURE_SET_VERSION)
                # Where the lived week was too short for a model, a neighbour's stands for it.
                model = self._models[number % len(self._models)]
                store.runs.save_artifact(
                    run_id, room.room_id, now_us, FEATURE_SET_VERSION, model.payload, model.metrics
                )
                store.runs.finish_run(
                    run_id, RunStatus.COMPLETED, now_us, rows=24_000, days=84, metrics=model.metrics
                )
            for state in self._streams:
                assert state is not None
                run_id = store.bocpd.start_run(state.stream, "schedule", now_us, FEATURE_SET_VERSION)
                store.bocpd.save_state(state.stream, now_us, state.payload, run_id)
                store.bocpd.finish_run(run_id, RunStatus.COMPLETED, now_us, rows=24_000)
            for name in sorted(self._jobs):
                job = store.jobs.start(name, day, now_us)
                store.jobs.finish(job, JobStatus.COMPLETED, now_us)
        self._derived.day(which, ended, self._first_us + which * DAY_US, by_us, now_us)


def _by_day[T](items: Sequence[T], first_us: int, when: Callable[[T], int]) -> list[list[T]]:
    days: list[list[T]] = [[] for _ in range(_WEEK)]
    for item in items:
        days[min((when(item) - first_us) // DAY_US, _WEEK - 1)].append(item)
    return days


def built(folder: Path) -> tuple[Store, Home, int]:
    """The file, open, one night short of its retention; the home; the time in microseconds UTC."""
    home, events, end_us = house()
    engine = learned(folder / "week.db", home, events, end_us)
    tell(engine, end_us - _WEEK * DAY_US, end_us)
    store = Store.open(folder / "years.db", end_us - ALL_DAYS * DAY_US)
    Year(store, engine.store, home, events, end_us).write()
    engine.close()
    return store, home, end_us


def measured(folder: Path) -> list[Measure]:
    """Everything about the file."""
    store, home, now_us = built(folder)
    path = store.path
    found = [Measure(PART, "nightly retention", _nightly(store, now_us), "s", 10.0)]
    store.close()
    found.append(Measure(PART, "file", path.stat().st_size / 1e6, "MB", 250.0))
    found += _sizes(path)
    found += _views(path, now_us)
    found += host.answers(folder, path, home, PART)
    return found


def _nightly(store: Store, now_us: int) -> float:
    return seconds(lambda: sum(store.trim(now_us)))


def _sizes(path: Path) -> list[Measure]:
    rows = counted(path)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        sizes = connection.execute(
            "SELECT tbl_name, sum((SELECT pgsize FROM dbstat WHERE aggregate = TRUE AND dbstat.name = m.name)) AS size"
            " FROM sqlite_schema m WHERE rootpage > 0 GROUP BY 1 ORDER BY size DESC"
        ).fetchall()
    told = [
        Measure(PART, f"{name}, {rows[name]:,} rows", size / 1e6, "MB")
        for name, size in sizes
        if size >= _WORTH_TELLING
    ]
    empty = [name for name, count in rows.items() if not count]
    others = sum(size for _, size in sizes if size < _WORTH_TELLING)
    return [
        *told,
        Measure(PART, f"the other {len(sizes) - len(told)} tables", others / 1e6, "MB"),
        Measure(PART, f"tables without a row {', '.join(empty)}".rstrip(), len(empty), ""),
    ]


def documented(text: str, now_us: int) -> dict[str, str]:
    """The query that the page of contracts documents for each view, asked at a time in microseconds UTC."""
    text = text.replace("'now'", f"'{from_us(now_us).date().isoformat()}'")
    return {
        part.split("\n", 1)[0].strip(): re.findall(r"```sql\n(.*?)```", part, re.DOTALL)[-1]
        for part in text.split("\n## ")
        if part.startswith("vw_")
    }


def _views(path: Path, now_us: int) -> list[Measure]:
    """The documented query of each view, and what a person asks who only looks what is there."""
    found = []
    for view, query in documented(CONTRACTS.read_text(encoding="utf-8"), now_us).items():
        found += _timed(path, f"{view}, as documented", partial(_fetched, query=query))
        first = f"SELECT * FROM {view} LIMIT 10"  # noqa: S608
        found += _timed(path, f"{view}, any ten rows", partial(_fetched, query=first))
    return found


def _fetched(connection: sqlite3.Connection, query: str) -> list[object]:
    return connection.execute(query).fetchall()


def _timed(path: Path, name: str, answer: Callable[[sqlite3.Connection], object]) -> list[Measure]:
    """The median of some reads, each through a connection of its own: as felt, and the processor's part."""
    felt, spent = [], []
    for _ in range(_READS):
        begin, begun = perf_counter(), thread_time()
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            answer(connection)
        felt.append((perf_counter() - begin) * 1e3)
        spent.append((thread_time() - begun) * 1e3)
    middle = _READS // 2
    return [
        Measure(PART, name, sorted(felt)[middle], "ms", 50.0),
        Measure(PART, "  of it on the processor", sorted(spent)[middle], "ms"),
    ]
