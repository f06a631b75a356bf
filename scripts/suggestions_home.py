"""Drafts suggestions for a recorded home without its last days, then counts how they did on those days."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
import sys
import tempfile
import time

from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US, Event
from custom_components.occupancy_ml.engine.home import Home
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.replay import RecordingError, load_recording
from custom_components.occupancy_ml.engine.routines import Routines
from custom_components.occupancy_ml.engine.routines.suggestions import RISKY, Policy, Suggester
from custom_components.occupancy_ml.engine.routines.suggestions.backtest import Backtest
from custom_components.occupancy_ml.engine.routines.suggestions.compose import evidence
from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.suggestions import Suggestion
from tests.simulator.planted import planted_home

_BATCH = 5000


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/suggestions", description=__doc__)
    parser.add_argument("home", type=Path, help="folder with home.json and events.csv, or `planted`")
    parser.add_argument("--days", type=int, default=56, help="days of the planted home")
    parser.add_argument("--seed", type=int, default=1, help="seed of the planted home")
    parser.add_argument("--last", type=int, default=14, help="days kept back to count on")
    parser.add_argument("--bar", type=float, default=0.75, help="share of right firings that must be certain")
    parser.add_argument("--risky", action="store_true", help="allow every class")
    given = parser.parse_args()
    home: Home
    events: Sequence[Event]
    if given.home == Path("planted"):
        garden = planted_home(given.days, given.seed)
        home, events = garden.home, garden.events
    else:
        try:
            recording = load_recording(given.home)
        except RecordingError as error:
            print(f"scripts/suggestions: {error}", file=sys.stderr)
            return 2
        home, events = recording.home, recording.events
    policy = Policy(given.bar, frozenset(each.value for each in RISKY if given.risky), most_open=1000)
    with tempfile.TemporaryDirectory() as folder:
        told(given.home.name, home, events, Path(folder) / "occupancy_ml.db", given.last, policy)
    return 0


def told(name: str, home: Home, events: Sequence[Event], path: Path, last: int, policy: Policy) -> None:
    """Print what would have been offered, and what came of it."""
    end_us = events[-1].time_us + MINUTE_US
    then_us = end_us - last * DAY_US
    store = Store.open(path, end_us)
    clock = LocalClock(home.time_zone)
    roles = {s.entity_id: (s.role, s.room_id) for s in home.sensors}
    try:
        for first in range(0, len(events), _BATCH):
            store.events.append(events[first : first + _BATCH], roles)
        routines = Routines(store, home, clock)
        done(routines.backfill((then_us - events[0].time_us) // DAY_US + 2, then_us))
        patterns = routines.patterns()
        desk = Suggester(store, home, clock, lambda: patterns, policy)
        begin = time.perf_counter()
        slices, longest = done(desk.night(then_us))
        seconds = time.perf_counter() - begin
        for draft in desk.due(then_us):
            desk.offer(draft.suggestion_id or 0, draft.description, "", then_us)
        offered = desk.open(then_us)
        desk.policy = Policy(0.0, policy.allowed, policy.most_open)
        done(desk.night(end_us))
        after = {each.suggestion_id: each for each in desk.read()}
    finally:
        store.close()
    print(f"{name}: {len(events)} events, {len(patterns)} patterns, {len(offered)} suggestions")
    print(f"drafting: {seconds:.2f} s in {slices} slices, the longest {1000 * longest:.1f} ms")
    right = wrong = 0
    for number, suggestion in enumerate(offered, 1):
        later = Backtest.from_json(dict(after[suggestion.suggestion_id].backtest))
        right, wrong = right + later.new_right, wrong + later.new_wrong
        print(
            f"{number:3d}. {suggestion.description} [{suggestion.category}, safety {suggestion.safety_score}]"
        )
        print(
            f"     {before(suggestion)} In the {last} days after: {later.new_right} right, {later.new_wrong} wrong."
        )
    print(f"all, in the {last} days after: {right} right, {wrong} wrong")


def before(suggestion: Suggestion) -> str:
    """What the user would have been told."""
    return evidence(Backtest.from_json(dict(suggestion.backtest)))


def done(work: Iterator[float]) -> tuple[int, float]:
    """Do all slices; how many, and the seconds of the longest."""
    slices, longest = 0, 0.0
    begin = time.perf_counter()
    for _ in work:
        slices, longest = slices + 1, max(longest, time.perf_counter() - begin)
        begin = time.perf_counter()
    return slices, longest


if __name__ == "__main__":
    sys.exit(main())
