"""What the tests of the store share: a start time, a home's worth of roles, stores on real files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
import shutil
import sqlite3
from tempfile import TemporaryDirectory

from custom_components.occupancy_ml.engine.events import MICROSECONDS, Event, to_us
from custom_components.occupancy_ml.engine.home import Role
from custom_components.occupancy_ml.engine.store import Store

ROOT = Path(__file__).parents[3]
NOW_US = to_us(datetime(2026, 3, 1, 12, tzinfo=UTC))
WINDOW_US = 300 * MICROSECONDS
ROLES: dict[str, tuple[Role, str | None]] = {
    "binary_sensor.hall_motion": (Role.MOTION, "hall"),
    "binary_sensor.kitchen_motion": (Role.MOTION, "kitchen"),
    "sensor.kitchen_temperature": (Role.ENVIRONMENT, "kitchen"),
    "person.ada": (Role.PERSON, None),
}


@contextmanager
def fresh_store() -> Iterator[Store]:
    """A new store on a real file, for tests that need one an example."""
    with TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "occupancy_ml.db", NOW_US)
        try:
            yield store
        finally:
            store.close()


def motion(number: int, entity_id: str = "binary_sensor.hall_motion") -> Event:
    """The event of a count, one a second."""
    return Event(NOW_US + number * MICROSECONDS, entity_id, "on" if number % 2 else "off")


def as_told(events: Iterable[Event]) -> list[Event]:
    """Events in order as a reading tells them: the state before is that of the entity's event before."""
    before: dict[str, str] = {}
    told = []
    for event in events:
        told.append(replace(event, previous=before.get(event.entity_id)))
        before[event.entity_id] = event.state
    return told


def all_events(store: Store, batch: int = 5000) -> list[Event]:
    """Everything stored, in the order of reading."""
    return [event for page in store.events.read(-(2**62), 2**62, batch=batch) for event in page]


def crash(store: Store, to: Path) -> Path:
    """The file as a kill at this moment would leave it, in another folder; the store goes on."""
    to.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal"):
        side = store.path.with_name(store.path.name + suffix)
        if side.exists():
            shutil.copy(side, to / side.name)
    return to / store.path.name


def query(path: Path, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
    """Rows of a query over a connection of its own."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()
