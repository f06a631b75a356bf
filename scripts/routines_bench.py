"""What a day's routines cost: a day of 200,000 events after 1 to 300 days, and the same from all raw events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
import sys
import tempfile
import time

from custom_components.occupancy_ml.engine.events import MINUTE_US, Event
from custom_components.occupancy_ml.engine.home import Home
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.routines import Life, Routines
from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.routines import DAILY
from tests.simulator import large_home, one_person, simulate

_BATCH = 10_000
_DAY = date(2026, 3, 3)
_HISTORIES = (1, 30, 300)
# The widest window of a detector is full before the third of these.
_BUSY_HISTORIES = (1, 30, 60, 300)


def main(arguments: Sequence[str]) -> int:
    """Run the command line."""
    del arguments
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(
            "A day of 200,000 events, SIMULATED, 20 rooms, after so many days (their aggregates copied from it):"
        )
        print(
            f"{'history':>8s} {'events':>8s} {'CPU s':>8s} {'longest slice':>14s} {'more memory':>12s} {'a day kept':>11s}"
        )
        for row in _busy_days(folder):
            print(row)
        print("\nA SIMULATED home of one person; the last night, and the same from all raw events:")
        print(f"{'days':>8s} {'CPU s':>9s} {'all raw events, s':>18s} {'same patterns':>14s}")
        for days in _HISTORIES:
            print(_both_ways(folder, days))
    return 0


def _busy_days(folder: Path) -> Iterator[str]:
    config = large_home(20, events_per_day=200_000)
    simulation = simulate(config, _DAY - timedelta(days=1), 2, 1)
    clock = LocalClock(config.time_zone)
    for history in _BUSY_HISTORIES:
        path = folder / f"busy_{history}.db"
        now_us = clock.day_bounds(_DAY + timedelta(days=1))[0] + 180 * MINUTE_US
        store = _filled(path, simulation.home, simulation.events, now_us)
        routines = Routines(store, simulation.home, clock)
        # The day before is processed and stands for all days before it.
        for _ in routines.night(now_us - 1440 * MINUTE_US):
            pass
        _copy_days(store, _DAY - timedelta(days=1), history - 1)
        # Weeks and months that ended before are no work of this night.
        for _ in routines.night(now_us - 1440 * MINUTE_US):
            pass
        start_mb = _peak_mb(reset=True)
        begin = last = time.process_time()
        longest = 0.0
        for _ in routines.night(now_us):
            longest = max(longest, time.process_time() - last)
            last = time.process_time()
        seconds = time.process_time() - begin
        more_mb = _peak_mb() - start_mb
        events = store.events.count(*clock.day_bounds(_DAY))
        kept_kb = _day_bytes(store, _DAY) / 1000
        store.close()
        yield (
            f"{history:8d} {events:8d} {seconds:8.2f} {longest * 1000:11.0f} ms {more_mb:9.1f} MB {kept_kb:8.0f} KB"
        )


def _both_ways(folder: Path, days: int) -> str:
    config = one_person()
    first = date(2026, 3, 3) - timedelta(days=days)
    simulation = simulate(config, first, days + 1, 1)
    clock = LocalClock(config.time_zone)
    now_us = clock.day_bounds(date(2026, 3, 4))[0] + 180 * MINUTE_US
    results = []
    for name in ("night", "all"):
        store = _filled(folder / f"{name}_{days}.db", simulation.home, simulation.events, now_us)
        routines = Routines(store, simulation.home, clock)
        if name == "night":
            for _ in routines.backfill(days + 1, now_us - 1440 * MINUTE_US):
                pass
        begin = time.process_time()
        for _ in routines.night(now_us) if name == "night" else routines.backfill(days + 2, now_us):
            pass
        seconds = time.process_time() - begin
        results.append(
            (
                seconds,
                {(p.description, p.statistics) for p in routines.patterns() if p.life is not Life.FADING},
            )
        )
        store.close()
    same = results[0][1] == results[1][1]
    return f"{days:8d} {results[0][0]:9.2f} {results[1][0]:18.2f} {'yes' if same else 'no':>14s}"


def _filled(path: Path, home: Home, events: Sequence[Event], now_us: int) -> Store:
    store = Store.open(path, now_us)
    roles = {s.entity_id: (s.role, s.room_id) for s in home.sensors}
    for first in range(0, len(events), _BATCH):
        store.events.append(events[first : first + _BATCH], roles)
    return store


def _copy_days(store: Store, day: date, count: int) -> None:
    """Repeat a day's aggregates on the days before it."""
    with store.transaction():
        for table in DAILY:
            columns = [
                row[0] for row in store.database.all("SELECT name FROM pragma_table_info(?)", (table,))
            ]
            rest = ", ".join(name for name in columns if name != "date")
            for back in range(1, count + 1):
                store.database.execute(
                    f"INSERT OR REPLACE INTO {table} (date, {rest}) SELECT ?, {rest} FROM {table} WHERE date = ?",  # noqa: S608 - names from the schema
                    ((day - timedelta(days=back)).isoformat(), day.isoformat()),
                )


def _day_bytes(store: Store, day: date) -> int:
    """Bytes of a day's aggregates, as their columns hold them."""
    total = 0
    for table in DAILY:
        columns = [row[0] for row in store.database.all("SELECT name FROM pragma_table_info(?)", (table,))]
        # Names come from the schema.
        lengths = " + ".join(f"coalesce(length(CAST({name} AS BLOB)), 0)" for name in columns)
        total += (
            store.database.scalar(f"SELECT sum({lengths}) FROM {table} WHERE date = ?", (day.isoformat(),))  # noqa: S608
            or 0
        )
    return total


def _peak_mb(*, reset: bool = False) -> float:
    """The most memory this process held since the last reset, in megabytes; the present where it is reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split("VmHWM:")[1].split()[0]) / 1000


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
