"""A program that floods a home and says how much memory that took; `test_flood` starts it.

Memory is that of a whole process, so each flood has one of its own.
"""

from __future__ import annotations

from pathlib import Path
import resource
import sys

from custom_components.occupancy_ml.engine.chatter import RateGuard
from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US, Event
from tests.engine.living import START_US
from tests.faults.scene import ENTITIES, lived

_BATCH = 2000


def peak_mb() -> float:
    """The most memory the process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def burst(path: Path) -> None:
    """50,000 events of all entities within ten seconds."""
    engine = lived(path, 10)
    before = peak_mb()
    start_us = START_US + 10 * MINUTE_US
    events = [
        Event(start_us + 200 * number, ENTITIES[number % len(ENTITIES)], "on" if number // 13 % 2 else "off")
        for number in range(50_000)
    ]
    accepted = sum(
        engine.ingest(events[first : first + _BATCH]).accepted for first in range(0, len(events), _BATCH)
    )
    engine.tick(start_us + MINUTE_US)
    print(accepted, engine.store.events.count(), peak_mb() - before)
    engine.close()


def chatter(path: Path) -> None:
    """One entity toggles a hundred times a second for an hour; another moves each minute."""
    engine = lived(path, 10)
    before, size = peak_mb(), engine.store.size_bytes()
    guard: RateGuard[Event] = RateGuard()
    accepted = others = 0
    for minute in range(60):
        start_us = START_US + (10 + minute) * MINUTE_US
        kept: list[Event] = []
        for number in range(6000):
            time_us = start_us + number * MICROSECONDS // 100
            event = Event(time_us, "binary_sensor.kitchen_motion", "on" if number % 2 else "off")
            kept += guard.offer(event.entity_id, time_us // MINUTE_US, event)
        kept += guard.release()
        for first in range(0, len(kept), _BATCH):
            accepted += engine.ingest(kept[first : first + _BATCH]).accepted
        other = Event(
            start_us + 30 * MICROSECONDS, "binary_sensor.hall_motion", "off" if minute % 2 else "on"
        )
        for event in guard.offer(other.entity_id, other.time_us // MINUTE_US, other):
            others += engine.ingest([event]).accepted
        engine.tick(start_us + MINUTE_US)
    print(accepted, guard.left_out, others, peak_mb() - before, engine.store.size_bytes() - size)
    engine.close()


if __name__ == "__main__":
    {"burst": burst, "chatter": chatter}[sys.argv[1]](Path(sys.argv[2]))
