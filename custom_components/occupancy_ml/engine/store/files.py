"""The file itself: opening, migrating, replacing a damaged one, copying."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
import json
from pathlib import Path
import sqlite3

from .beside import (
    forget_old_copies,
    free_name,
    fresh_name,
    one_start_at_a_time,
    remove,
    rename,
    set_aside,
    take_empty_place,
)
from .database import BUSY_TIMEOUT_MS, Database
from .errors import (
    MigrationError,
    NewerSchemaError,
    StoreDamagedError,
    StoreError,
    StoreRejectedError,
    StoreUnavailableError,
    translate,
)
from .salvage import NOTHING, Salvaged, salvage
from .schema import MIGRATIONS, Migration

_MAGIC = b"SQLite format 3\x00"
_USER_VERSION = slice(60, 64)
# A version so high stands in a damaged header, not in a file from the future.
_NO_VERSION = 10_000

SET_METADATA = "INSERT INTO metadata VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
CLEAN_CLOSE = "clean_close"
# In a file that took the place of a damaged one, until it is opened: where that went, and what was carried over.
_SALVAGED = "salvaged"
# What `raw_events` refers to without SQLite watching over it: which rows, by which column, to which table.
_EVENT_NAMES = (
    ("entity", "entities", "1"),
    ("state", "states", "typeof(state) = 'integer'"),
    ("context", "event_contexts", "1"),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file.

    Attributes:
        database: the connection, at the newest schema.
        recovered_from: where a damaged file was set aside, None when there was none.
        unclean: whether the file had not been closed properly (crash, kill, power cut).
        salvaged: what was carried over from the damaged file.
    """

    database: Database
    recovered_from: Path | None
    unclean: bool
    salvaged: Salvaged = NOTHING


def open_database(
    path: Path,
    now_us: int,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    migrations: Sequence[Migration] = MIGRATIONS,
) -> Opened:
    """Open, check and migrate the file; create it where it is missing.

    The whole file is checked only after an unclean close: that reads all of it.
    A damaged file is set aside under a dated name, and a fresh one with what was carried over takes its place.
    Where that cannot be done whole (no room, a kill), the damaged file stands and the next opening does it.

    Raises:
        NewerSchemaError: the file is from a newer version; it is left untouched.
        StoreError: subclasses for a busy, full, unreadable or unwritable file.
    """
    newest = migrations[-1].version
    header_version = _version_in_header(path)
    if newest < header_version < _NO_VERSION:
        raise NewerSchemaError(header_version, newest)
    with one_start_at_a_time(path.parent):
        take_empty_place(path)
        try:
            database, unclean = _open_sound(path, now_us, busy_timeout_ms, migrations)
        except StoreDamagedError:
            _replace(path, now_us, busy_timeout_ms, migrations)
            database, unclean = _open_sound(path, now_us, busy_timeout_ms, migrations)
        forget_old_copies(path)
        try:
            told = _take_note(database)
        except BaseException:
            database.close()
            raise
        if told is not None:
            return Opened(database, path.with_name(told[0]), True, told[1])
        return Opened(database, None, unclean)


def _replace(path: Path, now_us: int, busy_timeout_ms: int, migrations: Sequence[Migration]) -> None:
    """Carry what can be read of a damaged file over into a fresh one, then let that take its place.

    Raises:
        StoreError: subclasses; the damaged file is where it was, and nothing of it is lost.
    """
    # Until the fresh file is whole it has another name: salvage that was cut short must not pass for it.
    part = path.with_name(f"{path.name}.fresh.part")
    remove(part)
    target = free_name(path, now_us)
    try:
        database, _ = _open_sound(part, now_us, busy_timeout_ms, migrations)
        try:
            note = {"aside": target.name, "salvaged": asdict(salvage(path, database))}
            with database.transaction():
                database.execute(SET_METADATA, (_SALVAGED, json.dumps(note)))
                database.execute(SET_METADATA, (CLEAN_CLOSE, "1"))
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            database.close()
        rename(part, fresh_name(path))
    except BaseException:
        with suppress(StoreError):
            remove(part)
        raise
    set_aside(path, target)
    take_empty_place(path)


def _take_note(database: Database) -> tuple[str, Salvaged] | None:
    """Where the damaged file went whose place this one took, and what was carried over; told once."""
    text = database.scalar("SELECT value FROM metadata WHERE key = ?", (_SALVAGED,))
    if text is None:
        return None
    database.execute("DELETE FROM metadata WHERE key = ?", (_SALVAGED,))
    note = json.loads(text)
    return note["aside"], Salvaged(**note["salvaged"])


def _version_in_header(path: Path) -> int:
    # Read without SQLite, whose opening alone may touch the files beside it.
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StoreUnavailableError(f"cannot read {path.name}: {error.strerror}") from error
    return int.from_bytes(header[_USER_VERSION], "big") if header.startswith(_MAGIC) else 0


