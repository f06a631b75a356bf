"""What the fault tests share: a home on a real file, motion by the second, and looks into the file from outside."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import sqlite3
import subprocess
import sys

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US, Event
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.store import Label, LabelSource, Store
from tests.engine.living import START_US, flat

ROOT = Path(__file__).parents[2]
HOME = flat(persons=True)
ENTITIES = tuple(sensor.entity_id for sensor in HOME.sensors)

_HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("COMMIT")
"""


def step(number: int) -> Event:
    """The event of a count: one a second, from room to room."""
    entity_id = f"binary_sensor.{('hall', 'kitchen', 'bedroom')[number // 2 % 3]}_motion"
    return Event(START_US + (number + 1) * MICROSECONDS, entity_id, "off" if number % 2 else "on")


def steps(first: int, last: int) -> list[Event]:
    """The events [first, last)."""
    return [step(number) for number in range(first, last)]


def lived(path: Path, minutes: int = 60) -> Engine:
    """An engine on a new file after some minutes of motion each second; still open."""
    engine = Engine.open(path, HOME, START_US)
    live(engine, 0, minutes)
    return engine


def live(engine: Engine, first: int, last: int) -> None:
    """The minutes [first, last) with an event a second."""
    for minute in range(first, last):
        engine.ingest(steps(60 * minute, 60 * minute + 60))
        engine.tick(START_US + (minute + 1) * MINUTE_US)


def found(store: Store) -> list[Event]:
    """All events of a store, without the state before, which only reading adds."""
    read = store.events.read(-(2**62), 2**62)
    return [replace(event, previous=None) for batch in read for event in batch]


def give_labels(store: Store, count: int = 3) -> None:
    """Corrections by a person, each replacing part of what hindsight said."""
    for number in range(count):
        start_us = START_US + number * 10 * MINUTE_US
        store.labels.add(
            Label(
                start_us=start_us,
                end_us=start_us + 5 * MINUTE_US,
                target=1.0,
                weight=6.0,
                source=LabelSource.CORRECTION,
                known_at_us=start_us + 6 * MINUTE_US,
                room_id="kitchen",
                created_by="ada",
            )
        )


def holder(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the file until its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query over a connection of its own."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()
