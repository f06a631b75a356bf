"""What each member of the ensemble is worth on a recorded home, and how often forecasts are sure and right."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
import sys
import tempfile

import numpy as np

from custom_components.occupancy_ml.engine.events import DAY_US
from custom_components.occupancy_ml.engine.forecast.bins import crps
from custom_components.occupancy_ml.engine.forecast.boosting import Boosting
from custom_components.occupancy_ml.engine.forecast.forecaster import Forecaster
from custom_components.occupancy_ml.engine.forecast.gaussian_process import GaussianProcess
from custom_components.occupancy_ml.engine.forecast.logistic_hazard import LogisticHazard
from custom_components.occupancy_ml.engine.forecast.model import ProcessModel
from custom_components.occupancy_ml.engine.forecast.moments import Moments
from custom_components.occupancy_ml.engine.forecast.processes import Process
from custom_components.occupancy_ml.engine.forecast.recurrent import Recurrent
from custom_components.occupancy_ml.engine.forecast.rows import Rows, rows_of
from custom_components.occupancy_ml.engine.forecast.validator import added
from custom_components.occupancy_ml.engine.home import Home
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.replay import load_recording, replay
from custom_components.occupancy_ml.engine.snapshot import HOME
from custom_components.occupancy_ml.engine.store import Store

from .forecast_recurrent import compared

_FIRST_DAYS, _REFIT_DAYS = 28, 7
_LEAST_EVENTS = 30


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/forecasts", description=__doc__)
    parser.add_argument("what", choices=["members", "recurrent"])
    parser.add_argument("home", type=Path, help="folder with home.json and events.csv")
    parser.add_argument("--process", action="append", help="a room, @home or @sleep; all where left out")
    parser.add_argument(
        "--store", type=Path, help="the file that a replay of the home left; else it is replayed"
    )
    given = parser.parse_args()
    recording = load_recording(given.home)
    with tempfile.TemporaryDirectory() as folder:
        path = given.store or Path(folder) / "occupancy_ml.db"
        if given.store is None:
            for _ in replay(recording, path):
                pass
        store = Store.open(path, recording.events[-1].time_us)
        try:
            _print_compared(store, recording.home, given.process, given.what)
            if given.what == "members":
                _print_sure(store)
        finally:
            store.close()
    return 0


def _print_compared(store: Store, home: Home, wanted: list[str] | None, what: str) -> None:
    forecaster = Forecaster(store, home)
    clock = LocalClock(home.time_zone)
    span = store.forecasts.moments_span(forecaster.key)
    if span is None:
        print("The store holds no moments.", file=sys.stderr)
        return
    times, vectors = store.forecasts.moments(span[0], span[1] - DAY_US, forecaster.key)
    moments = Moments.of(forecaster.layout, times, vectors)
    each = (
        "each day predicted by what was known a day before; weight in the pool"
        if what == "members"
        else "fitted once a week to what was known a day before; processor time of a fit"
    )
    print(f"CRPS in minutes, days {_FIRST_DAYS} on, {each}")
    did = {
        process: Process.of(store.episodes.read(process, span[0] - DAY_US, span[1] + DAY_US))
        for process in forecaster.layout.processes
    }
    for number, process in enumerate(forecaster.layout.processes):
        if wanted and process not in wanted:
            continue
        rows = rows_of(forecaster.layout, moments, clock, number, did[process], did[HOME])
        lines = _compared(process, rows) if what == "members" else compared(process, rows, moments.chance)
        for line in lines:
            print(line, flush=True)


def _compared(process: str, rows: Rows) -> Iterator[str]:
    """A line for each direction with enough changes."""
    model = ProcessModel([Recurrent(), LogisticHazard(), Boosting(), GaussianProcess()])
    losses: dict[int, list[np.ndarray]] = defaultdict(list)
    begin_us, end_us = int(rows.time_us[0]), int(rows.time_us[-1])
    first_us = begin_us + _FIRST_DAYS * DAY_US
    # Some days before the first scored ones teach how to combine.
    for number, start_us in enumerate(range(first_us - 2 * _REFIT_DAYS * DAY_US, end_us, DAY_US)):
        past = rows.take(rows.time_us < start_us - DAY_US)
        work = model.fit(past) if number % _REFIT_DAYS == 0 else model.update(past, start_us - 2 * DAY_US)
        for _ in work:
            pass
        day = rows.take((rows.time_us >= start_us) & (rows.time_us < start_us + DAY_US))
        if not len(day):
            continue
        answer = model.foretell(day)
        every = np.concatenate([answer.members, answer.pooled[None]])
        found = crps(every, np.repeat(day.wait[None], len(every), axis=0))
        known = np.isfinite(found).all(axis=0) & (start_us >= first_us)
        for side in (0, 1):
            losses[side].append(found[:, known & (day.believed == bool(side))])
        for _ in model.learn(day, answer):
            pass
    names = [member.name for member in model.members]
    for side, parts in sorted(losses.items()):
        loss = np.concatenate(parts, axis=1)
        changes = int(((rows.time_us >= first_us) & (rows.believed == bool(side)) & (rows.wait < 15)).sum())
        if changes < _LEAST_EVENTS or not loss.shape[1]:
            continue
        told = [
            f"{name} {mean:.1f} ({weight:.2f})"
            for name, mean, weight in zip(
                names, loss[:-1].mean(axis=1), model.pools[side].stack.weights, strict=True
            )
        ]
        change = "becomes vacant" if side else "becomes occupied"
        yield f"{process} {change}: pool {loss[-1].mean():.1f}; {', '.join(told)}"


def _print_sure(store: Store) -> None:
    """How often published forecasts said "within 20 minutes at 80 %", and how often that was true."""
    scores = store.forecasts.scores("0001-01-01", "9999-12-31")
    total = added(score.sums["published"] for score in scores if "published" in score.sums)
    if not total.get("n"):
        return
    said, n = total["sure"], total["n"]
    true = total["sure_true"] / said if said else float("nan")
    print(
        f"Within 20 minutes at 80 %: said in {said / n:.3f} of {n:.0f} published forecasts, true in {true:.3f} of them"
    )


if __name__ == "__main__":
    sys.exit(main())
