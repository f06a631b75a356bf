"""Finds the routines of a recorded home, all at once, and prints the strongest."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
import random
import sys
import tempfile
import time

from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US, Event
from custom_components.occupancy_ml.engine.home import Home
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.replay import RecordingError, load_recording
from custom_components.occupancy_ml.engine.routines import Pattern, Routines
from custom_components.occupancy_ml.engine.store import Store

_BATCH = 5000


def main() -> int:
    """Run the command line; two more commands have modules of their own, since they need the simulator."""
    if sys.argv[1:2] == ["planted"]:
        planted: Callable[[Sequence[str]], int] = import_module("scripts.routines_planted").main
        return planted(sys.argv[2:])
    if sys.argv[1:2] == ["bench"]:
        bench: Callable[[Sequence[str]], int] = import_module("scripts.routines_bench").main
        return bench(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="scripts/routines", description=__doc__)
    parser.add_argument("home", type=Path, help="folder with home.json and events.csv")
    parser.add_argument("--top", type=int, default=20, help="how many to print")
    parser.add_argument("--shuffle", type=int, metavar="SEED", help="turn each entity's day by chance first")
    given = parser.parse_args()
    try:
        recording = load_recording(given.home)
    except RecordingError as error:
        print(f"scripts/routines: {error}", file=sys.stderr)
        return 2
    events: Sequence[Event] = recording.events
    if given.shuffle is not None:
        events = turned(events, LocalClock(recording.home.time_zone), given.shuffle)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        patterns = found_in(recording.home, events, Path(folder) / "occupancy_ml.db")
    seconds = time.perf_counter() - begin
    kinds = Counter(pattern.pattern_type.value for pattern in patterns)
    print(f"{recording.name}: {len(events)} events, {len(patterns)} patterns, {seconds:.1f} s")
    print(", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())))
    for number, pattern in enumerate(patterns[: given.top], 1):
        stats = pattern.statistics
        print(
            f"{number:3d}. [{pattern.pattern_type.value}, {pattern.life.value}] {pattern.description};"
            f" effect {stats.effect:.1f}, rate {stats.low:.2f} to {stats.high:.2f}, q {stats.q_value:.3f}"
        )
    return 0


def found_in(home: Home, events: Sequence[Event], path: Path, now_us: int | None = None) -> list[Pattern]:
    """The patterns of all days that had ended by a moment (that of the last event where left out), the strongest first."""
    now_us = events[-1].time_us + MINUTE_US if now_us is None else now_us
    days = (now_us - events[0].time_us) // DAY_US + 2
    store = Store.open(path, now_us)
    roles = {s.entity_id: (s.role, s.room_id) for s in home.sensors}
    try:
        for first in range(0, len(events), _BATCH):
            store.events.append(events[first : first + _BATCH], roles)
        routines = Routines(store, home, LocalClock(home.time_zone))
        for _ in routines.backfill(days, now_us):
            pass
        return routines.patterns()
    finally:
        store.close()


def turned(events: Sequence[Event], clock: LocalClock, seed: int) -> list[Event]:
    """The same events, with each entity's day turned by its own random angle: no routine is left."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    angles: dict[tuple[str, int], int] = {}
    moved = []
    for event in events:
        day = clock.at(event.time_us).date()
        start_us, end_us = clock.day_bounds(day)
        key = (event.entity_id, day.toordinal())
        angle = angles.setdefault(key, rng.randrange(end_us - start_us))
        moved.append(
            replace(event, time_us=start_us + (event.time_us - start_us + angle) % (end_us - start_us))
        )
    return sorted(moved, key=lambda event: (event.time_us, event.entity_id))


if __name__ == "__main__":
    sys.exit(main())
