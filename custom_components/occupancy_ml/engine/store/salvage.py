"""What a damaged file still holds of what cannot be made again from the recorder's history.

What people said, the models in service, what was proposed and what became of it, routines, stays and scores of years.
Best effort: a row is stored only if it is sound and the schema accepts it. Events, and what a replay of them makes,
stay in the file that was set aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
import errno
from pathlib import Path
import re
import shutil
import sqlite3

from .damaged_rows import DamagedRow, is_json, is_sound, readable, rows_by_id, rows_by_key
from .database import Database
from .errors import (
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreRejectedError,
    StoreUnavailableError,
    translate,
)
from .labels import LabelSource
from .routines import ENTITIES, PERIOD, ROOMS
from .suggestions import SuggestionStatus

_SOURCES = frozenset(source.value for source in LabelSource) - {LabelSource.HINDSIGHT.value}
_STATUSES = frozenset(SuggestionStatus)
_PAGE = 4096

# What is carried over as it is, each table after those it refers to.
_ROUTINES = ("patterns", "suggestions", "suggestion_feedback", "automation_versions", *PERIOD)
_SCORES = ("daily_scores", "daily_reliability", "daily_truth", "forecast_scores")
_WHOLE = (*_ROUTINES, "forecast_artifacts", *_SCORES, "episodes")
# A row goes on without what it came from.
_LOOSE = {"suggestions": "pattern_id", "automation_versions": "suggestion_id", "forecast_artifacts": "run_id"}
# Up to when routines are known: a day of which history holds only a part must not replace what was known of it.
_KNOWN = re.compile(r"routines_(until|week|month)")
_PERIOD = re.compile(r"\d{4}-(W\d\d|\d\d(-\d\d)?)")


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was carried over into the fresh file.

    Attributes:
        labels: labels, but for those by hindsight.
        models: models of rooms in service.
        suggestions: suggestions, open and decided.
        rows: everything else.
    """

    labels: int = 0
    models: int = 0
    suggestions: int = 0
    rows: int = 0


NOTHING = Salvaged()


def salvage(damaged: Path, database: Database) -> Salvaged:
    """Carry over what can be read. The damaged file is not changed.

    Args:
        damaged: the damaged file.
        database: the fresh file, open, without a row: each row keeps its number.

    Raises:
        StoreError: subclasses; the fresh file cannot be written now. Some of it may be: begin with another one.
    """
    for look in (_as_it_is, _with_own_schema):
        found = NOTHING
        try:
            with look(damaged, database) as file, closing(_opened(file)) as old:
                old.text_factory = readable
                # Only this lets SQLite look into a file that is shorter than it should be. Nothing is written.
                old.execute("PRAGMA writable_schema = ON")
                # What cannot be replaced stands, whatever becomes of the rest.
                with database.transaction():
                    found = _first_of_all(old, database)
                with database.transaction():
                    found = _the_rest(old, database, found)
        except (sqlite3.Error, StoreError, OSError, UnicodeDecodeError) as error:
            _raise_what_passes(error)
        if found != NOTHING:
            return found
    return NOTHING


def _raise_what_passes(error: Exception) -> None:
    """What time or a person mends must not pass for damage: what is not carried over now never is."""
    # Of the damaged file errors come as SQLite gives them, of the fresh one as those of a store.
    if isinstance(error, (StoreFullError, StoreBusyError, StoreUnavailableError)):
        raise error
    if isinstance(error, sqlite3.Error) and isinstance(full := translate(error), StoreFullError):
        raise full from error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise StoreFullError(f"no room for a copy: {error.strerror}") from error


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


@contextmanager
def _as_it_is(damaged: Path, _database: Database) -> Iterator[Path]:
    yield damaged