def _open_sound(
    path: Path, now_us: int, busy_timeout_ms: int, migrations: Sequence[Migration]
) -> tuple[Database, bool]:
    database = Database(path, busy_timeout_ms)
    try:
        newest = migrations[-1].version
        version = schema_version(database)
        if version >= _NO_VERSION:
            raise StoreDamagedError(f"{version} is no version")
        if version > newest:
            raise NewerSchemaError(version, newest)
        unclean = False
        if version == 0:
            # In one transaction with the version: another start may be making its tables.
            if _holds_other_tables(database):
                raise StoreDamagedError("the file is some other database")
            database.shape_new_file()
        else:
            closed = database.scalar("SELECT value FROM metadata WHERE key = ?", (CLEAN_CLOSE,))
            unclean = closed != "1"
            if unclean:
                check(database)
        database.use_wal()
        database.fold_on_close(True)
        migrate(database, now_us, migrations)
        if unclean:
            check_events(database)
        with database.transaction():
            database.execute(SET_METADATA, (CLEAN_CLOSE, "0"))
    except StoreDamagedError:
        database.fold_on_close(False)
        database.close()
        raise
    except StoreError as error:
        database.close()
        if _names_missing_table(error):
            raise StoreDamagedError(str(error)) from error
        raise
    except BaseException:
        database.close()
        raise
    return database, unclean


def _holds_other_tables(database: Database) -> bool:
    with database.reading():
        return schema_version(database) == 0 and bool(database.scalar("SELECT count(*) FROM sqlite_schema"))


def _names_missing_table(error: StoreError) -> bool:
    # SQLite has no code of its own for it. A file that says it has our schema and
    # lacks the table is damaged.
    return type(error) is StoreError and "no such table" in str(error)


def schema_version(database: Database) -> int:
    """Version of the schema of an open file, 0 for an empty one."""
    return int(database.scalar("PRAGMA user_version"))


def check(database: Database) -> None:
    """Look through the whole file.

    Raises:
        StoreDamagedError: something in it is not sound.
    """
    finding = database.scalar("PRAGMA quick_check(1)")
    if finding != "ok":
        raise database.damage(str(finding))
    if database.all("PRAGMA foreign_key_check"):
        raise database.damage("a row refers to one that is missing")
    # SQLite takes any bytes for a text, and without this table nothing starts.
    try:
        database.all("SELECT key, value FROM metadata")
    except StoreError as error:
        raise database.damage("metadata cannot be read") from error


def check_events(database: Database) -> None:
    """See whether what events refer to is there, in a file of the newest schema.

    Raises:
        StoreDamagedError: something is missing.
    """
    for column, table, where in _EVENT_NAMES:
        missing = database.scalar(
            f"SELECT 1 FROM raw_events WHERE {where} AND {column} NOT IN (SELECT id FROM {table}) LIMIT 1"
        )
        if missing:
            raise database.damage(f"an event refers to one of the {table} that is missing")


def migrate(database: Database, now_us: int, migrations: Sequence[Migration]) -> None:
    """Bring the schema forward, each step in one transaction, after a backup copy.

    Raises:
        MigrationError: a step failed and was rolled back.
    """
    found = schema_version(database)
    if found == migrations[-1].version:
        return
    if found:
        copy_to(database, database.path.with_name(f"{database.path.name}.v{found}.bak"))
    for migration in migrations:
        try:
            _step(database, now_us, migration, found)
        except MigrationError as error:
            _note_failure(database, now_us, migration, error)
            raise
    # From here on the header of the file itself tells the version.
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _step(database: Database, now_us: int, migration: Migration, found: int) -> None:
    with database.transaction():
        # Looked at again under the lock: another start may have been faster.
        if schema_version(database) >= migration.version:
            return
        try:
            for statement in migration.statements:
                database.execute(statement)
        except StoreRejectedError as error:
            raise MigrationError(f"migration to version {migration.version}: {error}") from error
        except StoreError as error:
            if type(error) is not StoreError:
                raise
            raise MigrationError(f"migration to version {migration.version}: {error}") from error
        status = {"from": found, "to": migration.version, "status": "completed", "at_us": now_us}
        database.execute(SET_METADATA, ("schema_version", str(migration.version)))
        database.execute(SET_METADATA, ("migration_status", json.dumps(status)))
        database.execute(f"PRAGMA user_version = {migration.version:d}")


def _note_failure(database: Database, now_us: int, migration: Migration, error: MigrationError) -> None:
    found = schema_version(database)
    if found == 0:
        return
    status = {
        "from": found,
        "to": migration.version,
        "status": "failed",
        "at_us": now_us,
        "error": str(error),
    }
    with database.transaction():
        database.execute(SET_METADATA, ("migration_status", json.dumps(status)))


def copy_to(database: Database, target: Path) -> None:
    """Write a consistent copy as one plain file, whole or not at all.

    Raises:
        StoreError: subclasses; an earlier copy of that name is then still there.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(part, isolation_level=None)) as connection:
                database.backup(connection)
                # One file that can be moved alone, without a write-ahead log beside it.
                connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise translate(error) from error
        part.replace(target)
    except OSError as error:
        raise StoreUnavailableError(f"cannot write {target.name}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
