"""Forecasts of a large home: a look at all of them, and everything fitted from scratch, over weeks of INVENTED stays."""

from __future__ import annotations

import itertools
from pathlib import Path
from time import perf_counter

import numpy as np

from custom_components.occupancy_ml.engine.adaptation.retraining import Cause
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES
from custom_components.occupancy_ml.engine.forecast.forecaster import Forecaster
from custom_components.occupancy_ml.engine.forecast.moments import MOMENT_US, Layout, Watch
from custom_components.occupancy_ml.engine.home import Home, Room
from custom_components.occupancy_ml.engine.snapshot import HomeState, Learning, RoomState, Snapshot, Source
from custom_components.occupancy_ml.engine.store import Episode, Store
from scripts.benchmarks.homes import WEEKS
from scripts.benchmarks.report import Measure, percentiles

_LOOKS = 100
_FIRST_US = 20_500 * DAY_US


def measured(folder: Path, rooms: int = 20) -> list[Measure]:
    """Looks and nights of a home of so many rooms with `WEEKS` weeks behind it."""
    home = Home("Europe/Berlin", tuple(Room(f"room_{n}") for n in range(rooms)), ())
    store = Store.open(folder / f"forecasts_{rooms}.db", _FIRST_US)
    now_us = _FIRST_US + WEEKS * 7 * DAY_US
    states = _fill(store, home, now_us)
    forecaster = Forecaster(store, home)
    first = _night(forecaster, now_us)
    for process in forecaster.layout.processes:
        forecaster.retrain(process, Cause.REQUEST)
    again = _night(forecaster, now_us)
    looks = []
    for number in range(_LOOKS):
        snapshot, vectors = _shown(home, states[:, number % states.shape[1]], now_us + number * 5 * MINUTE_US)
        begin = perf_counter()
        forecaster.look(snapshot, vectors, {})
        looks.append((perf_counter() - begin) * 1e3)
    store.close()
    part = f"forecasts, {rooms} rooms, {WEEKS} weeks"
    return [
        Measure(part, "all forecasts, mean", float(np.mean(looks)), "ms", 10.0),
        *percentiles(part, "all forecasts", looks, "ms"),
        Measure(part, "full retrain", sum(again), "s", 30.0),
        Measure(part, "longest slice of it", max(again) * 1e3, "ms"),
        Measure(part, "the first night, four weeks predicted as they were to come", sum(first), "s"),
        Measure(part, "longest slice of it", max(first) * 1e3, "ms"),
    ]


def _night(forecaster: Forecaster, now_us: int) -> list[float]:
    """Seconds of every slice."""
    slices = []
    work = forecaster.night(now_us)
    while True:
        begin = perf_counter()
        share = next(work, None)
        slices.append(perf_counter() - begin)
        if share is None:
            return slices


def _fill(store: Store, home: Home, now_us: int) -> np.ndarray:
    """Stays and moments of every process; (R + 1, n) whether each was occupied at the moments."""
    rng = np.random.default_rng(1)
    times = np.arange(_FIRST_US, now_us, MOMENT_US, dtype=np.int64)
    layout = Layout.of(home)
    columns = []
    for process in layout.processes[:-1]:
        lengths = rng.gamma(1.5, 40.0, len(times) // 4).astype(np.int64) + 6
        edges = _FIRST_US + np.concatenate([[0], np.cumsum(lengths)]) * MINUTE_US
        edges = np.append(edges[edges < now_us], now_us)
        store.episodes.replace(
            process,
            _FIRST_US,
            now_us,
            [
                Episode(process, int(a), int(b), n % 2 == 1, 1.0)
                for n, (a, b) in enumerate(itertools.pairwise(edges))
            ],
        )
        columns.append((np.searchsorted(edges, times, side="right") - 1) % 2 == 1)
    states = np.array(columns)
    watch = Watch(layout)
    vectors = []
    for number, time_us in enumerate(times.tolist()):
        _, features = _shown(home, states[:, number], time_us)
        vectors.append(watch.see(time_us, features, np.where(states[:, number], 0.99, 0.01)))
    store.forecasts.add_moments(times, Forecaster(store, home).key, np.array(vectors))
    return states


def _shown(home: Home, states: np.ndarray, time_us: int) -> tuple[Snapshot, np.ndarray]:
    chances = np.where(states, 0.99, 0.01)
    rooms = {
        room.room_id: RoomState(room.room_id, float(chance), bool(state), Source.PRIOR)
        for room, chance, state in zip(home.rooms, chances, states, strict=False)
    }
    vectors = np.zeros((len(home.rooms), len(FEATURE_NAMES)))
    return Snapshot(time_us, HomeState(float(chances[-1]), bool(states[-1]), Learning.READY), rooms), vectors
