"""The file itself: opening, migrating, setting aside, copying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
import fcntl
import json
import os
from pathlib import Path
import re
import sqlite3

from ..events import from_us
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
_SIDE_FILES = ("-wal", "-shm", "-journal")
# Copies from before a migration: the last one, and the one before it should the last step turn out to be wrong.
_COPIES_KEPT = 2

SET_METADATA = "INSERT INTO metadata VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
CLEAN_CLOSE = "clean_close"
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
    A damaged file is set aside under a dated name and a fresh one started.

    Raises:
        NewerSchemaError: the file is from a newer version; it is left untouched.
        StoreError: subclasses for a busy, full, unreadable or unwritable file.
    """
    newest = migrations[-1].version
    header_version = _version_in_header(path)
    if newest < header_version < _NO_VERSION:
        raise NewerSchemaError(header_version, newest)
    with _one_start_at_a_time(path.parent):
        try:
            database, unclean = _open_sound(path, now_us, busy_timeout_ms, migrations)
        except StoreDamagedError:
            aside = set_aside(path, now_us)
            database, _ = _open_sound(path, now_us, busy_timeout_ms, migrations)
            return Opened(database, aside, True, salvage(aside, database))
        _forget_old_copies(path)
        return Opened(database, None, unclean)


def _forget_old_copies(path: Path) -> None:
    """Of the copies that migrations left beside a file that has opened well, keep those of the newest versions."""
    named = re.compile(rf"{re.escape(path.name)}\.v(\d+)\.bak")
    with suppress(OSError):
        found = [
            (int(match[1]), copy) for copy in path.parent.iterdir() if (match := named.fullmatch(copy.name))
        ]
        for _, copy in sorted(found)[:-_COPIES_KEPT]:
            copy.unlink(missing_ok=True)


@contextmanager
def _one_start_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other start is creating, migrating or setting aside a file in this folder.

    Otherwise one takes the file that another has just begun for a damaged one. The folder itself is locked: the
    file may be renamed, and such a lock goes with its process.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        # Opening the file will say what is wrong.
        yield
        return
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


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


def set_aside(path: Path, now_us: int) -> Path:
    """Rename the file and those beside it under a dated name; the new name.

    Raises:
        StoreUnavailableError: it cannot be renamed.
    """
    stamp = from_us(now_us).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    try:
        # The database last: while it stands, the next start finds the damage again.
        for suffix in _SIDE_FILES:
            side = path.with_name(path.name + suffix)
            if side.exists():
                side.rename(target.with_name(target.name + suffix))
        path.rename(target)
    except OSError as error:
        raise StoreUnavailableError(f"cannot set aside {path.name}: {error.strerror}") from error
    return target


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