@contextmanager
def _with_own_schema(damaged: Path, database: Database) -> Iterator[Path]:
    """A copy with a new first page that names our tables, for a file that has lost its own.

    The migrations are the same everywhere, so the trees stand in the same pages as in a fresh file.
    """
    copy = damaged.with_name(f"{damaged.name}.part")
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.execute(f"PRAGMA page_size = {_PAGE}")
        empty.execute("CREATE TABLE t (n)")
        header = bytearray(empty.serialize()[:100])
    try:
        shutil.copyfile(damaged, copy)
        pages = copy.stat().st_size // _PAGE
        header[28:32] = pages.to_bytes(4, "big")
        header[92:96] = header[24:28]  # else the number of pages is not believed
        leaf = b"\x0d" + bytes(4) + _PAGE.to_bytes(2, "big") + b"\x00"
        with copy.open("r+b") as file:
            file.write((header + leaf).ljust(_PAGE, b"\x00"))
        with closing(sqlite3.connect(copy, isolation_level=None)) as target:
            target.execute("PRAGMA writable_schema = ON")
            target.executemany(
                "INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES (?, ?, ?, ?, ?)",
                database.all(
                    "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE rootpage > 0"
                ),
            )
        yield copy
    finally:
        copy.unlink(missing_ok=True)
        copy.with_name(f"{copy.name}-journal").unlink(missing_ok=True)


def _first_of_all(old: sqlite3.Connection, database: Database) -> Salvaged:
    """Names, what people said, and what serves the rooms."""
    carry = _Carrier(database)
    for table in ("rooms", "entities"):
        for row in rows_by_id(old, table):
            carry(table, row)
    labels = [row for row in rows_by_id(old, "labels") if row.get("source") in _SOURCES]
    kept = {row["id"] for row in labels if carry("labels", {**row, "superseded_by": None})}
    for row in labels:
        if row["id"] in kept and row.get("superseded_by") in kept:
            database.execute(
                "UPDATE labels SET superseded_by = ? WHERE id = ?", (row["superseded_by"], row["id"])
            )
    runs = {row["id"]: row for row in rows_by_id(old, "clr_training_runs")}
    models = 0
    for row in rows_by_id(old, "clr_model_artifacts"):
        run = runs.get(row["run_id"])
        if row["in_service"] == 1 and run is not None and is_json(row["payload"]):
            models += carry("clr_training_runs", run) and carry("clr_model_artifacts", row)
    return Salvaged(len(kept), models)


def _the_rest(old: sqlite3.Connection, database: Database, found: Salvaged) -> Salvaged:
    """What was proposed and found, and what is kept for years."""
    carry = _Carrier(database)
    entities = {number for (number,) in database.all("SELECT id FROM entities")}
    rooms = {number for (number,) in database.all("SELECT id FROM rooms")}
    counts = dict.fromkeys(_WHOLE, 0)
    for table in _WHOLE:
        key = tuple(
            name
            for (name,) in database.all(
                "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,)
            )
        )
        rows = rows_by_id(old, table) if key == ("id",) else rows_by_key(old, table, key)
        for row in rows:
            # Aggregates refer to names that SQLite does not watch over.
            named = table not in PERIOD or (
                all(row[name] is None or row[name] in entities for name in ENTITIES & row.keys())
                and all(row[name] is None or row[name] in rooms for name in ROOMS & row.keys())
            )
            if named and (table != "suggestions" or row.get("status") in _STATUSES):
                counts[table] += carry(table, row)
    for row in rows_by_key(old, "metadata", ("key",)):
        if _KNOWN.fullmatch(str(row["key"])) and _PERIOD.fullmatch(str(row["value"])):
            carry("metadata", row)
    suggestions = counts.pop("suggestions")
    return replace(found, suggestions=suggestions, rows=sum(counts.values()))


class _Carrier:
    """Stores rows of the old file in the new one, as they are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._columns: dict[str, list[str]] = {}

    def __call__(self, table: str, row: DamagedRow) -> bool:
        """Whether the row was sound, and is stored now."""
        if not is_sound(row):
            return False
        if self._stored(table, row):
            return True
        loose = _LOOSE.get(table)
        return loose is not None and row.get(loose) is not None and self._stored(table, {**row, loose: None})

    def _stored(self, table: str, row: DamagedRow) -> bool:
        if table not in self._columns:
            found = self._database.all("SELECT name FROM pragma_table_info(?)", (table,))
            self._columns[table] = [name for (name,) in found]
        names = [name for name in self._columns[table] if name in row]
        marks = ", ".join("?" * len(names))
        try:
            self._database.execute(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", [row[name] for name in names]
            )
        except StoreRejectedError:
            return False
        return True
