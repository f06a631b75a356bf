"""What a damaged file still holds of what cannot be made again: labels, and the models in service.

Best effort: rows are read from both ends of a table and, where pages between are damaged, by their ids, and each
is stored only if it is sound. Events and what derives from them stay in the file that was set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
import json
from pathlib import Path
import shutil
import sqlite3
from typing import Any

from .database import Database
from .errors import StoreError, StoreRejectedError
from .labels import LabelSource

_SOURCES = frozenset(source.value for source in LabelSource) - {LabelSource.HINDSIGHT.value}
# So many ids are tried one by one where a table cannot be walked through.
_MOST_IDS = 100_000
_PAGE = 4096

type _Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """How many labels and models were carried over into the fresh file."""

    labels: int = 0
    models: int = 0


NOTHING = Salvaged()


def salvage(damaged: Path, database: Database) -> Salvaged:
    """Carry over what can be read. The damaged file is not changed; a failure leaves the fresh one as it was.

    Args:
        damaged: the file that was set aside.
        database: the fresh file, open.
    """
    for look in (_as_it_is, _with_own_schema):
        with (
            suppress(sqlite3.Error, StoreError, OSError, UnicodeDecodeError),
            look(damaged, database) as file,
        ):
            found = _salvage(file, database)
            if found != NOTHING:
                return found
    return NOTHING


def _salvage(file: Path, database: Database) -> Salvaged:
    with (
        closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as old,
        database.transaction(),
    ):
        # Damaged text is no reason to stop at a row.
        old.text_factory = _text
        # Only this lets SQLite look into a file that is shorter than it should be. Nothing is written.
        old.execute("PRAGMA writable_schema = ON")
        return _carry_all(old, database)


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


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _carry_all(old: sqlite3.Connection, database: Database) -> Salvaged:
    rooms = {
        row["id"]: _room(database, row["room_id"])
        for row in _rows(old, "rooms")
        if isinstance(row["room_id"], str)
    }
    carry = _Carrier(database, rooms)

    labels = [row for row in _rows(old, "labels") if row.get("source") in _SOURCES]
    new_ids: dict[int, int] = {}
    for row in labels:
        new_id = carry("labels", {**row, "superseded_by": None})
        if new_id is not None:
            new_ids[row["id"]] = new_id
    for row in labels:
        if row["id"] in new_ids and row.get("superseded_by") in new_ids:
            database.execute(
                "UPDATE labels SET superseded_by = ? WHERE id = ?",
                (new_ids[row["superseded_by"]], new_ids[row["id"]]),
            )

    runs = {row["id"]: row for row in _rows(old, "clr_training_runs")}
    models = 0
    for row in _rows(old, "clr_model_artifacts"):
        run = runs.get(row["run_id"])
        if row["in_service"] != 1 or run is None or not _is_json(row["payload"]):
            continue
        run_id = carry("clr_training_runs", run)
        if run_id is not None and carry("clr_model_artifacts", {**row, "run_id": run_id}) is not None:
            models += 1
    return Salvaged(len(new_ids), models)


class _Carrier:
    """Stores rows of the old file in the new one, under new ids and room numbers."""

    def __init__(self, database: Database, rooms: Mapping[int, int]) -> None:
        self._database = database
        self._rooms = rooms
        self._columns: dict[str, list[str]] = {}

    def __call__(self, table: str, row: _Row) -> int | None:
        """The row's new id, None where it is not sound."""
        if row.get("room") is not None:
            if row["room"] not in self._rooms:
                return None
            row = {**row, "room": self._rooms[row["room"]]}
        if table not in self._columns:
            found = self._database.all(f"SELECT name FROM pragma_table_info('{table}') WHERE name <> 'id'")
            self._columns[table] = [name for (name,) in found]
        names = [name for name in self._columns[table] if name in row]
        marks = ", ".join("?" * len(names))
        try:
            return self._database.insert(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", [row[name] for name in names]
            )
        except StoreRejectedError:
            return None


def _room(database: Database, room_id: str) -> int:
    database.execute("INSERT INTO rooms (room_id) VALUES (?) ON CONFLICT DO NOTHING", (room_id,))
    return int(database.scalar("SELECT id FROM rooms WHERE room_id = ?", (room_id,)))


def _is_json(text: object) -> bool:
    if not isinstance(text, str):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _rows(old: sqlite3.Connection, table: str) -> Iterator[_Row]:
    """Rows by id, as far as they can be read."""
    found: dict[int, _Row] = {}

    def read(sql: str, parameters: tuple[int, ...] = ()) -> bool:
        try:
            cursor = old.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            for values in cursor:
                row = dict(zip(names, values, strict=True))
                if isinstance(row.get("id"), int):
                    found[row["id"]] = row
        except sqlite3.DatabaseError:
            return False
        return True

    if not read(f"SELECT * FROM {table} ORDER BY id"):
        first_gap = max(found, default=0) + 1
        read(f"SELECT * FROM {table} WHERE id > ? ORDER BY id DESC", (first_gap,))
        last = max(found, default=0)
        _each(lambda number: read(f"SELECT * FROM {table} WHERE id = ?", (number,)), first_gap, last, found)
    return iter([found[number] for number in sorted(found)])


def _each(read: Callable[[int], bool], first: int, last: int, found: Mapping[int, _Row]) -> None:
    for number in range(first, min(last, first + _MOST_IDS)):
        if number not in found:
            with suppress(sqlite3.Error):
                read(number)
