"""A CSV file of state changes -> the engine's events.

Columns: `time` (ISO 8601; without an offset it is local) or `last_changed`, as Home Assistant's own downloads of history
call it, `entity_id`, `state`, and where known `previous` and `cause` (person, automation, device or unknown). The first
line names them, in any order; other columns are ignored.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
import csv
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path

from .engine.events import Cause, Event, Origin, to_us

REQUIRED_COLUMNS = ("time", "entity_id", "state")
_TIME_AS_DOWNLOADED = "last_changed"
_CAUSES = {cause.name.lower(): cause for cause in Cause}
_PROBLEMS_KEPT = 10


class ImportFileError(Exception):
    """The file cannot be imported.

    Attributes:
        key: why, as the key of a translated exception.
        placeholders: for its text.
    """

    def __init__(self, key: str, **placeholders: str) -> None:
        super().__init__(key)
        self.key = key
        self.placeholders = placeholders


@dataclass(slots=True)
class ImportCounts:
    """What was found in a file.

    Attributes:
        rows: lines of data.
        not_watched: rows of entities that no room watches.
        invalid: rows that say no event.
        problems: the first of those, with their line numbers.
    """

    rows: int = 0
    not_watched: int = 0
    invalid: int = 0
    problems: list[str] = field(default_factory=list)


def resolve(config_dir: Path, name: str) -> Path:
    """The file of that name inside the configuration directory.

    Raises:
        ImportFileError: it is outside, not a CSV file, or not there.
    """
    folder = config_dir.resolve()
    try:
        path = (folder / name).resolve()
    except OSError, ValueError:
        raise ImportFileError("file_not_found", file=name) from None
    if not path.is_relative_to(folder):
        raise ImportFileError("file_outside", file=name)
    if path.suffix.lower() != ".csv":
        raise ImportFileError("file_not_csv", file=name)
    if not path.is_file():
        raise ImportFileError("file_not_found", file=name)
    return path


def read(
    path: Path, watched: Collection[str], counts: ImportCounts, batch: int, zone: tzinfo
) -> Generator[list[Event]]:
    """Read the file in batches of at most `batch` lines. Blocking: for an executor job.

    Args:
        path: the file.
        watched: the entities whose events are wanted.
        counts: what was found is counted here.
        batch: lines of a batch.
        zone: of times without an offset.

    Raises:
        ImportFileError: it is no CSV text in UTF-8, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            named = list(rows.fieldnames or ())
            if "time" not in named:
                rows.fieldnames = named = ["time" if name == _TIME_AS_DOWNLOADED else name for name in named]
            if missing := [name for name in REQUIRED_COLUMNS if name not in named]:
                raise ImportFileError("file_columns", file=path.name, columns=", ".join(missing))
            events: list[Event] = []
            seen = 0
            for row in rows:
                seen += 1
                event = _event(row, rows.line_num, watched, counts, zone)
                if event is not None:
                    events.append(event)
                if seen == batch:
                    yield events
                    events, seen = [], 0
            if seen:
                yield events
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportFileError("file_unreadable", file=path.name, error=str(error)) from error


def _event(
    row: Mapping[str, str | None], line: int, watched: Collection[str], counts: ImportCounts, zone: tzinfo
) -> Event | None:
    counts.rows += 1
    entity_id, state = (row["entity_id"] or "").strip(), row["state"]
    try:
        if state is None:
            raise ValueError("the state is missing")
        moment = datetime.fromisoformat((row["time"] or "").strip())
        time_us = to_us(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone))
        cause = _CAUSES.get((row.get("cause") or "unknown").strip().lower())
        if cause is None:
            raise ValueError("the cause is none of person, automation, device, unknown")
    except ValueError as error:
        counts.invalid += 1
        if len(counts.problems) < _PROBLEMS_KEPT:
            counts.problems.append(f"line {line}: {error}")
        return None
    if entity_id not in watched:
        counts.not_watched += 1
        return None
    return Event(time_us, entity_id, state, row.get("previous") or None, Origin.IMPORT, cause)
