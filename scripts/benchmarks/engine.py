"""The engine alone, without Home Assistant: ingest, ticks, the night, replays, the file."""

from __future__ import annotations

import gc
from pathlib import Path
from time import perf_counter, process_time

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.replay import Recording, replay
from custom_components.occupancy_ml.engine.store.retention import Retention
from scripts.benchmarks.homes import BATCH, WEEKS, learned, simulated
from scripts.benchmarks.report import Measure, percentiles, seconds

_TICKS = 600
_TICK_BUDGET_MS = {5: 2.0, 20: 6.0}
_REPLAY_DAYS = 10


def ingest(folder: Path) -> list[Measure]:
    """A day of 200,000 events: stored only, and live with features on the way; the size of the file."""
    simulation = simulated(20, 1, events_per_day=200_000)
    events = simulation.events
    batches = [events[first : first + BATCH] for first in range(0, len(events), BATCH)]
    found = []
    for name, live in (("stored, as an import", False), ("live, with features and states", True)):
        engine = Engine.open(folder / f"ingest_{live}.db", simulation.home, simulation.start_us)
        take = engine.ingest if live else engine.import_events
        begin, begun = perf_counter(), process_time()
        for batch in batches:
            take(batch)
            if live:
                engine.tick(batch[-1].time_us)
        spent, worked = perf_counter() - begin, process_time() - begun
        count = engine.store.events.count()
        found += [
            Measure("ingest", name, count / spent, "events/s", 20_000, at_least=True),
            Measure("ingest", "  by the processor's time alone", count / worked, "events/s"),
        ]
        engine.close()
        if not live:
            size = engine.store.size_bytes() / count * 100_000 / 1e6
    found.append(Measure("ingest", "file, 100,000 events", size, "MB"))
    return found


def ticks(folder: Path, rooms: int) -> list[Measure]:
    """`Engine.tick` minute by minute over a morning and a day, with what happens in between."""
    simulation = simulated(rooms, 6)
    now_us = simulation.end_us - (_TICKS + 360) * MINUTE_US
    before = [event for event in simulation.events if event.time_us < now_us]
    engine = learned(folder / f"ticks_{rooms}.db", simulation.home, before, now_us)
    engine.close()
    events = iter(simulation.events[len(before) :])
    following = next(events, None)
    spent: dict[bool, list[float]] = {False: [], True: []}
    folds = []
    for durable in (False, True):
        path = folder / f"ticks_{rooms}.db"
        engine = Engine.open(path, simulation.home, now_us, durable=durable)
        for _ in range(_TICKS // 2):
            now_us += MINUTE_US
            happened = []
            while following is not None and following.time_us < now_us:
                happened.append(following)
                following = next(events, None)
            engine.ingest(happened)
            begin = perf_counter()
            engine.tick(now_us)
            spent[durable].append((perf_counter() - begin) * 1e3)
            if not durable:
                folds.append(seconds(engine.store.checkpoint) * 1e3)
        engine.close()
    part = f"features and predictions, {rooms} rooms"
    mean = sum(spent[False]) / len(spent[False])
    return [
        Measure(part, "one tick with its writes, mean", mean, "ms", _TICK_BUDGET_MS[rooms]),
        *percentiles(part, "one tick with its writes", spent[False], "ms"),
        *percentiles(part, "folding the log into the file (fsync)", folds, "ms"),
        *percentiles(part, "one tick, fold and state saved with it", spent[True], "ms"),
    ]


def night(path: Path, engine: Engine, now_us: int, bytes_per_event: float) -> list[Measure]:
    """The whole night over `WEEKS` weeks of rows; the file as it is after them.

    Args:
        path: the engine's file.
        engine: one that has learned from weeks.
        now_us: microseconds UTC.
        bytes_per_event: what an event takes in the file.
    """
    rooms = len(engine.home.rooms)
    slices: list[tuple[float, str]] = []
    # What the measuring itself holds (weeks of events) is no part of what a collection of garbage looks through.
    gc.collect()
    gc.freeze()
    before = gc.get_stats()[2]["collections"]
    steps = engine.night(now_us)
    name = "begin"
    while True:
        begin = perf_counter()
        step = next(steps, None)
        name = name if step is None else step.name
        slices.append((perf_counter() - begin, name))
        if step is None:
            break
    worst, where = max(slices)
    rows = engine.store.features.count(FEATURE_SET_VERSION)
    trained = sum(report.rows for report in engine.training_report().rooms.values())
    collections = gc.get_stats()[2]["collections"] - before
    gc.unfreeze()
    engine.close()
    part = f"a night, {rooms} rooms, {WEEKS} weeks"
    events_a_month = 100_000 * Retention().raw_events * bytes_per_event
    return [
        Measure(part, "all of it", sum(spent for spent, _ in slices), "s", 30.0),
        Measure(part, f"longest slice (in {where})", worst * 1e3, "ms", 100.0),
        Measure(part, "full collections of garbage meanwhile", collections, ""),
        Measure(part, "labelled rows trained on", trained, "rows"),
        Measure(part, "feature rows in the file", rows, "rows"),
        Measure(
            part,
            "file, with 100,000 events a day for the default retention",
            (path.stat().st_size + events_a_month) / 1e6,
            "MB",
            250.0,
        ),
    ]


def replayed(folder: Path) -> list[Measure]:
    """A recorded home of six rooms through the engine, nights included."""
    simulation = simulated(6, _REPLAY_DAYS)
    recording = Recording("simulated", simulation.home, tuple(simulation.events))
    spent = seconds(lambda: sum(1 for _ in replay(recording, folder / "replay.db")))
    # A month in two minutes.
    return [Measure("replay, 6 rooms", "days a minute", _REPLAY_DAYS / spent * 60, "days", 15, at_least=True)]
