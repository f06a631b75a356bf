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

from homeassistant.const import MAX_LENGTH_STATE_STATE

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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of a file say something of use.

    Attributes:
        entity_ids: the entities whose events are wanted.
        since_us: from when, microseconds UTC: what is older is of no use, and most often a slip of the pen.
        until_us: up to when: what lies ahead cannot have happened.
        zone: of times without an offset.
    """

    entity_ids: Collection[str]
    since_us: int
    until_us: int
    zone: tzinfo


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


def read(path: Path, wanted: Wanted, counts: ImportCounts, batch: int) -> Generator[list[Event]]:
    """Read the file in batches of at most `batch` lines. Blocking: for an executor job.

    Args:
        path: the file.
        wanted: which rows are events.
        counts: what was found is counted here.
        batch: lines of a batch.

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
                event = _event(row, rows.line_num, wanted, counts)
                if event is not None:
                    events.append(event)
                if seen == batch:
                    yield events
                    events, seen = [], 0
            if seen:
                yield events
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportFileError("file_unreadable", file=path.name, error=str(error)) from error


def _event(row: Mapping[str, str | None], line: int, wanted: Wanted, counts: ImportCounts) -> Event | None:
    counts.rows += 1
    entity_id = (row["entity_id"] or "").strip()
    try:
        time_us, state = _moment(row["time"], wanted), _state(row["state"])
        cause = _CAUSES.get((row.get("cause") or "unknown").strip().lower())
        if cause is None:
            raise ValueError("the cause is none of person, automation, device, unknown")
    except ValueError as error:
        counts.invalid += 1
        if len(counts.problems) < _PROBLEMS_KEPT:
            counts.problems.append(f"line {line}: {error}")
        return None
    if entity_id not in wanted.entity_ids:
        counts.not_watched += 1
        return None
    return Event(time_us, entity_id, state, (row.get("previous") or "").strip() or None, Origin.IMPORT, cause)


def _moment(text: str | None, wanted: Wanted) -> int:
    """Microseconds UTC.

    Raises:
        ValueError: it is no time, or none that can be meant.
    """
    moment = datetime.fromisoformat((text or "").strip())
    time_us = to_us(moment if moment.tzinfo is not None else moment.replace(tzinfo=wanted.zone))
    if time_us > wanted.until_us:
        raise ValueError(f"{moment} lies in the future")
    if time_us < wanted.since_us:
        raise ValueError(f"{moment} is too long ago to be of use")
    return time_us


def _state(text: str | None) -> str:
    """A state as Home Assistant has them.

    Raises:
        ValueError: there is none, or it cannot be one.
    """
    if text is None:
        raise ValueError("the state is missing")
    state = text.strip()
    if len(state) > MAX_LENGTH_STATE_STATE:
        raise ValueError(
            f"a state has at most {MAX_LENGTH_STATE_STATE} characters; is a quotation mark left open?"
        )
    return state
