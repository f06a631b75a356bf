"""How many of the routines planted in SIMULATED homes are found, and how many of those found are true."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
import json
from pathlib import Path
import sys
import tempfile
from typing import Any

from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.routines import Pattern
from scripts.routines_home import found_in, turned
from tests.simulator.planted import (
    FOLLOWS,
    KINDS,
    Planted,
    PlantedHome,
    Strength,
    planted_home,
    seasonal_home,
)


def main(arguments: Sequence[str]) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/routines planted", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of the homes")
    parser.add_argument("--days", type=int, default=59)
    parser.add_argument("--false", action="store_true", dest="show", help="print what was found and is false")
    parser.add_argument("--missed", action="store_true", help="print what was not found")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    score = Score()
    for seed in given.seeds:
        for home in (planted_home(given.days, seed), seasonal_home(730, seed)):
            score.add(home, patterns_of(home))
            mixed = turned(home.events, LocalClock(home.home.time_zone), seed)
            with tempfile.TemporaryDirectory() as folder:
                chance = found_in(home.home, mixed, Path(folder) / "occupancy_ml.db", home.end_us)
            # To turn a day leaves what days, weeks and months differ in.
            score.by_chance += len([p for p in chance if p.pattern_type.value in TURNED and _is_own(p, home)])
    if given.json:
        print(json.dumps(score.table()))
        return 0
    print(f"SIMULATED homes, seeds {', '.join(map(str, given.seeds))}, {given.days} days (seasonal: 730)")
    print(f"{'kind':14s} {'strong':>12s} {'middling':>12s} {'weak':>12s} {'precision':>14s}")
    for row in score.table():
        cells = [f"{row[s.value][0]}/{row[s.value][1]}" for s in Strength]
        print(
            f"{row['kind']:14s} {cells[0]:>12s} {cells[1]:>12s} {cells[2]:>12s} {row['true']}/{row['found']:>10d}"
        )
    print(f"on turned days: {score.by_chance} patterns, on the days as they were: {score.turned_kinds()}")
    if given.show:
        print("false:", *score.false, sep="\n  ")
    if given.missed:
        print("missed:", *score.missed, sep="\n  ")
    return 0


# The kinds whose routine a turned day destroys.
TURNED = frozenset({"time_of_day", "co_occurrence", "sequence", "room_based", "session"})


def patterns_of(home: PlantedHome) -> list[Pattern]:
    """What is found in a planted home."""
    with tempfile.TemporaryDirectory() as folder:
        return found_in(home.home, home.events, Path(folder) / "occupancy_ml.db", home.end_us)


def _is_own(pattern: Pattern, home: PlantedHome) -> bool:
    """Whether it is about something planted or a decoy, so that it is known whether it is true."""
    if pattern.pattern_type.value in ("room_based", "session"):
        return pattern.room_id in home.own
    return any(entity_id in home.own for entity_id in pattern.entities)


def is_true(pattern: Pattern, planted: Planted) -> bool:
    """Whether a pattern is what was planted, or follows from it."""
    kind = pattern.pattern_type.value
    if kind not in FOLLOWS[planted.kind]:
        return False
    if kind in ("room_based", "session"):
        return pattern.room_id == planted.room_id and pattern.parameters.get("kind", "busy") == "busy"
    if kind in ("co_occurrence", "sequence"):
        order = [
            planted.entities.index(s.entity_id) if s.entity_id in planted.entities else -1
            for s in pattern.steps
        ]
        return order == sorted(order) and order[0] >= 0
    told = {"context": "context", "season": "season", "date": "date", "day_type": "day_type"}
    given = planted.parameters or {}
    agrees = all(pattern.parameters.get(mine) == given[name] for name, mine in told.items() if name in given)
    return set(pattern.entities) <= set(planted.entities) and agrees


def is_found(planted: Planted, patterns: Sequence[Pattern]) -> bool:
    """Whether a planted routine is among the patterns, by the detector it was planted for."""
    mine = [p for p in patterns if p.pattern_type.value == planted.kind and is_true(p, planted)]
    given = planted.parameters or {}
    if "minute" in given:
        at = float(str(given["minute"]))
        mine = [p for p in mine if p.when.minute is not None and abs(p.when.minute - at) <= 20]
    if "hour" in given:
        mine = [p for p in mine if given["hour"] in p.when.hours]
    if "median_s" in given:
        median = float(str(given["median_s"]))
        mine = [p for p in mine if abs(p.parameters["median_s"] - median) <= 0.25 * median]
    if planted.kind == "sequence":
        mine = [p for p in mine if p.steps[-1].entity_id == planted.entities[-1]]
    return bool(mine)


class Score:
    """Found and missed by kind and strength, true and false by kind."""

    def __init__(self) -> None:
        self.hits: Counter[tuple[str, Strength]] = Counter()
        self.all: Counter[tuple[str, Strength]] = Counter()
        self.true: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.false: list[str] = []
        self.missed: list[str] = []
        self.by_chance = 0

    def add(self, home: PlantedHome, patterns: Sequence[Pattern]) -> None:
        """Count the patterns of a home."""
        for planted in home.planted:
            key = (planted.kind, planted.strength)
            self.all[key] += 1
            if is_found(planted, patterns):
                self.hits[key] += 1
            else:
                self.missed.append(f"{planted}")
        for pattern in patterns:
            if not _is_own(pattern, home):
                continue
            kind = pattern.pattern_type.value
            self.found[kind] += 1
            if any(is_true(pattern, planted) for planted in home.planted):
                self.true[kind] += 1
            else:
                self.false.append(f"[{kind}] {pattern.description} q {pattern.statistics.q_value:.3f}")

    def turned_kinds(self) -> int:
        """How many patterns of the kinds that turned days destroy were found on days as they were."""
        return sum(self.found[kind] for kind in TURNED)

    def table(self) -> list[dict[str, Any]]:
        """A row for each kind and one for all."""
        rows = [self._row(kind, (kind,)) for kind in KINDS]
        return [*rows, self._row("all", KINDS)]

    def _row(self, name: str, kinds: Sequence[str]) -> dict[str, Any]:
        row: dict[str, Any] = {"kind": name}
        for strength in Strength:
            row[strength.value] = [
                sum(self.hits[kind, strength] for kind in kinds),
                sum(self.all[kind, strength] for kind in kinds),
            ]
        row["true"] = sum(self.true[kind] for kind in kinds)
        row["found"] = sum(self.found[kind] for kind in kinds)
        return row


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
