"""A home as a folder that can be replayed elsewhere, with names or with numbers in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
import csv
from dataclasses import dataclass
from enum import StrEnum
import json
import math
from pathlib import Path
from typing import IO, Any

from .events import DAY_US, Event, from_us
from .features import FEATURE_NAMES, FEATURE_SET_VERSION
from .home import Home, Role
from .store import Label, LabelKind, LabelSource, Store, pair

_EVENTS_A_SLICE = 1_000
_FAR_US = 1 << 62
# States that name nothing of a home; other words (a zone, a person's own mode) are replaced by numbers.
_COMMON_STATES = frozenset(
    """
    on off open closed opening closing home not_home idle playing paused standby buffering heat cool auto
    heat_cool dry fan_only locked unlocked locking unlocking jammed unavailable unknown
    """.split()
) | {""}


class ExportKind(StrEnum):
    """What is written beside the description of the home."""

    EVENTS = "events"
    DATASET = "dataset"


@dataclass(frozen=True, slots=True)
class ExportStep:
    """How far it is: share done in [0, 1], and the rows written so far by file."""

    progress: float
    rows: Mapping[str, int]


class Naming:
    """What stands for each name in an export.

    Numbers keep the order of the names, within a domain too: simultaneous events are taken in by the order of
    their entity ids, so a replay of either gives the same bits.
    """

    def __init__(self, home: Home, *, anonymize: bool) -> None:
        self._anonymize = anonymize
        self.rooms = self._numbered("room_", [room.room_id for room in home.rooms])
        domains: dict[str, list[str]] = {}
        for sensor in home.sensors:
            domains.setdefault(sensor.entity_id.partition(".")[0], []).append(sensor.entity_id)
        self.entities: dict[str, str] = {}
        for domain, entity_ids in domains.items():
            word = "person" if domain == "person" else "entity"
            self.entities |= self._numbered(f"{domain}.{word}_", entity_ids)
        self._states: dict[str, str] = {}

    def _numbered(self, prefix: str, names: Sequence[str]) -> dict[str, str]:
        if not self._anonymize:
            return {name: name for name in names}
        width = len(str(len(names)))
        return {name: f"{prefix}{number:0{width}d}" for number, name in enumerate(sorted(names), 1)}

    def state(self, text: str) -> str:
        """A state as it is written: the words of a home become numbers, the same word the same number."""
        if not self._anonymize or text in _COMMON_STATES or _is_number(text):
            return text
        return self._states.setdefault(text, f"state_{len(self._states) + 1}")

    def attributes(self, event: Event) -> str:
        """The attributes as JSON, empty where there are none; without the texts where names are replaced."""
        if event.attributes is None:
            return ""
        kept = {
            key: value
            for key, value in event.attributes.items()
            if not (self._anonymize and isinstance(value, str))
        }
        return json.dumps(kept, sort_keys=True, separators=(",", ":")) if kept else ""


def export(
    store: Store,
    home: Home,
    folder: Path,
    kind: ExportKind,
    now_us: int,
    *,
    anonymize: bool = False,
    breathe: Callable[[], None] = lambda: None,
) -> Iterator[ExportStep]:
    """Write a folder, a slice at a time. It appears under its name when it is whole.

    `home.json` describes the home. Kind EVENTS: `events.csv` has the watched entities' stored events and
    `corrections.csv` what people said. Kind DATASET: `dataset.csv` has all feature rows with the label each is
    trained with, `labels.csv` all labels in force.

    Args:
        store: where from.
        home: what is watched.
        folder: where to; it must not exist, its parents are made.
        kind: what to write.
        now_us: nothing after it is written.
        anonymize: write numbers for rooms, entities and persons, and for their own words as states.
        breathe: called often, to let other threads run.

    Raises:
        OSError: a file cannot be written; nothing is left behind.
        StoreError: subclasses, likewise.
    """
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(parents=True)
    naming = Naming(home, anonymize=anonymize)
    try:
        described = _described(home, naming, anonymize)
        (part / "home.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        rows: dict[str, int] = {}
        written = _write_events if kind is ExportKind.EVENTS else _write_dataset
        for share in written(_Job(store, home, part, naming, now_us, rows, breathe)):
            yield ExportStep(min(share, 1.0), dict(rows))
        part.rename(folder)
    finally:
        if part.exists():
            for file in part.iterdir():
                file.unlink()
            part.rmdir()
    yield ExportStep(1.0, dict(rows))


@dataclass(frozen=True, slots=True)
class _Job:
    """What is written from where to where; `rows` counts by file as it goes on."""

    store: Store
    home: Home
    folder: Path
    naming: Naming
    now_us: int
    rows: dict[str, int]
    breathe: Callable[[], None]


def _described(home: Home, naming: Naming, anonymize: bool) -> dict[str, Any]:
    return {
        "name": "home",
        "time_zone": home.time_zone,
        "residents": sum(sensor.role is Role.PERSON for sensor in home.sensors),
        "areas": [naming.rooms[room.room_id] for room in home.rooms],
        "kinds": {naming.rooms[room.room_id]: room.kind.value for room in home.rooms},
        "entities": [
            {
                "entity_id": naming.entities[sensor.entity_id],
                "area_id": None if sensor.room_id is None else naming.rooms[sensor.room_id],
                "device_class": sensor.device_class,
                "role": sensor.role.value,
            }
            for sensor in home.sensors
        ],
        "terms": "private: its owner decides who may have it",
        "note": "names replaced by numbers" if anonymize else "",
    }


def _write_events(job: _Job) -> Iterator[float]:
    corrections = job.store.labels.read(
        0, _FAR_US, known_by_us=job.now_us, sources=[LabelSource.CORRECTION], include_superseded=True
    )
    given = sorted(
        (label for label in corrections if label.room_id in job.naming.rooms),
        key=lambda label: (label.known_at_us, label.label_id or 0),
    )
    with _table(job.folder, "corrections") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("known_at", "start", "end", "area_id", "state"))
        for label in given:
            table.writerow(
                (
                    _iso(label.known_at_us),
                    _iso(label.start_us),
                    _iso(label.end_us),
                    job.naming.rooms[str(label.room_id)],
                    "occupied" if label.target >= 0.5 else "vacant",
                )
            )
    job.rows["corrections.csv"] = len(given)
    job.rows["events.csv"] = 0
    span = job.store.events.span()
    with _table(job.folder, "events") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("time", "entity_id", "state", "previous", "cause", "attributes"))
        if span is None:
            return
        for batch in job.store.events.read(span[0], job.now_us + 1, job.naming.entities, _EVENTS_A_SLICE):
            for event in batch:
                job.breathe()
                table.writerow(
                    (
                        _iso(event.time_us),
                        job.naming.entities[event.entity_id],
                        job.naming.state(event.state),
                        "" if event.previous is None else job.naming.state(event.previous),
                        event.cause.name.lower(),
                        job.naming.attributes(event),
                    )
                )
            job.rows["events.csv"] += len(batch)
            yield (batch[-1].time_us - span[0]) / max(job.now_us - span[0], 1)


def _write_dataset(job: _Job) -> Iterator[float]:
    job.rows["dataset.csv"] = job.rows["labels.csv"] = 0
    span = job.store.features.span(FEATURE_SET_VERSION)
    with _table(job.folder, "dataset") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            (
                "area_id",
                "window_start",
                "window_end",
                "activity",
                "target",
                "weight",
                "source",
                *FEATURE_NAMES,
            )
        )
        for number, room in enumerate(job.home.rooms if span else ()):
            assert span is not None
            for start_us in range(span[0], min(span[1], job.now_us), DAY_US):
                job.rows["dataset.csv"] += _write_day(
                    job, table, room.room_id, start_us, min(start_us + DAY_US, job.now_us)
                )
                done = (start_us - span[0]) / max(span[1] - span[0], 1)
                job.breathe()
                yield 0.9 * (number + done) / len(job.home.rooms)
    with _table(job.folder, "labels") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            ("area_id", "kind", "start", "end", "target", "weight", "source", "known_at", "local_date")
        )
        for number, room in enumerate(job.home.rooms):
            # Those of the whole home come with every room's, and are written with the first.
            wanted = {room.room_id} if number else {room.room_id, None}
            for kind in LabelKind:
                for label in job.store.labels.read(
                    0, _FAR_US, room.room_id, known_by_us=job.now_us, kind=kind
                ):
                    job.breathe()
                    if label.room_id in wanted:
                        table.writerow(_label_row(label, job.naming))
                        job.rows["labels.csv"] += 1
            yield 0.9 + 0.1 * (number + 1) / len(job.home.rooms)


def _write_day(job: _Job, table: Any, room_id: str, start_us: int, end_us: int) -> int:
    """Rows of windows that end within (start, end]; how many."""
    # A window that reaches over the bound belongs to the day it ends in.
    found = job.store.features.read(room_id, start_us - DAY_US, end_us, FEATURE_SET_VERSION)
    labels = job.store.labels.read(start_us - DAY_US, end_us, room_id)
    chosen = pair(found.window_start_us, found.window_end_us, room_id, labels)
    count = 0
    for number in (found.window_end_us > start_us).nonzero()[0].tolist():
        label = labels[chosen[number]] if chosen[number] >= 0 else None
        told = ("", "", "") if label is None else (label.target, label.weight, label.source.value)
        table.writerow(
            (
                job.naming.rooms[room_id],
                _iso(int(found.window_start_us[number])),
                _iso(int(found.window_end_us[number])),
                int(found.activity[number]),
                *told,
                # Five digits are all that half precision holds.
                *("" if math.isnan(v) else f"{v:.5g}" for v in found.vectors[number].tolist()),
            )
        )
        count += 1
    return count


def _label_row(label: Label, naming: Naming) -> tuple[object, ...]:
    return (
        "" if label.room_id is None else naming.rooms[label.room_id],
        label.kind.value,
        _iso(label.start_us),
        _iso(label.end_us),
        label.target,
        label.weight,
        label.source.value,
        _iso(label.known_at_us),
        label.local_date or "",
    )


def _table(folder: Path, name: str) -> IO[str]:
    return (folder / f"{name}.csv").open("w", newline="", encoding="utf-8")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _iso(time_us: int) -> str:
    return from_us(time_us).isoformat()
