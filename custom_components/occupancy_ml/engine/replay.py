"""A recorded home played through the same Engine, in order, learning only from the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import csv
from dataclasses import dataclass
from datetime import datetime
import json
from pathlib import Path
import re

from .events import MINUTE_US, Cause, Event, Origin, to_us
from .forecast.moments import MOMENT_US
from .home import Home, Role, Room, RoomKind, Sensor, default_kind, default_role
from .localtime import LocalClock
from .pipeline import Engine
from .senses import ACTIVITY_ROLES
from .snapshot import Snapshot

# The quiet hour of the night's work, on the home's clock.
NIGHT_HOUR = 3
NOT_NOW = ("forecasts", "routines", "suggestions")


class RecordingError(ValueError):
    """A file of the recorded home is missing or not in its form; the text says which and where."""


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """A correction as a person gave it; not to be seen before `known_at_us`."""

    known_at_us: int
    start_us: int
    end_us: int
    room_id: str
    occupied: bool


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded home: what is watched, and what happened, in order.

    Attributes:
        span_us: first and last moment of the recording, entities left out included; that of the events by default.
    """

    name: str
    home: Home
    events: tuple[Event, ...]
    corrections: tuple[CorrectionRow, ...] = ()
    span_us: tuple[int, int] | None = None


def load_recording(folder: Path, *, corrections: Path | None = None, drop: str | None = None) -> Recording:
    """Read a folder of `home.json` and `events.csv`; the truth is never opened.

    Where `home.json` tells an entity's `role` and, in `kinds`, what a room is for, that counts; otherwise both
    are told from the names. Columns `previous`, `cause` and `attributes` of `events.csv` are read where they are.

    Args:
        folder: the folder.
        corrections: a CSV of known_at, start, end, area_id, state.
        drop: entities whose id this regular expression finds are left out.

    Raises:
        RecordingError: a file is missing or malformed.
    """
    try:
        text = (folder / "home.json").read_text(encoding="utf-8")
        described = json.loads(text)
        areas = described["areas"]
        kinds = described.get("kinds", {})
        sensors = []
        for entry in described["entities"]:
            entity_id, area = entry["entity_id"], entry["area_id"]
            if drop and re.search(drop, entity_id):
                continue
            told = entry.get("role")
            role = Role(told) if told else default_role(entity_id, entry["device_class"], area)
            if role is not None:
                sensors.append(Sensor(entity_id, role, area, entry["device_class"]))
        home = Home(
            described["time_zone"],
            tuple(
                Room(area, RoomKind(kinds[area]) if area in kinds else default_kind(area)) for area in areas
            ),
            tuple(sensors),
        )
        events = tuple(_read_events(folder / "events.csv", {s.entity_id for s in sensors}))
        given = tuple(_read_corrections(corrections)) if corrections else ()
        span = _span(folder / "events.csv")
    except OSError as error:
        raise RecordingError(f"{error.filename} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{folder} is not in the form of a recorded home: {error}") from error
    return Recording(described.get("name", folder.name), home, events, given, span)


def replay(
    recording: Recording,
    store: Path,
    *,
    now_only: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Snapshot]:
    """Play a recording minute by minute, with a night's work every night.

    Args:
        recording: what to play.
        store: where the SQLite file is made; it must not exist.
        now_only: leave out forecasts, and the nights' work on them and on routines, of which who is there now does
            not depend.
        progress: told the share done now and then.

    Yields:
        The state at every full minute from the first event to the last; each uses
        nothing from after its minute. Forecasts are those of the last quarter of an hour: no others are kept.
    """
    events = recording.events
    if not events:
        return
    begin_us, end_us = recording.span_us or (events[0].time_us, events[-1].time_us)
    first = -(-begin_us // MINUTE_US)
    last = end_us // MINUTE_US
    clock = LocalClock(recording.home.time_zone)
    engine = Engine.open(store, recording.home, begin_us, durable=False)
    try:
        engine.ingest(_at_rest(recording.home, begin_us - 1))
        done = told = 0
        hour = clock.hour(begin_us)
        for minute in range(first, last + 1):
            now_us = minute * MINUTE_US
            begin = done
            while done < len(events) and events[done].time_us <= now_us:
                done += 1
            if done > begin:
                engine.ingest(events[begin:done])
            while told < len(recording.corrections) and recording.corrections[told].known_at_us <= now_us:
                row = recording.corrections[told]
                engine.relabel(row.room_id, row.start_us, row.end_us, row.occupied, now_us, None)
                told += 1
            # Also at the first look, which may be late for the quarter before it.
            wanted = not now_only and (now_us % MOMENT_US == 0 or minute == first)
            yield engine.tick(now_us, forecasts=wanted)
            before, hour = hour, clock.hour(now_us)
            if hour == NIGHT_HOUR and before != NIGHT_HOUR:
                for _ in engine.night(now_us, without=NOT_NOW if now_only else ()):
                    pass
            if progress is not None and minute % 60 == 0:
                progress((minute - first) / max(last - first, 1))
    finally:
        engine.close()


def _at_rest(home: Home, time_us: int) -> list[Event]:
    """What Home Assistant tells at its start and recordings leave out: nothing moves, doors are shut, devices off.

    Presence sensors are left out: somebody may be asleep.
    """
    roles = (ACTIVITY_ROLES | {Role.EXIT_DOOR}) - {Role.PRESENCE}
    return [Event(time_us, s.entity_id, "off", origin=Origin.IMPORT) for s in home.sensors if s.role in roles]


def _read_events(path: Path, watched: set[str]) -> Iterator[Event]:
    previous: dict[str, str] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            entity_id, state = row["entity_id"], row["state"]
            if entity_id in watched:
                time_us = to_us(datetime.fromisoformat(row["time"]))
                before = row["previous"] or None if "previous" in row else previous.get(entity_id)
                cause = Cause[(row.get("cause") or "unknown").upper()]
                attributes = json.loads(row["attributes"]) if row.get("attributes") else None
                yield Event(time_us, entity_id, state, before, Origin.IMPORT, cause, attributes)
                previous[entity_id] = state


def _span(path: Path) -> tuple[int, int] | None:
    """The first and the last time of all events, also of those left out."""
    with path.open(encoding="utf-8", newline="") as file:
        times = [row["time"] for row in csv.DictReader(file)]
    if not times:
        return None
    return to_us(datetime.fromisoformat(times[0])), to_us(datetime.fromisoformat(times[-1]))


def _read_corrections(path: Path) -> Sequence[CorrectionRow]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            CorrectionRow(
                to_us(datetime.fromisoformat(row["known_at"])),
                to_us(datetime.fromisoformat(row["start"])),
                to_us(datetime.fromisoformat(row["end"])),
                row["area_id"],
                row["state"] == "occupied",
            )
            for row in csv.DictReader(file)
        ]
    return sorted(rows, key=lambda row: row.known_at_us)
